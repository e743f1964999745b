"""A proxy and what is around it: rules, hostile words, its own addresses, interfaces."""
import contextlib

from lab import internet as net
from lab import proxies
from lab.case import SECONDS, Done, Reader, case, check, check_equal, check_in, wait_for_text
from lab.uplinks import Host

PLACES = ["203.0.113.0/24", "[2001:db8:2::]/48"]


def proxy_of(bench, scheme, port, host=proxies.PROXY4, **keys):
    proxies.of(bench.net)
    return {"url": f"{scheme}://{host}:{port}", "timeout": "60s", **keys}


def asked(bench, before):
    return [row[1] for row in proxies.of(bench.net).asked()[before:]]


@case("what no rule allows is not asked of the proxy, by name or by address")
def rules_first(bench):
    allow, deny = ["web.lab:80", f"{net.WEB4}:80"], ["git.lab", f"{net.OTHER4}"]
    for scheme, port in (("http", proxies.HTTP), ("socks5h", proxies.SOCKS)):
        policy = bench.policy(allow=allow, deny=deny, proxy=proxy_of(bench, scheme, port))
        before = len(proxies.of(bench.net).asked())
        done = bench.good(["sh", "-c", "getent hosts git.lab; getent ahostsv4 web.lab | head -1"],
                          policy)
        check_in("198.19.0.1", done.out, scheme)
        check_equal(len(done.out.splitlines()), 1, scheme)
        script = f'"{bench.probe}" connect 198.19.0.1 443 {net.WEB4} 443 {net.OTHER4} 80 198.19.0.1 80'
        done = bench.good(["sh", "-c", f"getent ahostsv4 web.lab >&2; {script}"], policy)
        check_equal(done.out.split(), ["EHOSTUNREACH"] * 3 + ["ok"], scheme)
        check_equal(asked(bench, before), ["web.lab:80"], scheme)
        check_equal([event["verdict"]["reason"] for event in done.of("flow_denied")],
                    ["default", "default", "rule"], scheme)


@case("what a hostile proxy says cannot act on a terminal, and breaks no line of the log")
def hostile_words(bench):
    policy = bench.policy(allow=PLACES, proxy=proxy_of(bench, "http", proxies.HTTP_HOSTILE))
    done = bench.good([bench.probe, "connect", net.WEB4, "80"], policy, options=["-v"])
    words = done.one("flow_close")["proxy"]["words"]
    check_in(r"403 \x1b[31mred\x1b]0;title\x07\x08\u{202e}\xff", words)
    for text in (words, done.err, done.log_path.read_text()):
        check(all(" " <= c < "\x7f" or c == "\n" for c in text), f"not escaped: {text!r}")
    check_in(r"\x1b[31mred", done.err, "the summary")


@case("the summary says what went through the proxy and past it, and what failed there")
def summary(bench):
    policy = bench.policy(allow=[*PLACES, "web.lab:80"],
                          proxy=proxy_of(bench, "socks5h", proxies.SOCKS, bypass=[net.OTHER4]))
    script = f'curl -sS http://web.lab/; "{bench.probe}" connect {net.OTHER4} 80 {net.WEB4} {net.CLOSED}'
    done = bench.good(["sh", "-c", script], policy)
    check_in(f"proxy    socks5h://{proxies.PROXY4}:{proxies.SOCKS}: 2 flows through it, 1 past it; "
             "it resolves the names\n", done.err)
    check_in("1 failed there, the last with 'failed'", done.err)


@case("the proxy's next address is taken when one is mute or refuses")
def eyeballs(bench):
    # A black hole and one that refuses stand in front of the one that serves, in both families.
    for addrs in ([net.HOLE6, proxies.PROXY4], [net.HOLE4, proxies.PROXY6],
                  [net.HOLE6, net.CLOSED4, proxies.PROXY4]):
        policy = bench.policy(allow=PLACES, hosts={proxies.NAME: addrs},
                              proxy=proxy_of(bench, "http", proxies.HTTP, proxies.NAME))
        check_equal(bench.ask("connect", net.WEB4, "80", policy=policy), "ok", str(addrs))


@case("through TLS: an upload ends with the half-close, and the answer comes behind it")
def tls_half_close(bench):
    policy = bench.policy(allow=PLACES, proxy=proxy_of(bench, "https", proxies.HTTPS_HALF,
                                                       ca_file=str(bench.net.ca)))
    check_equal(bench.ask("upload", net.WEB4, str(net.DIGEST), "5", policy=policy), "same")


@case("UDP to a name goes to the proxy by that name, and the answers come back")
def udp_by_name(bench):
    policy = bench.policy(allow=["udp://web.lab:7"],
                          proxy=proxy_of(bench, "socks5h", proxies.SOCKS))
    before = len(proxies.of(bench.net).asked())
    check_equal(bench.ask("udp", "198.19.0.1", "7", "x", policy=policy), "EHOSTUNREACH")
    done = bench.good(["sh", "-c", f'getent ahostsv4 web.lab >&2; "{bench.probe}" udp 198.19.0.1 7 x 3'],
                      policy)
    check_equal(done.out.split(), ["x0", "x1", "x2"])
    check_equal(asked(bench, before), ["udp:0"] + ["udp:web.lab:7"] * 3)
    check_equal(done.one("flow_open")["names"], ["web.lab"])


@case("a proxy behind a socket of the file system carries connections and DNS")
def by_path(bench):
    url = f"socks5+unix:{proxies.of(bench.net).net.top / proxies.UNIX}"
    policy = bench.policy(allow=[*PLACES, "web.lab:80"], dns={"servers": [net.DNS4]},
                          proxy={"url": url, "timeout": "60s"})
    before = len(proxies.of(bench.net).asked())
    script = f'curl -4 -sS http://web.lab/; "{bench.probe}" greeting {net.WEB4} {net.GREET}'
    done = bench.good(["sh", "-c", script], policy)
    check_equal(done.out, "hello from the lab\n220 ready\nhello\n")
    check_equal(asked(bench, before), [f"{net.DNS4}:53", f"{net.WEB4}:80", f"{net.WEB4}:{net.GREET}"])
    check_equal({event["via"]["proxy"] for event in done.of("flow_open")}, {url})
    # Its datagrams go to a loopback address or nowhere, and this proxy names another.
    check_equal(bench.ask("udp", net.WEB4, "7", "x", policy=policy), "EHOSTUNREACH")
    check_equal(bench.last.one("flow_close")["proxy"]["why"], "malformed")


@contextlib.contextmanager
def host_of(bench):
    host = Host(bench.net)
    try:
        yield host
    finally:
        host.close()


class Run:
    """A run on a host with two uplinks."""

    def __init__(self, host, bench, command, policy):
        self.bench = bench
        words, self.log = bench.words(policy, command)
        self.process = bench.start(host.words(words), pass_fds=[host.netns])
        self.reader = Reader(self.process.stdout.fileno())

    def done(self):
        status, _, err = self.bench.finish(self.process, b"")
        self.bench.last = done = Done(status, self.reader.text, err, self.log)
        self.bench.check_log(done)
        check_equal(status, 0, "status")
        return done


EVERYTHING = f"""
"$1" greeting {net.WEB4} {net.GREET}
"$1" resolve web.lab
[ "$2" = socks5 ] && "$1" udp {net.WEB4} {net.ECHO} x 3
echo end
"""


@case("with egress.interface the way to the proxy is by that interface: TCP, TLS, UDP and DNS")
def interface(bench):
    for scheme, port, keys in (("socks5", proxies.SOCKS, {}), ("http", proxies.HTTP, {}),
                               ("https", proxies.HTTPS, {"ca_file": str(bench.net.ca)})):
        with host_of(bench) as host, contextlib.closing(host.tap(host.one)) as one, \
                contextlib.closing(host.tap(host.two)) as two:
            policy = bench.policy(allow=[*PLACES, "*.lab"], egress={"interface": "eth1"},
                                  dns={"servers": [net.DNS4], "timeout": "30s"},
                                  proxy=proxy_of(bench, scheme, port, **keys))
            run = Run(host, bench, ["sh", "-c", EVERYTHING, "sh", bench.probe, scheme], policy)
            run.reader.until(r"^end\n")
            done = run.done()
            check_in(net.WEB4, done.out, scheme)
            check_equal(host.seen(two), [], "packets by eth2")
            seen = host.seen(one)
            check(len(seen) >= 6, f"packets by eth1: {seen}")
            check(all(f" to {proxies.PROXY4}, " in packet for packet in seen), f"{scheme}: {seen}")
            for event in done.of("flow_open"):
                check_equal(event["via"]["interface"], "eth1", scheme)


WAITER = f"""
import errno, select, socket, sys
sock = socket.socket()
sock.setblocking(False)
sock.connect_ex(("{net.WEB4}", 80))
print("begun", flush=True)
select.select([], [sock], [])
print("ended", errno.errorcode.get(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)), flush=True)
for address in "{net.WEB4}", "{net.OTHER4}":
    try:
        socket.create_connection((address, {net.ECHO}), {SECONDS})
        print("connected", flush=True)
    except OSError as error:
        print("then", errno.errorcode[error.errno], flush=True)
"""


@case("an interface that vanishes while the proxy is asked ends that connect, by no other interface")
def vanishing(bench):
    places = proxies.of(bench.net)
    for scheme, port in (("http", proxies.HTTP_BROKEN["hang"]),
                         ("socks5", proxies.SOCKS_BROKEN["hang"])):
        with host_of(bench) as host, contextlib.closing(host.tap(host.two)) as other:
            policy = bench.policy(allow=PLACES, egress={"interface": "eth1"},
                                  dns={"servers": [net.DNS4]},
                                  proxy=proxy_of(bench, scheme, port) | {"timeout": "10m"})
            before = places.path.read_text().count(f"{port} answered:0\n")
            run = Run(host, bench, ["python3", "-c", WAITER], policy)
            run.reader.until(r"^begun\n")
            wait_for_text(places.path, f"{port} answered:0\n", before + 1)
            host.tool("link", "del", "eth1")
            run.reader.until(r"^ended ENETUNREACH\n")
            for _ in range(2):
                run.reader.until(r"^then ENETUNREACH\n")
            done = run.done()
            check_equal(host.seen(other), [], "packets by eth2")
            check_in("interface_gone", [event["code"] for event in done.of("warning")])
            check_equal(done.of("flow_close")[0]["result"], "unreachable")
