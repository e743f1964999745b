"""Names with a required proxy: no question reaches a DNS server but through the proxy."""
import contextlib

from lab import internet as net
from lab import proxies
from lab.case import case, check, check_equal, check_in
from lab.tap import Tap

ALLOW = ["web.lab:80", "only-there.lab:80", "git.lab:80"]


@contextlib.contextmanager
def only_the_proxy_is_spoken_to(bench):
    """Whatever leaves the host while this lasts goes to the proxy."""
    proxies.of(bench.net)
    tap = Tap(bench.net, net.ROUTER4)
    try:
        yield
        others = {packet.target for packet in tap.all() if not packet.is_the_kernels()
                  and packet.target not in (proxies.PROXY4, net.ROUTER4)}
        check_equal(others, set(), "left the host past the proxy for")
    finally:
        tap.close()


def policy_of(bench, scheme, port, **keys):
    return bench.policy(allow=ALLOW, proxy={"url": f"{scheme}://{proxies.PROXY4}:{port}",
                                            "require": True}, **keys)


def asked(bench, before):
    return [row[1] for row in proxies.of(bench.net).asked()[before:]]


@case("a required proxy that takes names resolves them: nothing is asked of a DNS server")
def names_of_the_proxy(bench):
    for scheme, port in (("http", proxies.HTTP), ("socks5h", proxies.SOCKS)):
        policy = policy_of(bench, scheme, port)
        before = len(proxies.of(bench.net).asked())
        with only_the_proxy_is_spoken_to(bench):
            done = bench.good(["sh", "-c", "curl -sS http://only-there.lab/; dig +short web.lab; "
                                           "dig +short AAAA web.lab; dig +short secret.lab; "
                                           "dig +short -x 198.19.0.1"], policy)
        check_equal(done.out, "hello from the lab\n198.19.0.2\nonly-there.lab.\n", scheme)
        check_equal(asked(bench, before), ["only-there.lab:80"], scheme)
        check_equal(done.one("run_start")["dns_route"], "proxy", scheme)
        check_equal(done.one("run_start")["dns_servers"], [], scheme)
        sources = {event["name"]: event["source"] for event in done.of("dns")}
        check_equal((sources["only-there.lab"], sources["secret.lab"]), ("proxy", "policy"), scheme)


@case("listed DNS servers are asked through the required proxy")
def servers_through_the_proxy(bench):
    for scheme, port in (("http", proxies.HTTP), ("socks5", proxies.SOCKS)):
        policy = policy_of(bench, scheme, port, dns={"servers": [net.DNS4]})
        before = len(proxies.of(bench.net).asked())
        with only_the_proxy_is_spoken_to(bench):
            done = bench.good(["sh", "-c", "curl -4 -sS http://web.lab/; dig +short git.lab; "
                                           "dig +short secret.lab"], policy)
        check_equal(done.out, f"hello from the lab\n{net.WEB4}\n", scheme)
        check_in(f"{net.DNS4}:53", asked(bench, before), scheme)
        check_equal(asked(bench, before).count(f"{net.DNS4}:53"), 1, scheme)
        check_equal(done.one("run_start")["dns_route"], "tunnel", scheme)


@case("a tunnel to the DNS server that the proxy refuses is SERVFAIL, and is told")
def refused_tunnel(bench):
    policy = policy_of(bench, "http", proxies.HTTP_STATUS + 403, dns={"servers": [net.DNS4]})
    with only_the_proxy_is_spoken_to(bench):
        done = bench.good(["dig", "+tries=1", "web.lab"], policy)
    check_in("status: SERVFAIL", done.out)
    warned = [event for event in done.of("warning") if event["code"] == "dns_tunnel"]
    check(warned, "no dns_tunnel")
    check_in("403", warned[0]["text"])
    check_equal(done.of("dns")[0]["source"], "error")


@case("an address that stands for no name is no destination")
def stray_standin(bench):
    policy = bench.policy(allow=["any"], proxy={
        "url": f"http://{proxies.PROXY4}:{proxies.HTTP}", "require": True})
    with only_the_proxy_is_spoken_to(bench):
        check(bench.ask("connect", "198.19.7.7", "80", policy=policy) != "ok", "connected")
        done = bench.good(["dig", "10.20.30.40"], policy)
    check_in("status: REFUSED", done.out)


@case("without require, and for a bypassed name, the host's DNS servers are asked directly")
def asked_directly(bench):
    proxies.of(bench.net)
    for keys in ({"require": False}, {"require": True, "bypass": ["web.lab"]}):
        policy = bench.policy(allow=ALLOW, proxy={
            "url": f"http://{proxies.PROXY4}:{proxies.HTTP}", **keys})
        tap = Tap(bench.net, net.ROUTER4)
        try:
            done = bench.good(["dig", "+short", "web.lab"], policy)
            targets = {packet.target for packet in tap.all()}
        finally:
            tap.close()
        check_equal(done.out, f"{net.WEB4}\n", str(keys))
        check_equal(done.of("dns")[0]["source"], "upstream", str(keys))
        check(targets & {net.DNS4, net.DNS6}, f"the tap saw no question: {targets}")
