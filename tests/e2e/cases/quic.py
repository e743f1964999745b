"""egress.quic: UDP to port 443 is denied at once, and clients use TCP instead."""
import secrets

from lab import internet as net
from lab import proxies
from lab.case import case, check, check_equal, check_in
from lab.tap import Tap

MAPPED = f"::ffff:{net.WEB4}"
PLACES = [f"{net.WEB4}:443", f"[{net.WEB6}]:443", f"udp://{net.WEB4}:7", "web.lab:443"]
ERRNOS = ((net.WEB4, "EHOSTUNREACH"), (net.WEB6, "EACCES"), (MAPPED, "EHOSTUNREACH"))


def quietly(bench, run):
    """What `run` does with a mark leaves nothing of the mark on the wire."""
    mark = "mark" + secrets.token_hex(8)
    tap = Tap(bench.net, net.ROUTER4)
    try:
        run(mark)
        check_equal(tap.leaks(mark, ()), [], "left the host")
    finally:
        tap.close()


def check_denied(done, place, would=False):
    """One flow of UDP to port 443 is denied by the key, which the policy has in line `place`."""
    event = done.one("flow_open" if would else "flow_denied")
    verdict = event["verdict"]
    check_equal((event["proto"], event["dst"]["port"]), ("udp", 443))
    check_equal((verdict["action"], verdict.get("would_deny", False), verdict["reason"]),
                ("allow" if would else "deny", would, "quic"))
    check_equal(verdict["rule"]["text"], "egress.quic")
    check_equal((verdict["rule"]["file"].rpartition("/")[2], verdict["rule"]["line"]), place)


def asked(bench, before):
    return [row[1] for row in proxies.of(bench.net).asked()[before:]]


@case("QUIC that a rule allows is denied at once, logged with the key, and none of it leaves")
def denied(bench):
    policy = bench.policy(allow=PLACES)
    for host, errno in ERRNOS:
        quietly(bench, lambda mark: check_equal(
            bench.ask("udp", host, "443", mark, policy=policy), errno))
        check_denied(bench.last, ("built-in", None))
    check_equal(bench.ask("connect", net.WEB4, "443", net.WEB6, "443", policy=policy), "ok\nok")


@case("the log and the summary say where the policy denies QUIC")
def told(bench):
    policy = bench.write("told.yaml", "version: 1\naudit: {fail_on_denial: true}\negress:\n"
                         f"  allow: ['{net.WEB4}:443']\n  quic: deny\n")
    done = bench.run([bench.probe, "udp", net.WEB4, "443", "x"], policy)
    check_equal(done.status, 77, "status")
    check_denied(done, ("told.yaml", 5))
    check_in(f"udp://{net.WEB4}:443", done.err)
    check_in("told.yaml:5", done.err)


@case("QUIC is denied where everything is allowed, and by name")
def default_allow(bench):
    policy = bench.policy(egress={"default": "allow"})
    for host, errno in ERRNOS:
        check_equal(bench.ask("udp", host, "443", "x", policy=policy), errno)
        check_denied(bench.last, ("built-in", None))
    script = f'getent ahostsv4 web.lab >&2; "{bench.probe}" udp {net.WEB4} 443 x'
    done = bench.good(["sh", "-c", script], bench.policy(allow=["web.lab:443"]))
    check_equal(done.out.strip(), "EHOSTUNREACH")
    check_denied(done, ("built-in", None))
    check_equal(done.one("flow_denied")["names"], ["web.lab"])


@case("QUIC is denied whatever socket it comes from, and what else the socket says passes")
def sockets(bench):
    policy = bench.policy(allow=PLACES)
    for host, errno in ERRNOS[:2]:
        quietly(bench, lambda mark: check_equal(
            bench.ask("unconnected", host, "443", mark, policy=policy), errno))
        check_denied(bench.last, ("built-in", None))
    quietly(bench, lambda mark: check_equal(
        bench.ask("many-peers", net.WEB4, "quic", "443", "7", policy=policy), "2 quic7"))
    check_denied(bench.last, ("built-in", None))
    check_equal(bench.last.one("flow_open")["dst"]["port"], 7)


@case("audit mode lets QUIC through and says that it would be denied")
def audit(bench):
    policy = bench.policy(allow=PLACES, mode="audit")
    for host in (net.WEB4, net.WEB6):
        check_equal(bench.ask("udp", host, "443", "x", "3", policy=policy), "x0\nx1\nx2")
        check_denied(bench.last, ("built-in", None), would=True)


@case("with quic: allow the rules decide")
def allowed(bench):
    policy = bench.policy(allow=[f"{net.WEB4}:443", f"tcp://[{net.WEB6}]:443"],
                          egress={"quic": "allow"})
    check_equal(bench.ask("udp", net.WEB4, "443", "x", "3", policy=policy), "x0\nx1\nx2")
    check_equal(bench.last.one("flow_open")["verdict"]["reason"], "rule")
    check_equal(bench.ask("udp", net.WEB6, "443", "x", policy=policy), "EACCES")
    check_equal(bench.last.one("flow_denied")["verdict"]["reason"], "default")


@case("QUIC is not asked of a proxy; with quic: allow it goes through one that takes UDP")
def proxied(bench):
    keys = {"proxy": {"url": f"socks5://{proxies.PROXY4}:{proxies.SOCKS}"}}
    policy = bench.policy(allow=PLACES, **keys)
    before = len(proxies.of(bench.net).asked())
    check_equal(bench.ask("udp", net.WEB4, "443", "x", policy=policy), "EHOSTUNREACH")
    check_denied(bench.last, ("built-in", None))
    check_equal(asked(bench, before), [])
    policy = bench.policy(allow=PLACES, egress={"quic": "allow"}, **keys)
    check_equal(bench.ask("udp", net.WEB4, "443", "x", policy=policy), "x0")
    check_equal(asked(bench, before), ["udp:0", f"udp:{net.WEB4}:443"])
