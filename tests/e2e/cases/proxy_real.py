"""squid, tinyproxy, dante and microsocks as Debian has them: childflow goes through each."""
import contextlib
import shutil

from lab import internet as net
from lab import proxies
from lab import real_proxies as real
from lab.case import Done, Reader, Skipped, case, check, check_equal, check_in
from lab.tap import Tap
from lab.uplinks import Host

NAMES = ["web.lab:80,443", "git.lab:80", "v6.lab", "small.lab", real.DENIED, real.NOWHERE]
PLACES = ["203.0.113.0/24", "[2001:db8:2::]/48"]
MEGABYTES = 8
ICMP, UNREACHABLE = 1, b"\3"


class Kind:
    """One way to a proxy: the daemon, and what a policy says about it."""

    def __init__(self, name, daemon, scheme=None, port=None, **keys):
        self.name = name
        self.daemon = daemon
        self.scheme = scheme or daemon.scheme
        self.port = port or daemon.port
        self.keys = keys

    def policy(self, bench, host=proxies.PROXY4, allow=(*NAMES, *PLACES), **keys):
        """A policy by this proxy, which is started when it does not run."""
        real.of(bench.net, self.daemon)
        host = f"[{host}]" if ":" in host else host
        keys = {"url": f"{self.scheme}://{host}:{self.port}", "timeout": "20s", **self.keys, **keys}
        if self.scheme == "https":
            keys.setdefault("ca_file", str(bench.net.ca))
        policy = {name: keys.pop(name) for name in ("dns", "egress") if name in keys}
        return bench.policy(allow=allow, proxy=keys, **policy)


SQUID, TINY = Kind("squid", real.Squid), Kind("tinyproxy", real.Tinyproxy)
TLS = Kind("squid's TLS port", real.Squid, "https", real.TLS_PORTS["proxy"])
DANTE, MICRO = Kind("dante", real.Dante), Kind("microsocks", real.Microsocks)
TELLING = Kind("dante", real.DanteTelling)
EACH = [SQUID, TLS, TINY, DANTE, MICRO]


def cases(sentence, *rows):
    """A case for each row, the first of which is a Kind; the sentence says {} for its name."""
    def register(function):
        for kind, *rest in rows:
            name = sentence.format(kind.name, *rest)

            def run(bench, kind=kind, rest=rest):
                function(bench, kind, *rest)
            case(name)(run)
        return function
    return register


def is_an_answer(packet):
    """The kernel's own: to its neighbours, or to what came late for a run that has ended."""
    return packet.is_the_kernels() or packet.is_reset() or \
        (packet.protocol == ICMP and packet.body[:1] == UNREACHABLE)


@contextlib.contextmanager
def nothing_but(bench, *targets):
    """What is done below sends packets to these addresses, and to no other."""
    tap = Tap(bench.net, net.ROUTER4)
    try:
        yield
        seen = [packet for packet in tap.all() if not is_an_answer(packet)]
        others = [str(packet) for packet in seen if packet.target not in targets]
        check_equal(others, [], "packets around the proxy")
        check(seen, "the tap has seen nothing")
    finally:
        tap.close()


def check_ways(done, kind, host=proxies.PROXY4):
    """The log: each flow went to the proxy."""
    host = f"[{host}]" if ":" in host else host
    check_equal({event["via"]["proxy"] for event in done.of("flow_open")},
                {f"{kind.scheme}://{host}:{kind.port}"}, "ways")


@cases("{} is asked by name, as its own log has it, and nothing goes around it",
       (SQUID,), (TLS,), (TINY,), (TELLING,), (MICRO,))
def by_name(bench, kind):
    daemon = real.of(bench.net, kind.daemon)
    policy = kind.policy(bench)
    at = len(daemon.said())
    with nothing_but(bench, proxies.PROXY4), daemon.says(daemon.named("web.lab", 80)):
        done = bench.good(["curl", "-sS", "http://web.lab/"], policy)
    check_equal(done.out, "hello from the lab\n")
    for address in (net.WEB4, net.WEB6):
        check(daemon.named(address, 80) not in daemon.said()[at:], "it was given an address")
    check_ways(done, kind)


@cases("{} is asked by address with socks5, and by the DNS server's for names", (TELLING,), (MICRO,))
def by_address(bench, kind):
    daemon = real.of(bench.net, kind.daemon)
    plain = Kind(kind.name, kind.daemon, "socks5")
    policy = plain.policy(bench)
    with nothing_but(bench, proxies.PROXY4), \
            daemon.says(daemon.named(net.WEB4, 80), daemon.named(net.DNS4, 53)):
        done = bench.good(["curl", "-4", "-sS", "http://web.lab/"], policy)
    check_equal(done.out, "hello from the lab\n")
    check_ways(done, plain)


@cases("{} carries to IPv6 destinations, and is reached over IPv6 itself", *((k,) for k in EACH))
def ipv6(bench, kind):
    hosts = (proxies.PROXY4, proxies.PROXY6) if kind is not TLS else (proxies.PROXY4,)
    for host in hosts:
        policy = kind.policy(bench, host=host)
        with nothing_but(bench, host):
            said = bench.ask("greeting", net.WEB6, str(net.GREET), policy=policy)
        check_equal(said, "220 ready\nhello", host)
        check_equal(bench.last.one("flow_open")["dst"]["ip"], net.WEB6)


# What each says of a destination that refuses; of one that cannot be reached, and of a name that
# nobody has, all say that it cannot be reached.
REFUSALS = {SQUID: "ECONNREFUSED", TLS: "ECONNREFUSED", TINY: "EHOSTUNREACH",
            DANTE: "ECONNREFUSED", MICRO: "ECONNREFUSED"}


@cases("what {} cannot reach: refused, unreachable, no such name; and the next flow works",
       *((kind,) for kind in EACH))
def failures(bench, kind):
    targets = (net.WEB4, net.CLOSED, net.UNREACHABLE4, 80, real.NOWHERE, 80, "web.lab", 80)
    policy = kind.policy(bench)
    with nothing_but(bench, proxies.PROXY4):
        said = bench.ask("connect", *map(str, targets), policy=policy)
    check_equal(said.split(), [REFUSALS[kind], "EHOSTUNREACH", "EHOSTUNREACH", "ok"])
    closed = [event for event in bench.last.of("flow_close") if event["result"] != "closed"]
    for event in closed:
        check_equal(event["proxy"]["why"], "failed", str(event))
        check(event["proxy"]["words"], f"no words of the proxy: {event}")


@cases("a destination that says nothing: {} gives it up, and the log has a timeout", (SQUID,),
       (DANTE,))
def silent(bench, kind):
    said = bench.ask("connect", real.SILENT4, "80", policy=kind.policy(bench, timeout="60s"))
    check_equal(said, "EHOSTUNREACH")
    closed = bench.last.one("flow_close")
    check_equal((closed["proxy"]["why"], closed["result"]), ("failed", "timeout"))


@cases("what {}'s own rules refuse ends as prohibited, with its words, by name and by address",
       (SQUID, "403"), (TLS, "403"), (TINY, "403"), (DANTE, "connection not allowed by ruleset"))
def refused(bench, kind, words):
    for target in (real.DENIED, real.DENIED4):
        said = bench.ask("connect", target, "80", "web.lab", "80", policy=kind.policy(bench))
        check_equal(said.split(), ["EHOSTUNREACH", "ok"], target)
        proxy = bench.last.of("flow_close")[0]["proxy"]
        check_equal(proxy["why"], "denied", target)
        check_in(words, proxy["words"])


@cases("{} wants a name and a password: with them a page, without or with others none",
       (SQUID, real.Squid, "407"), (TINY, real.TinyproxyLogin, ""),
       (DANTE, real.DanteLogin, "name and password refused"),
       (MICRO, real.MicrosocksLogin, "name and password refused"))
def login(bench, kind, daemon, words):
    at_login = Kind(kind.name, daemon, port=daemon.login_port)
    keys = {"username": real.LOGIN_USER, "password_env": "LAB_PASSWORD"}
    page = ["curl", "-sS", "http://web.lab/"]
    policy = at_login.policy(bench, **keys)
    done = bench.good(page, policy, env=bench.env(LAB_PASSWORD=real.PASSWORD))
    check_equal(done.out, "hello from the lab\n")
    wrong = bench.run(page, policy, env=bench.env(LAB_PASSWORD="not this one"))
    for done in (wrong, bench.run(page, at_login.policy(bench))):
        check(done.status != 0, "a page without the password")
        check_equal({event["proxy"]["why"] for event in done.of("flow_close")}, {"login"})
    check_in(words, wrong.of("flow_close")[0]["proxy"]["words"])


@cases("{} carries megabytes both ways unchanged, and a server that speaks first", *((k,) for k in EACH))
def large(bench, kind):
    policy = kind.policy(bench)
    # microsocks reads no answer while its request is stuck: a client must not run far ahead.
    ahead = ["65536"] if kind is MICRO else []
    check_equal(bench.ask("exchange", net.WEB4, str(net.ECHO), str(MEGABYTES), *ahead,
                          policy=policy), "same")
    check_equal(bench.ask("greeting", net.WEB4, str(net.GREET), policy=policy), "220 ready\nhello")
    bench.good(["curl", "-sS", "http://web.lab/large", "-o", "large"], policy)
    check((bench.folder / "large").read_bytes() == bench.net.file("large"), "large differs")


def needs(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skipped(f"no {program}: `quickstart test` installs it")


@cases("a half-close through {} ends as for a program that speaks to the proxy itself",
       *((kind,) for kind in (SQUID, TINY, DANTE, MICRO)))
def half_close(bench, kind):
    needs("nc")
    policy = kind.policy(bench)
    to = [net.WEB4, str(net.DIGEST)]
    by = ["-X", "5" if kind.scheme.startswith("socks") else "connect",
          "-x", f"{proxies.PROXY4}:{kind.port}"]
    outside = bench.direct("nc", "-N", *by, *to, stdin=b"all of it").out
    check_equal(bench.good(["nc", "-N", *to], policy, stdin=b"all of it").out, outside)
    check_equal(outside.startswith("9 "), kind is DANTE, "whether the proxy passes it on")


@cases("200 connections through {} are open at once", *((kind,) for kind in EACH))
def many(bench, kind):
    policy = kind.policy(bench, timeout="60s")
    most = bench.ask("crowd", net.WEB4, str(net.HOLD), "200", policy=policy)
    check(int(most) >= 200, f"open at once: {most}")
    check_equal(len(bench.last.of("flow_open")), 200)


KILLED = f"""
import errno, socket, sys
def connect():
    try:
        sock = socket.create_connection(("{net.WEB4}", {net.ECHO}), 60)
        sock.sendall(b"x")
        return sock, sock.recv(1).decode()
    except OSError as error:
        return None, errno.errorcode[error.errno]
sock, said = connect()
print(said, flush=True)
sys.stdin.readline()
try:
    print("end" if sock.recv(1) == b"" else "data", flush=True)
except OSError as error:
    print("end", flush=True)
print(connect()[1], flush=True)
sys.stdin.readline()
print(connect()[1], flush=True)
"""


@cases("{} is killed while a connection is open: that one ends, the next fails, a later one works",
       *((kind,) for kind in EACH))
def killed(bench, kind):
    daemon = real.of(bench.net, kind.daemon)
    words, log = bench.words(kind.policy(bench), ["python3", "-c", KILLED])
    process = bench.start(words)
    reader = Reader(process.stdout.fileno())
    reader.until(r"^x\n")
    daemon.kill()
    try:
        process.stdin.write(b"\n")
        process.stdin.flush()
        reader.until(r"^end\nENETUNREACH\n")
    finally:
        daemon.start()
    status, out, err = bench.finish(process, b"\n")
    bench.last = done = Done(status, out, err, log)
    check_equal((status, out), (0, "x\n"), "afterwards")
    bench.check_log(done)
    check_equal([event["proxy"]["why"] for event in done.of("flow_close") if event.get("proxy")],
                ["down"])


@cases("{} is down when the run begins: flows fail until it is there", (SQUID,), (MICRO,))
def late(bench, kind):
    daemon = real.of(bench.net, kind.daemon)
    policy = kind.policy(bench)
    daemon.kill()
    words, log = bench.words(policy, ["sh", "-c", '"$1" connect "$2" 80; read x; "$1" connect "$2" 80',
                                      "sh", bench.probe, net.WEB4])
    process = bench.start(words)
    try:
        Reader(process.stdout.fileno()).until(r"^ENETUNREACH\n")
    finally:
        daemon.start()
    status, out, err = bench.finish(process, b"\n")
    bench.last = Done(status, out, err, log)
    check_equal((status, out), (0, "ok\n"))


CLIENTS = {
    "curl": ["curl", "-sS", "http://web.lab/file1", "-o", "by-curl"],
    "curl, TLS": ["curl", "-sS", "--cacert", "{ca}", "https://web.lab/file2", "-o", "by-curl-tls"],
    "wget": ["wget", "-q", "http://web.lab/file3", "-O", "by-wget"],
    "git": ["git", "clone", "-q", "http://git.lab/project.git", "by-git"],
    "dig": ["dig", "+short", "A", "web.lab"],
    "nc": ["nc", "-w", "60", net.WEB4, str(net.ECHO)],
}


@cases("curl, wget, git, dig and nc go through {} without a variable, and nothing goes around it",
       *((kind,) for kind in EACH))
def clients(bench, kind):
    needs("curl", "wget", "git", "dig", "nc")
    policy = kind.policy(bench)
    told = kind.policy(bench, dns={"servers": [net.DNS4]})
    ca = bench.write("ca.pem", bench.net.ca.read_text())
    said = {}
    with nothing_but(bench, proxies.PROXY4):
        for name, words in CLIENTS.items():
            words = [word.format(ca=ca) for word in words]
            if name == "nc":
                words = ["python3", "-c", NC, *words]
            said[name] = bench.good(words, policy).out
        # A server that the policy names is asked through the proxy.
        said["TXT"] = bench.good(["dig", "+short", "TXT", "small.lab"], told).out
    for file, path in (("file1", "by-curl"), ("file2", "by-curl-tls"), ("file3", "by-wget")):
        check((bench.folder / path).read_bytes() == bench.net.file(file), f"{path} differs")
    check_equal((bench.folder / "by-git" / "README").read_text(), "a project\n")
    check_equal((said["dig"], said["nc"]), ("198.19.0.1\n", "hello\n"))
    check_equal(said["TXT"], '"a small record"\n')


# nc leaves when it has its answer: a proxy may not pass a half-close on.
NC = """
import subprocess, sys
nc = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
nc.stdin.write(b"hello\\n")
nc.stdin.flush()
sys.stdout.buffer.write(nc.stdout.readline())
nc.kill()
"""


@case("without a proxy the tap sees what goes to the web server itself")
def control(bench):
    tap = Tap(bench.net, net.ROUTER4)
    try:
        bench.good(["curl", "-4", "-sS", "http://web.lab/"], bench.policy(allow=NAMES))
        targets = {packet.target for packet in tap.all() if not packet.is_the_kernels()}
        check_equal(targets >= {net.WEB4}, True, str(targets))
    finally:
        tap.close()


@cases("TLS to {} is refused for {}", (SQUID, "a certificate of another name", "web", True),
       (SQUID, "one that has expired", "late", True),
       (SQUID, "an authority that nobody knows", "stranger", True),
       (SQUID, "the lab's own authority where ca_file does not say it", "proxy", False))
def untrusted(bench, kind, _, name, known):
    tls = Kind(kind.name, kind.daemon, "https", real.TLS_PORTS[name])
    real.of(bench.net, kind.daemon)
    url = f"https://{proxies.PROXY4}:{tls.port}"
    keys = {"ca_file": str(bench.net.ca)} if known else {}
    policy = bench.policy(allow=PLACES, proxy={"url": url, **keys})
    with nothing_but(bench, proxies.PROXY4):
        check_equal(bench.ask("connect", net.WEB4, "80", policy=policy), "EHOSTUNREACH")
    closed = bench.last.one("flow_close")
    check_equal(closed["proxy"]["why"], "untrusted")
    check(closed["proxy"]["words"], "no words")


@case("UDP goes through dante, as it offers it, and nothing goes around it")
def udp_associate(bench):
    daemon = real.of(bench.net, real.Dante)
    policy = DANTE.policy(bench)
    with nothing_but(bench, proxies.PROXY4):
        said = bench.ask("udp", net.WEB4, str(net.ECHO), "x", "20", policy=policy)
    check_equal(said.split(), [f"x{n}" for n in range(20)])
    check_in("udp", daemon.said())
    check_in(proxies.PROXY4, bench.last.one("flow_open")["via"]["proxy"])


@case("UDP and ping through squid, tinyproxy and microsocks: denied as required, and nothing leaves")
def udp_refused(bench):
    for kind in (SQUID, TINY, MICRO):
        policy = kind.policy(bench, allow=[*PLACES, "icmp://203.0.113.0/24"])
        with nothing_but(bench, proxies.PROXY4):
            said = bench.ask("udp", net.WEB4, str(net.ECHO), "x", policy=policy)
            check_equal(said, "EHOSTUNREACH", kind.name)
            check_equal(bench.last.one("flow_denied")["verdict"]["reason"], "proxy_required")
            done = bench.run(["ping", "-n", "-c", "1", "-W", "1", net.WEB4], policy)
            check_equal(done.one("flow_denied")["verdict"]["reason"], "proxy_required")
            # So that there is something for the tap to see.
            bench.good(["curl", "-sS", "http://web.lab/"], kind.policy(bench))


def tor_policy(bench, *allow, scheme="socks5h"):
    proxies.of(bench.net)
    return bench.policy(allow=allow, proxy={"url": f"{scheme}://{proxies.PROXY4}:{proxies.TOR}"})


@case("as tor's port has it: names are taken and addresses refused, and no name is asked for here")
def tor_names(bench):
    stub = proxies.of(bench.net)
    at = len(stub.asked())
    done = bench.good(["curl", "-sS", "http://web.lab/"], tor_policy(bench, *NAMES))
    check_equal(done.out, "hello from the lab\n")
    said = bench.ask("connect", net.WEB4, "80", policy=tor_policy(bench, *PLACES))
    check_equal(said, "EHOSTUNREACH")
    check_equal(bench.last.one("flow_close")["proxy"]["why"], "denied")
    check_equal([row[1] for row in stub.asked()[at:]], ["web.lab:80", f"{net.WEB4}:80"])


@case("as tor's port has it: its own reply codes, 0xF0 to 0xF7, are failures of that flow alone")
def tor_codes(bench):
    names = [f"f{n}.codes.lab" for n in range(8)]
    policy = tor_policy(bench, "**.lab:80")
    targets = [word for name in (*names, "web.lab") for word in (name, "80")]
    said = bench.ask("connect", *targets, policy=policy)
    check_equal(said.split(), ["EHOSTUNREACH"] * 8 + ["ok"])
    words = [event["proxy"]["words"] for event in bench.last.of("flow_close")
             if event["result"] == "unreachable"]
    check_equal(words, [f"reply code {0xf0 + n}" for n in range(8)])


@case("as tor's port has it: RESOLVE is not asked for, and UDP is not offered")
def tor_udp(bench):
    stub = proxies.of(bench.net)
    at = len(stub.asked())
    policy = tor_policy(bench, *PLACES, "web.lab")
    check_equal(bench.ask("udp", net.WEB4, str(net.ECHO), "x", policy=policy), "EHOSTUNREACH")
    check_equal(bench.last.one("flow_denied")["verdict"]["reason"], "proxy_required")
    bench.ask("resolve", "web.lab", policy=policy)
    commands = [row[1] for row in stub.asked()[at:]]
    check(not any(row.startswith("resolve:") for row in commands), str(commands))


@contextlib.contextmanager
def host_of(bench):
    host = Host(bench.net)
    taps = [host.tap(uplink) for uplink in (host.one, host.two)]
    try:
        yield host, taps
    finally:
        for tap in taps:
            tap.close()
        host.close()


def targets_of(host, tap):
    """Where what has come out of an uplink was to go."""
    return {packet.split(" to ")[1].split(",")[0] for packet in host.seen(tap)}


def start_on(host, bench, command, policy):
    words, log = bench.words(policy, command)
    return bench.start(host.words(words), pass_fds=[host.netns]), log


def done_of(bench, process, log, stdin=b""):
    status, out, err = bench.finish(process, stdin)
    bench.last = done = Done(status, out, err, log)
    bench.check_log(done)
    check_equal(status, 0, "status")
    return done


@cases("{} by egress.interface: all that leaves is for the proxy, by that interface alone",
       (SQUID,), (DANTE,))
def interface(bench, kind):
    policy = kind.policy(bench, egress={"interface": "eth1"})
    with host_of(bench) as (host, (one, two)):
        script = 'curl -sS http://web.lab/ && "$1" greeting "$2" "$3"'
        done = done_of(bench, *start_on(host, bench, ["sh", "-c", script, "sh", bench.probe, net.WEB4,
                                                      str(net.GREET)], policy))
        check_equal(done.out, "hello from the lab\n220 ready\nhello\n")
        check_equal(targets_of(host, two), set(), "by eth2")
        check_equal(targets_of(host, one), {proxies.PROXY4}, "by eth1")
    check_equal({event["via"]["interface"] for event in done.of("flow_open")}, {"eth1"})


@case("an interface that vanishes while the proxy is dialled: that flow fails, and no other is taken")
def interface_vanishes(bench):
    proxies.of(bench.net)
    url = f"http://{proxies.PROXY4}:{proxies.HTTP_BROKEN['hang']}"
    policy = bench.policy(allow=PLACES, egress={"interface": "eth1"},
                          proxy={"url": url, "timeout": "60s"})
    with host_of(bench) as (host, (one, two)):
        process, log = start_on(host, bench, [bench.probe, "connect", net.WEB4, "80"], policy)
        # The proxy has been asked when the tap has seen a segment with bytes in it.
        asked = any(b"CONNECT " in packet.data for packet in one.packets(60))
        check(asked, "the proxy was not asked")
        host.tool("link", "del", "eth1")
        done = done_of(bench, process, log)
        check_equal(done.out, "ENETUNREACH\n")
        check_equal(done.one("flow_close")["result"], "unreachable")
        check_equal(done.one("warning")["code"], "interface_gone")
        check_equal(targets_of(host, two), set(), "by eth2")
