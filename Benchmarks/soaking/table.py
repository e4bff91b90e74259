"""The service table: every way of serving beside every other, in variations for reloads."""
import collections

# What strangers may find there, and may be stopped or become something else at any time.
SHIFTY = ['exec: /bin/cat', 'internal: echo', 'exec: /bin/cat\n    wait: true', 'redirect: "{work}/echo.sock"',
          'handoff: {{exec: [/bin/false], queue: {{timeout: 1s}}, restart: {{burst: 2}}}}']
TABLE = """
runtime_directory: {work}/run
{separation}
log: {{format: json, level: {level}, to: {log}}}
metrics: {{listen: "127.0.0.1:0"}}
limits: {{stop_timeout: 3s}}
defaults:
  per_source: unlimited
  stop_grace: 2s
  env: {{BATON_TROUBLE_SEED: "{seed}", BATON_TROUBLE_RECORDS: "{work}/records"}}
services:
  exec: {{listen: "127.0.0.1:0", exec: [{work}/program, exec, nowait], instances: {instances}}}
  small:
    listen: "127.0.0.1:0"
    exec: [{work}/program, small, nowait]
    instances: {instances}
    {other_user}
  memory: {{listen: "127.0.0.1:0", exec: [{work}/program, memory, nowait], rlimits: {{as: {memory}}}}}
  limited:
    listen: "127.0.0.1:0"
    exec: [{work}/program, limited, nowait]
    instances: 4
    per_source: 2
    on_limit: refuse
    rate: 40/s
    on_rate: refuse
    busy_reply: "busy\\r\\n"
  wait: {{listen: "127.0.0.1:0", wait: true, exec: [{work}/program, wait, wait]{trigger}}}
  datagrams: {{listen: "udp://127.0.0.1:0", wait: true, exec: [{work}/program, datagrams, datagrams]{trigger}}}
  ack:
    listen: "127.0.0.1:0"
    handoff: {{exec: [{work}/trouble, ack, done], start: eager, handlers: 2, hold: ack, pass_to: [ack, done]{pool}}}
  done:
    listen: "127.0.0.1:0"
    env: {{ROUND: "{handlers_round}"}}
    handoff: {{exec: [{work}/trouble, done, ack], start: eager, handlers: 2, hold: done, pass_to: [ack, done]{pool}}}
  fallback:
    listen: "127.0.0.1:0"
    exec: [{work}/program, fallback, nowait]
    handoff: {{capacity: 4, queue: {{size: 8, timeout: 20s}}}}
  fickle:
    listen: "127.0.0.1:0"
    handoff: {{exec: [/bin/sh, -c, "test ! -e {work}/no-fickle && exec {work}/trouble fickle fickle"]{pool}}}
  proxied:
    listen: "127.0.0.1:{proxied_port}"
    proxy_protocol: {{from: [127.0.0.0/8]}}
    handoff: {{exec: [{work}/trouble, proxied, proxied], pass_to: [proxied]{pool}}}
  relay: {{listen: "127.0.0.1:0", redirect: "127.0.0.1:{proxied_port}", send_proxy: v2, instances: 100}}
  front:
    listen: "127.0.0.1:0"
    route:
      timeout: 3s
      rules: [{{match: {{prefix: "0"}}, to: routed-exec}}, {{match: {{prefix: "1"}}, to: routed-ack}}]
  routed-exec: {{exec: [{work}/program, routed-exec, nowait], instances: 100}}
  routed-ack: {{handoff: {{exec: [{work}/trouble, routed-ack, routed-ack], pass_to: [routed-ack]{pool}}}}}
  mux: {{listen: "127.0.0.1:0", internal: tcpmux}}
  mux-exec: {{tcpmux: mux-exec, exec: [{work}/program, mux-exec, nowait], instances: 100}}
  mux-ack:
    tcpmux: +mux-ack
    handoff: {{exec: [{work}/trouble, mux-ack, mux-ack], pass_to: [mux-ack]{pool}}}
  script:
    listen: "127.0.0.1:0"
    exec: [{work}/baton, pass, --runtime-directory, {work}/run, ack]
    instances: 16
  echo:
    listen: ["127.0.0.1:0", "udp://127.0.0.1:0", {{address: "{work}/echo.sock", mode: "0666"}}]
    internal: echo
    instances: 200
  echo-relay: {{listen: "127.0.0.1:0", redirect: "{work}/echo.sock", instances: 100}}
  daytime: {{listen: "127.0.0.1:0", internal: daytime}}
  time: {{listen: "127.0.0.1:0", internal: time}}
  discard: {{listen: "127.0.0.1:0", internal: discard}}
  chargen: {{listen: "127.0.0.1:0", internal: chargen}}
  shifty:
    listen: ["127.0.0.1:{shifty_port}", "{work}/shifty.sock"]
    {shifty}
"""
POOL = (', unresponsive: kill, capacity: {capacity}, queue: {{size: {queue}, timeout: 20s}}'
        ', heartbeat: {{interval: 500ms, timeout: 2s}}'
        ', restart: {{backoff: {{first: 20ms, longest: 500ms}}, burst: 1000, interval: 1s}}'
        ', drain: 5s, stop_grace: 2s')
TRIGGER = ', trigger_limit: {burst: 100, interval: 1s, backoff: {first: 100ms, longest: 1s}}'
GUEST = '  guest: {{listen: ["127.0.0.1:0", "{work}/guest.sock"], exec: /bin/cat}}\n'
# Services for which handlers register from outside, and the one that these pass connections to.
REGISTERED = [('ack', 'done'), ('done', 'ack'), ('fallback', 'fallback')]
HANDED_OFF = ['ack', 'done', 'fickle', 'proxied', 'routed-ack', 'mux-ack']

Facts = collections.namedtuple('Facts', 'work log seed proxied_port shifty_port other_uid supervisor_user level')


def first(facts):
    """The table at the start, and after each run."""
    return text(facts, instances=32, memory='64MiB', handlers_round=0, capacity=48, queue=64, shifty=0, guest=False)


def variation(facts, random):
    return text(facts, instances=random.choice([32, 33, 48, 64]), memory=random.choice(['64MiB', '65MiB', '2MiB']),
                handlers_round=random.randrange(3), capacity=random.choice([32, 48, 64]),
                queue=random.choice([16, 64, 128]), shifty=random.randrange(len(SHIFTY)), guest=random.random() < 0.5)


def text(facts, shifty, guest, capacity, queue, **values):
    values |= {'separation': f'supervisor_user: {facts.supervisor_user}' if facts.supervisor_user else '',
               'pool': POOL.format(capacity=capacity, queue=queue), 'trigger': TRIGGER,
               'shifty': SHIFTY[shifty].format(work=facts.work),
               'other_user': f'user: "{facts.other_uid}"\n    group: "{facts.other_uid}"\n    rlimits: {{nproc: 40}}'
               if facts.other_uid else 'rlimits: {nofile: 64}'}
    return TABLE.format(**facts._asdict(), **values) + (GUEST.format(work=facts.work) if guest else '')
