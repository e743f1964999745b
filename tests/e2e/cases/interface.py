"""egress.interface: what leaves the host leaves by that interface, or not at all."""
import contextlib
import pathlib

from lab import internet as net
from lab.case import SECONDS, Done, Reader, case, check, check_equal, check_in
from lab.uplinks import Host

RULES = ["203.0.113.0/24", "[2001:db8:2::]/48", f"icmp://{net.WEB4}", f"icmp://[{net.WEB6}]",
         "*.lab"]
DNS = {"servers": [net.DNS4, net.DNS6], "timeout": "30s", "attempts": 1}


@contextlib.contextmanager
def host_of(bench):
    host = Host(bench.net)
    try:
        yield host
    finally:
        host.close()


@contextlib.contextmanager
def taps_of(host):
    taps = [host.tap(uplink) for uplink in (host.one, host.two)]
    try:
        yield taps
    finally:
        for tap in taps:
            tap.close()


def run_on(host, bench, command, policy, options=()):
    """As bench.run(), on that host."""
    words, log = bench.words(policy, command, options)
    process = bench.start(host.words(words), pass_fds=[host.netns])
    status, out, err = bench.finish(process, b"")
    bench.last = done = Done(status, out, err, log)
    if log.exists():
        bench.check_log(done)
    return done


def policy_of(bench, interface, **keys):
    egress = {"host_ports": [net.HOST_PORT]} | ({"interface": interface} if interface else {})
    return bench.policy(allow=RULES, egress=egress, dns=DNS | keys)


# TCP, UDP, echoes and names, each with both families, and a port of the host's loopback.
EVERYTHING = f"""
set -e
probe=$1
for at in {net.WEB4} {net.WEB6}; do
    "$probe" greeting $at {net.GREET}
    "$probe" udp $at {net.ECHO} x 3
    ping -n -q -c 2 -l 2 -W 20 $at | grep transmitted
done
"$probe" resolve web.lab
"$probe" greeting host.childflow.internal {net.HOST_PORT}
"""
ANSWERS = ["220 ready", "hello", "x0", "x1", "x2", "2 packets transmitted, 2 received"]


def check_everything(host, bench, interface, uplink, options=(), **keys):
    """Everything once; by this uplink, and nothing by the other."""
    with taps_of(host) as taps:
        done = run_on(host, bench, ["sh", "-c", EVERYTHING, "sh", bench.probe],
                      policy_of(bench, interface, **keys), options)
        check_equal(done.status, 0, "status")
        seen = {link.name: host.seen(tap) for link, tap in zip((host.one, host.two), taps)}
    lines = [line.split(", 0% ")[0] for line in done.out.splitlines()]
    check_equal(lines, [*ANSWERS, *ANSWERS, " ".join(sorted([net.WEB4, net.WEB6])), *ANSWERS[:2]],
                "what was answered")
    other = host.two if uplink is host.one else host.one
    check_equal(seen[other.name], [], f"packets by {other.name}")
    # Three segments of TCP at least, three datagrams and two echoes, each with both families.
    check(len(seen[uplink.name]) >= 16, f"packets by {uplink.name}: {seen[uplink.name]}")
    return done


def check_via(done, interface, uplink):
    """What the log says about the ways of a run."""
    check_equal(done.one("run_start")["interface"], interface)
    locals_of = {"lo": {"127.0.0.1"}, interface: {uplink.local4, uplink.local6}}
    ways = [event["via"] for event in done.of("flow_open")]
    check_equal({way["interface"] for way in ways}, {interface, "lo"}, "ways")
    for way in ways:
        check_in(way["local"]["ip"], locals_of[way["interface"]])
        check_equal(way["proxy"], None)


@case("without egress.interface the default route decides")
def control(bench):
    with host_of(bench) as host:
        host.serve(net.HOST_PORT)
        done = check_everything(host, bench, None, host.two)
        check_equal(done.one("run_start")["interface"], None)
        check_equal({event["via"]["interface"] for event in done.of("flow_open")}, {None})


@case("with egress.interface no packet leaves by another: TCP, UDP, ping and DNS")
def everything(bench):
    with host_of(bench) as host:
        host.serve(net.HOST_PORT)
        check_via(check_everything(host, bench, "eth1", host.one), "eth1", host.one)
        check_via(check_everything(host, bench, "eth1", host.one, transport="tcp"), "eth1",
                  host.one)
        # The option beats the file.
        check_via(check_everything(host, bench, "off", host.one, ["--interface", "eth1"]), "eth1",
                  host.one)


@case("of a list of interfaces the first that is up is taken")
def listed(bench):
    with host_of(bench) as host:
        host.serve(net.HOST_PORT)
        check_via(check_everything(host, bench, ["none", "off", "idle", "eth1", "eth2"], host.one),
                  "eth1", host.one)


def check_refused(host, bench, interface, message, options=()):
    """The command does not run, and nothing is sent."""
    with taps_of(host) as taps:
        done = run_on(host, bench, ["echo", "ran"], policy_of(bench, interface), options)
        check_equal((done.status, done.out), (125, ""), "status and output")
        check_in(message, done.err, "message")
        for tap in taps:
            check_equal(host.seen(tap), [], "packets")


@case("an interface that is missing, down or without a carrier refuses the run")
def refused(bench):
    has = "the host has lo (up), eth1 (up), eth2 (up), off (down), idle (no carrier)"
    with host_of(bench) as host:
        check_refused(host, bench, "none",
                      f"childflow: egress.interface: 'none' does not exist; {has}\n")
        check_refused(host, bench, "off", "egress.interface: 'off' is down")
        check_refused(host, bench, "idle", "egress.interface: 'idle' has no carrier")
        check_refused(host, bench, ["none", "off", "idle"],
                      "'none' does not exist, 'off' is down, 'idle' has no carrier; the host has")
        check_refused(host, bench, "eth1", "'eth9' does not exist", ["--interface", "eth9"])


@case("egress.ipv6 is judged by the interface's own routes")
def ipv6(bench):
    with host_of(bench) as host:
        host.tool("-6", "addr", "flush", "dev", "eth1", "scope", "global")
        host.tool("-6", "route", "flush", "dev", "eth1", "proto", "boot")
        policy = bench.policy(allow=RULES, egress={"interface": "eth1"}, dns=DNS)
        done = run_on(host, bench, [bench.probe, "connect", net.WEB6, "80", net.WEB4, "80"], policy)
        check_equal(done.out.split(), ["ENETUNREACH", "ok"])
        policy = bench.policy(allow=RULES, egress={"interface": "eth1", "ipv6": "on"}, dns=DNS)
        done = run_on(host, bench, ["true"], policy)
        check_equal(done.status, 125, "status")
        check_in("the host has no IPv6 route by eth1", done.err)


@case("a DNS server on the host's loopback is asked only when the policy names it")
def loopback_server(bench):
    conf = pathlib.Path("/etc/resolv.conf")
    before = conf.read_text(encoding="utf-8")
    with host_of(bench) as host:
        policy = bench.policy(allow=RULES, egress={"interface": "eth1"})
        named = bench.policy(allow=RULES, egress={"interface": "eth1"},
                             dns={"servers": ["127.0.0.53"], "attempts": 1})
        try:
            conf.write_text("nameserver 127.0.0.53\n", encoding="utf-8")
            done = run_on(host, bench, ["true"], policy)
            check_equal(done.status, 125, "status")
            check_in("names the DNS server 127.0.0.53:53, which that interface does not lead to",
                     done.err)
            with taps_of(host) as taps:
                # Nobody listens there, which is told at once by the loopback alone.
                done = run_on(host, bench, [bench.probe, "resolve", "web.lab"], named)
                check_equal(done.status, 0, "status")
                check_equal({event["rcode"] for event in done.of("dns")}, {"SERVFAIL"})
                for tap in taps:
                    check_equal(host.seen(tap), [], "packets")
        finally:
            conf.write_text(before, encoding="utf-8")


# Talks by what there is, says how that ends, and what comes after it.
LOSER = f"""
import errno, select, socket, subprocess, sys

def name(error):
    return errno.errorcode.get(error.errno, str(error))

def connect(address):
    try:
        with socket.create_connection((address, {net.ECHO}), 60) as sock:
            sock.sendall(b"x")
            return sock.recv(1).decode()
    except OSError as error:
        return name(error)

def udp(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        # IP_RECVERR, IPV6_RECVERR: also errors that a UDP socket is not told of as a rule.
        sock.setsockopt(*((41, 25) if ":" in address else (0, 11)), 1)
        sock.settimeout(60)
        try:
            sock.connect((address, {net.ECHO}))
            sock.send(b"u")
            return sock.recv(1).decode()
        except OSError as error:
            return name(error)

def ping(address):
    said = subprocess.run(["ping", "-n", "-c1", "-W60", address], stdout=subprocess.PIPE, text=True)
    return "alive" if said.returncode == 0 else \\
        "unreachable" if "nreachable" in said.stdout or "No route" in said.stdout else said.stdout

def resolve(name):
    try:
        return socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)[0][4][0]
    except socket.gaierror as error:
        return error.args[0] == socket.EAI_AGAIN and "again" or str(error)

def everything():
    for address in "{net.WEB4}", "{net.WEB6}":
        print(connect(address), udp(address), ping(address), flush=True)
    print(resolve("v4.lab"), flush=True)

def ending(sock):
    if sock is hole:
        select.select([], [sock], [], 60)
        return errno.errorcode.get(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), "none")
    try:
        return "end" if sock.recv(1) == b"" else "data"
    except OSError as error:
        return name(error)

socks = [socket.create_connection((address, {net.ECHO}), 60)
         for address in ("{net.WEB4}", "{net.WEB6}") for _ in range(3)]
for sock in socks:
    sock.sendall(b"x")
    assert sock.recv(1) == b"x"
talk = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
talk.setsockopt(0, 11, 1)
talk.settimeout(60)
talk.connect(("{net.WEB4}", {net.ECHO}))
talk.send(b"u")
assert talk.recv(1) == b"u"
hole = socket.socket()
hole.setblocking(False)
hole.connect_ex(("{net.HOLE4}", 80))
print("open", flush=True)
for word in sys.stdin:
    if word == "endings\\n":
        print(*[ending(sock) for sock in (*socks, talk, hole)], flush=True)
    elif word == "still\\n":
        for sock in socks:
            sock.sendall(b"y")
        print(*[sock.recv(1).decode() for sock in socks], flush=True)
    else:
        everything()
"""


class Loser:
    """A run of that program on a host, asked line by line."""

    def __init__(self, host, bench, options=()):
        self.bench = bench
        script = bench.write("loser.py", LOSER)
        policy = bench.policy(allow=RULES, egress={"interface": "eth1"}, dns=DNS | {"cache": 0})
        words, self.log = bench.words(policy, ["python3", str(script)], options)
        self.process = bench.start(host.words(words), pass_fds=[host.netns])
        self.reader = Reader(self.process.stdout.fileno())
        self.reader.until(r"^open\n")

    def ask(self, word, lines):
        self.process.stdin.write(f"{word}\n".encode())
        self.process.stdin.flush()
        return [self.reader.until(r"^(.*)\n", 2 * SECONDS)[1] for _ in range(lines)]

    def done(self):
        self.process.stdin.close()
        err = self.process.stderr.read().decode()
        status = self.process.wait(SECONDS)
        self.bench.last = done = Done(status, self.reader.text, err, self.log)
        self.bench.check_log(done)
        check_equal(status, 0, "status")
        return done


ALIVE = ["x u alive", "x u alive", net.WEB4]
LOST = ["ENETUNREACH ENETUNREACH unreachable"] * 2 + ["again"]


def check_lost(bench, options=()):
    with host_of(bench) as host, contextlib.closing(host.tap(host.two)) as other:
        loser = Loser(host, bench, options)
        check_equal(loser.ask("everything", 3), ALIVE)
        host.tool("link", "del", "eth1")
        # Six connections, a conversation by UDP, and a connect that was under way.
        check_equal(loser.ask("endings", 1), [" ".join(["ECONNRESET"] * 6 + ["ENETUNREACH"] * 2)])
        check_equal(loser.ask("everything", 3), LOST)
        check_equal(host.seen(other), [], "packets by eth2")
        # One of the same name is what the policy names; it has another index.
        host.link(host.one)
        check_equal(loser.ask("everything", 3), ALIVE)
        check_equal(host.seen(other, resets=False), [], "packets by eth2")
        return loser.done()


@case("an interface that vanishes ends its flows, and no other is taken")
def vanished(bench):
    for options in ([], ["--engine-threads", "3"]):
        done = check_lost(bench, options)
        warning = done.one("warning")
        check_equal(warning["code"], "interface_gone")
        check_in("the interface 'eth1' is gone: ", warning["text"])
        before = done.events[:done.events.index(warning)]
        ended = [event for event in before if event["event"] == "flow_close" and
                 event["result"] == "unreachable"]
        check(len(ended) >= 8, f"flows that ended: {ended}")
        check_in("SERVFAIL", {event["rcode"] for event in done.of("dns")})
        check_equal({event["via"]["interface"] for event in done.of("flow_open")}, {"eth1"})


@case("while the interface is down nothing leaves, and what is open goes on behind it")
def down(bench):
    with host_of(bench) as host, contextlib.closing(host.tap(host.two)) as other:
        # With it the address stays, and with that the connections: as for any program.
        host.write("ipv6/conf/eth1/keep_addr_on_down", "1")
        host.tool("addr", "change", f"{host.one.local6}/64", "dev", "eth1", "nodad")
        loser = Loser(host, bench)
        host.tool("link", "set", "eth1", "down")
        check_equal(loser.ask("everything", 3), LOST)
        host.tool("link", "set", "eth1", "up")
        host.routes(host.one)
        check_equal(loser.ask("still", 1), ["y y y y y y"])
        check_equal(loser.ask("everything", 3), ALIVE)
        check_equal(host.seen(other), [], "packets by eth2")
        check_equal(loser.done().of("warning"), [])
