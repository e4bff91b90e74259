/// Tables that are right and tables that are not. Together the right ones have every key.
enum SchemaSamples {
    static let right = [
        """
        include: [conf.d/*.yaml, {inetd: /etc/inetd.conf}, {xinetd: /etc/xinetd.conf}, {systemd: /etc/systemd/system}]
        runtime_directory: /run/b
        supervisor_user: nobody
        log: {level: debug, format: json, to: /var/log/b}
        control: {group: adm}
        metrics: {listen: [9100, {address: "[::1]:9100", backlog: 5}]}
        limits: {instances: unlimited, open_files: 4096, stop_timeout: 0s}
        """,
        """
        services:
          one:
            listen: [8080, "127.0.0.1:8080", "[::1]:80", /run/x.sock, "@name", "udp://*:69", "vsock://*:7", http,
                     "unix+seqpacket:///run/y", "tcp6://*:8081", "localhost:http", {address: 1, name: first}]
            socket: {backlog: unlimited, reuse_port: true, interface: eth0, free_bind: true, transparent: false, mark: 0,
                     priority: 6, tos: 16, ttl: 64, broadcast: true, multicast: [224.0.0.251, ff02::fb%eth0],
                     keep_alive: {idle: 60s, interval: 5s, count: 3}, no_delay: true, defer_accept: 5s, fast_open: 16,
                     congestion: cubic, receive_buffer: 64KiB, send_buffer: 65536, mode: 0660, owner: root,
                     group: "0", directory_mode: "0750", remove_on_stop: false, ipv6_only: true}
            exec: [/bin/cat, '', 5, true]
            wait: true
            heartbeat: 30s
            unresponsive: wait
            trigger_limit: {burst: unlimited, interval: 2s, backoff: {first: 1s, longest: 1m}}
          two:
            listen: 2
            exec: "/bin/echo 'a b'"
            style: ucspi
            enabled: false
            tcpmux: +finger
            log_on: [start, exit, refuse, duration]
            banner: "welcome"
            no_access: [10.1.2.3, 10.0.0.0/8, "::1/128", 10.0.0.1-10.0.0.9, a-b.example.org, .example.net]
            access_times: [08:00-18:00, "Mon-Fri,Sun 22:00-06:00"]
            max_load: 2.5
            instances: 5
            per_source: 2
            source_prefix: {ipv4: 24, ipv6: 48}
            rate: {rate: 600/min, burst: 5}
            rate_per_source: 5/s
            on_limit: refuse
            on_rate: reset
            on_source_limit: reset
            busy_reply: "421 busy\\r\\n"
            proxy_protocol: {from: [10.0.0.0/8, "::1"], version: v2, others: plain}
            user: nobody
            group: 5
            groups: [0, daemon]
            umask: 077
            directory: /tmp
            chroot: /srv
            nice: -5
            oom_score_adjust: 100
            cpu_affinity: [0, 2-3]
            env: {A: 1, B: '', C: true}
            pass_env: [TZ]
            argv0: dog
            rlimits: {nofile: 64, nproc: unlimited, cpu: 30s, as: 1GiB, data: 10MB, stack: 8MiB, core: 0, fsize: 5,
                      memlock: 64KiB}
            stderr: "null"
            runtime_limit: 1h30m
            stop_signal: SIGINT
            stop_grace: unlimited
            cgroup: /baton/web
            no_new_privileges: true
            capabilities: [CAP_CHOWN, net_bind_service]
            on_stop: leave
          three:
            listen: 3
            connections: 100
            exec: /bin/cat
            handoff:
              exec: [/bin/cat]
              start: eager
              handlers: {min: 0, max: unlimited, idle: 10s}
              capacity: unlimited
              balance: source
              register: {users: [root, 5], groups: [adm]}
              queue: {size: unlimited, timeout: 5s}
              max_deliveries: unlimited
              hold: done
              drain: unlimited
              heartbeat: {interval: 1s, timeout: 2s}
              unresponsive: wait
              start_timeout: 5s
              stop_grace: 0s
              restart: {policy: never, backoff: {first: 1ms}, burst: 3, interval: 1m}
              idle_exit: never
              pass_to: [two]
          four: {listen: 4, redirect: "127.0.0.1:80", send_proxy: v2, log_on: [traffic]}
          five: {listen: /run/five, only_users: [root], only_groups: [adm], exec: /bin/cat, groups: init}
          six:
            listen: 6
            route:
              timeout: unlimited
              max_bytes: 4KiB
              rules:
                - {match: ssh, to: two}
                - {match: {tls: {server_name: "*.example.org", alpn: h2}}, to: two}
                - {match: {http: {host: api.example.org, path: /v1, method: GET}}, to: two}
                - {match: {courier: {program: 2, version: 2-3}}, to: two}
                - {match: {prefix: "GET "}, to: two}
              default: two
          seven: {listen: 7, handoff: {handlers: 3, register: false, heartbeat: false}}
        """,
        """
        defaults: {only_from: [10.0.0.0/8], instances: 7, env: {A: b}, rate: unlimited, heartbeat: false}
        services:
          one: {listen: 1, internal: echo, +only_from: [192.0.2.1], -only_from: [10.0.0.0/8]}
        """,
        "services: {one: {listen: 1, internal: echo, stderr: null}}",
    ]

    /// One fault each, of every kind that can be seen without a look at the machine or other services.
    static let wrong =
        [
            "{}", "5", "[a]", "frobs: 1", "services: []", "services: {s: 5}",
            "services: {-a: {listen: 1, internal: echo}}",
            "services: {s: {}}", "services: {s: {listen: 1}}",
            "log: {level: loud}\nservices: {s: {internal: echo}}",
            "log: {to: relative}\nservices: {s: {internal: echo}}",
            "log: [a]\nservices: {s: {internal: echo}}", "limits: {instances: 0}\nservices: {s: {internal: echo}}",
            "limits: {stop_timeout: 5}\nservices: {s: {internal: echo}}",
            "control: {groop: a}\nservices: {s: {internal: echo}}",
            "runtime_directory: run\nservices: {s: {internal: echo}}", "metrics: {}\nservices: {s: {internal: echo}}",
            "include: conf.d/*.yaml", "include: [{inetd: /a, xinetd: /b}]", "include: [{}]", "include: [[a]]",
            "defaults: {listen: 1}\nservices: {s: {internal: echo}}",
            "defaults: {+only_from: ['::1']}\nservices: {s: {internal: echo}}",
            "defaults: {exec: /a}\nservices: {s: {internal: echo}}",
        ] + services.map { "services: {s: {\($0)}}" }

    private static let services =
        dispatch + [
            "listen: 1, exec: []", "listen: 1, exec: ''", "listen: 1, exec: {a: b}", "listen: 1, exec: ~",
            "listen: 1, exec: [[/a]]", "listen: [], exec: /a", "listen: 1, internal: ecco",
            "listen: 1, internal: echo, send_proxy: v1", "listen: 1, exec: /a, connections: 5",
            "listen: 1, internal: echo, only_from: ['::1'], +only_from: ['::2']",
            "listen: 1, internal: echo, +only_from: 5",
            "listen: 1, internal: echo, +nice: [1]",
            "listen: 1, handoff: {frob: 1}", "listen: 1, handoff: {capacity: 0}", "listen: 1, handoff: {start: now}",
            "listen: 1, handoff: {handlers: 0}", "listen: 1, handoff: {handlers: {least: 1}}",
            "listen: 1, handoff: {register: true}", "listen: 1, handoff: {heartbeat: 5s}",
            "listen: 1, handoff: {restart: {policy: often}}", "listen: 1, handoff: {queue: {size: 0}}",
            "listen: 1, handoff: {restart: {backoff: {first: 0s}}}", "listen: 1, handoff: {pass_to: app}",
            "listen: 1, route: {}", "listen: 1, route: {rules: []}", "listen: 1, route: {rules: [{match: ssh}]}",
            "listen: 1, route: {rules: [{to: s, match: smtp}]}",
            "listen: 1, route: {rules: [{to: s, match: {tls: {}, http: {}}}]}",
            "listen: 1, route: {rules: [{to: s, match: {courier: {}}}]}",
            "listen: 1, route: {rules: [{to: s, match: {courier: {program: x}}}]}",
            "listen: 1, route: {rules: [{to: s, match: {http: {method: get}}}]}",
            "listen: 1, route: {rules: [{to: s, match: {tls: {server_name: 'a b'}}}]}",
        ] + endpoints.map { "listen: \($0), exec: /a" } + sockets.map { "listen: 1, exec: /a, socket: {\($0)}" }
        + settings.map { "listen: 1, exec: /a, \($0)" }

    private static let dispatch = [
        "listen: 1, exec: /a, internal: echo", "listen: 1, handoff: {}, redirect: 1",
        "listen: 1, redirect: 2, internal: echo",
        "listen: 1, route: {rules: [{match: ssh, to: s}]}, exec: /a", "listen: 1, internal: echo, wait: true",
        "listen: 1, handoff: {}, exec: /a, wait: true", "exec: /a, wait: true",
        "listen: 1, exec: /a, wait: true, banner: hello",
    ]

    private static let endpoints = [
        "99999", "-1", "'*'", "'127.0.0.1:'", "'::1'", "ftp://a:1", "relative/path", "'unix://x'", "/run/", "'@'",
        "'vsock://1'", "'tcp://*'", "{name: x}", "{address: 1, frob: 2}", "{address: 1, name: 'a:b'}", "'a b'", "[[1]]",
    ]

    private static let sockets = [
        "backlog: 0", "backlog: '5'", "reuse_port: yes", "mark: -1", "priority: 16", "ttl: 0", "tos: 256",
        "fast_open: 0",
        "keep_alive: {idle: 5}", "keep_alive: 1", "keep_alive: {count: 128}", "defer_accept: 0s", "interface: 'a/b'",
        "congestion: ''", "receive_buffer: 64XB", "mode: '0888'", "directory_mode: 77777", "owner: 'a b'",
        "multicast: 224.0.0.1", "multicast: [10.0.0.1]", "no_delay: 1", "bakclog: 5",
    ]

    private static let settings = [
        "style: xinetd", "wait: yes", "enabled: 1", "log_on: start", "log_on: [stop]", "heartbeat: 0s",
        "heartbeat: true",
        "unresponsive: restart", "only_from: 10.0.0.0/8", "only_from: [10]", "only_from: ['a b']", "no_access: [a/b]",
        "access_times: 8-18", "access_times: []", "access_times: 'Mo 08:00-18:00'", "access_times: [24-25]",
        "max_load: 0", "max_load: '4'", "max_load: high", "instances: 0", "instances: -1", "instances: '5'",
        "instances: 1.5",
        "per_source: none", "source_prefix: {ipv4: 33}", "rate: 50", "rate: 50/day", "rate: 0/s", "rate: {burst: 5}",
        "rate: {rate: 5/s, burst: 0}", "on_limit: drop", "on_source_limit: wait", "only_users: root", "busy_reply: ''",
        "trigger_limit: {burst: 0}", "trigger_limit: {interval: 5}", "proxy_protocol: {}", "proxy_protocol: {from: []}",
        "proxy_protocol: {from: [example.org]}", "proxy_protocol: {from: [10.0.0.0/8], version: v3}", "banner: ''",
        "user: ''", "user: 'a b'", "user: 4294967295", "user: -1", "group: [a]", "groups: a", "umask: '8'",
        "directory: tmp", "chroot: srv", "nice: 20", "oom_score_adjust: -1001", "cpu_affinity: 0", "cpu_affinity: [a]",
        "cpu_affinity: []", "cpu_affinity: [4096]", "env: [A]", "env: {A: [b]}", "env: {A: ~}", "pass_env: ['A=B']",
        "pass_env: TZ", "argv0: ''", "rlimits: {nofile: many}", "rlimits: {cpu: 5}", "rlimits: {frob: 1}",
        "rlimits: {as: 5XB}", "stderr: file", "stderr: ''", "runtime_limit: 0s", "runtime_limit: 5",
        "stop_signal: SIGFOO",
        "stop_signal: 65", "stop_grace: 5", "stop_grace: 1m1h", "cgroup: ''", "no_new_privileges: 'true'",
        "capabilities: CAP_CHOWN", "capabilities: ['']", "on_stop: keep", "tcpmux: 'a b'", "lisen: 5",
    ]
}
