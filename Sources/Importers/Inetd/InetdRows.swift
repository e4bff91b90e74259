/// What becomes of the parts of an inetd.conf: one row each, for the guide and for the reports.
enum InetdRow {
    static let service = DirectiveRow(
        "service name or port", .exact, "listen", "A name is looked up in services(5) when the table is read.")
    static let badPort = DirectiveRow(
        "port 0, or above 65535", .notExpressible, "", "there is no such port; openbsd-inetd skips the line as well")
    static let host = DirectiveRow("host:service, host,host:service", .exact, "listen")
    static let defaultHost = DirectiveRow(
        "host: on a line of its own", .exact, "listen", "It becomes the address of each service after it.")
    static let path = DirectiveRow(
        "/path of a Unix socket, with :user:group:mode: in front", .exact, "listen (owner, group, mode)")
    static let badPath = DirectiveRow(
        "unix without an absolute path, or with one of more than 107 bytes", .notExpressible, "",
        "a Unix socket is listened on at an absolute path, and the kernel takes 107 bytes")
    static let mux = DirectiveRow("tcpmux/name, tcpmux/+name", .exact, "tcpmux")
    static let rpc = DirectiveRow(
        "name/version with rpc/tcp or rpc/udp", .notExpressible, "enabled: false",
        "Baton does not register ports with rpcbind, so clients would not find the service")

    static let type = DirectiveRow("stream, dgram, seqpacket", .exact, "listen")
    static let badType = DirectiveRow(
        "raw, rdm, and types that do not fit the protocol", .notExpressible, "",
        "Baton listens on tcp, udp, Unix and vsock sockets only")
    static let acceptMax = DirectiveRow("stream,max (NetBSD)", .exact, "instances")
    static let filter = DirectiveRow(
        "stream:filter (NetBSD's accept filters)", .approximated, "socket.defer_accept",
        "TCP_DEFER_ACCEPT waits for the first data, and does not look at it as an accept filter may")

    static let family = DirectiveRow(
        "tcp, udp", .exact, "listen",
        "Both IPv4 and IPv6, as Debian's openbsd-inetd takes them; IPv4 only in FreeBSD, NetBSD and GNU inetutils. "
            + "Write tcp4:// or udp4:// for that.")
    static let familyNumber = DirectiveRow("tcp4, tcp6, tcp6only, tcp46, and so for udp", .exact, "listen")
    static let unix = DirectiveRow("unix", .exact, "listen")
    static let buffers = DirectiveRow(
        "protocol,sndbuf=size,rcvbuf=size", .exact, "socket.send_buffer, socket.receive_buffer")
    static let faith = DirectiveRow(
        "faith/tcp6, tcp6/faith", .notExpressible, "", "faithd's translation of IPv6 to IPv4 does not exist on Linux")
    static let transaction = DirectiveRow(
        "tcp/ttcp", .approximated, "listen", "T/TCP does not exist any more; the service speaks plain TCP")

    static let wait = DirectiveRow("wait, nowait", .exact, "wait")
    static let otherWait = DirectiveRow(
        "another word in place of wait", .approximated, "wait", "it is taken as nowait, as inetd takes it")
    static let datagramNowait = DirectiveRow(
        "dgram … nowait", .approximated, "wait: true",
        "a datagram socket has no connections, so the program gets the socket itself, and the next start waits for "
            + "its exit")
    static let rate = DirectiveRow(
        "nowait.max, nowait:max", .approximated, "rate",
        "over the limit connections wait in the backlog; inetd closes the port for ten minutes")
    static let waitRate = DirectiveRow(
        "wait.max, wait:max", .approximated, "trigger_limit",
        "Baton's trigger_limit pauses a wait service whose program keeps failing, or keeps leaving what came unread")
    static let children = DirectiveRow(
        "nowait/max-child (FreeBSD)", .exact, "instances", "Further connections wait in the backlog, as there.")
    static let perMinute = DirectiveRow(
        "/max-connections-per-ip-per-minute (FreeBSD), ip_max (NetBSD)", .approximated, "rate_per_source",
        "counted by a token bucket instead of slots of ten seconds, and IPv6 sources by /64")
    static let perAddress = DirectiveRow(
        "/max-child-per-ip (FreeBSD)", .exact, "per_source", "IPv6 sources count by /64; see source_prefix.")
    static let waitChildren = DirectiveRow(
        "wait/max-child… (FreeBSD)", .notExpressible, "",
        "a wait service has one process, which takes the connections itself; limit them there")

    static let user = DirectiveRow("user", .exact, "user", "Its supplementary groups are given to the process too.")
    static let numericUser = DirectiveRow(
        "user as a number", .approximated, "user",
        "it is a user id here; openbsd-inetd closes each connection of such an entry")
    static let group = DirectiveRow(
        "user.group, user:group", .exact, "user, group",
        "The group is the only one, as in openbsd-inetd; write groups: init for those of the user as well.")
    static let login = DirectiveRow(
        "user/login-class", .notExpressible, "",
        "login classes are BSD's; say what the class gives with rlimits, nice, umask and env")

    static let program = DirectiveRow("server program", .exact, "exec", "With stderr: connection, as in inetd.")
    static let arguments = DirectiveRow(
        "server program arguments", .exact, "exec, argv0")
    static let manyArguments = DirectiveRow(
        "more than 20 arguments, the name included", .approximated, "exec",
        "all of them are passed on; openbsd-inetd and its kin cut them off after 20 in silence")
    static let quotes = DirectiveRow(
        "quotes in arguments", .approximated, "exec",
        "quotes join words, as in GNU inetutils, FreeBSD and NetBSD; openbsd-inetd passes them on as they stand")
    static let openQuote = DirectiveRow(
        "a quote that is not closed", .approximated, "exec", "it is passed on as it stands, as openbsd-inetd does")
    static let internal_ = DirectiveRow(
        "internal (echo, discard, daytime, time, chargen, tcpmux)", .exact, "internal",
        "Datagram services answer no source port below 1024 and no other small service, and are rate limited.")
    static let auth = DirectiveRow(
        "internal auth (FreeBSD)", .notExpressible, "", "Baton has no ident service; use a program such as oidentd")
    static let tcpd = DirectiveRow(
        "/usr/sbin/tcpd", .exact, "only_from, no_access",
        "Baton checks before it starts anything. The rules of hosts.allow and hosts.deny are read at the time of the "
            + "import, and have their own remarks.")

    static let off = DirectiveRow("#<off># (update-inetd)", .exact, "enabled: false")
    static let policy = DirectiveRow(
        "#@ policy, ipsec = (FreeBSD, NetBSD)", .notExpressible, "",
        "IPsec policies belong to the system: ip xfrm policy, or an IKE daemon")
    static let include = DirectiveRow(".include (NetBSD)", .exact, "", "Its entries stand in the same table.")
    static let continuation = DirectiveRow(
        "white space at the start of a line", .approximated, "",
        "it continues the line before, as in the BSDs; GNU inetutils drops it")
    static let carriageReturn = DirectiveRow(
        "a line that ends in CR LF", .approximated, "",
        "the CR is left out; inetd passes it to the program as part of its last argument")
    static let again = DirectiveRow(
        "the same service, protocol and address once more", .exact, "", "The later line counts, as in inetd.")
    static let keys = DirectiveRow(
        "name on|off key = value, …; (NetBSD)", .exact, "",
        "bind, socktype, acceptfilter, protocol, sndbuf, recvbuf, wait, service_max, ip_max, accept_max, user, "
            + "group, exec and args mean what their fields mean.")

    static let table = DirectiveTable(
        "inetd.conf",
        [
            ("Service", [service, badPort, host, defaultHost, path, badPath, mux, rpc]),
            ("Socket type", [type, badType, acceptMax, filter]),
            ("Protocol", [family, familyNumber, unix, buffers, faith, transaction]),
            (
                "Wait",
                [wait, otherWait, datagramNowait, rate, waitRate, children, perMinute, perAddress, waitChildren]
            ),
            ("User", [user, numericUser, group, login]),
            ("Program", [program, arguments, manyArguments, quotes, openQuote, internal_, auth, tcpd]),
            ("Lines", [off, policy, include, continuation, carriageReturn, again, keys]),
        ])
}
