"""DNS servers that lie, and answers that lead where a policy does not."""
from lab import internet as net
from lab.case import case, check, check_equal, check_in

DROPPED = ("id", "name", "type", "class", "query", "empty", "noise", "ids")
ELSEWHERE = ("port", "address")
MALFORMED = ("trailing", "counts", "few", "loop", "circle", "long", "short", "five")


def liar_policy(bench, allow=("**.liar.lab:80",), **keys):
    keys.setdefault("dns", {}).update(servers=[net.LIAR4], attempts=1, timeout="30s")
    return bench.policy(allow=list(allow), **keys)


def rcode(done):
    return done.out.partition("status: ")[2].partition(",")[0]


def ask_and_connect(bench, name, address):
    """Look the name up, then connect to an address that only the lie has."""
    return ["sh", "-c", f"dig +tries=1 +time=40 {name}; {bench.probe} connect {address} 80"]


@case("an answer that does not match its question is dropped and told, and the right one taken")
def dropped(bench):
    for lie in DROPPED:
        done = bench.good(ask_and_connect(bench, f"{lie}.liar.lab", net.OTHER4), liar_policy(bench))
        check_in(net.WEB4, done.out, lie)
        check(net.OTHER4 not in done.out, f"{lie}: the forged answer came through: {done.out}")
        check_equal(done.out.split()[-1], "EHOSTUNREACH", lie)
        warnings = [event["text"] for event in done.of("warning") if event["code"] == "dns_unasked"]
        check(warnings, f"{lie}: no warning")
        check(all(text.startswith(f"{net.LIAR4}:53: ") for text in warnings), f"{lie}: {warnings}")
        check(len(warnings) <= 7, f"{lie}: {len(warnings)} warnings")


@case("an answer from another port or address is dropped")
def elsewhere(bench):
    for lie in ELSEWHERE:
        done = bench.good(ask_and_connect(bench, f"{lie}.liar.lab", net.OTHER4), liar_policy(bench))
        check_in(net.WEB4, done.out, lie)
        check(net.OTHER4 not in done.out, f"{lie}: the forged answer came through: {done.out}")
        check_equal(done.out.split()[-1], "EHOSTUNREACH", lie)


@case("a malformed answer is SERVFAIL over UDP and TCP, and logged as malformed")
def malformed(bench):
    for transport in ("udp", "tcp"):
        for lie in MALFORMED:
            policy = liar_policy(bench, dns={"transport": transport})
            done = bench.good(ask_and_connect(bench, f"{lie}.liar.lab", net.OTHER4), policy)
            check_equal(rcode(done), "SERVFAIL", f"{lie} over {transport}")
            check_equal(done.out.split()[-1], "EHOSTUNREACH", lie)
            event = done.one("dns")
            check_equal((event["verdict"]["reason"], event["answers"], event["source"]),
                        ("malformed", [], "error"), lie)
            check_equal(event["server"], {"ip": net.LIAR4, "port": 53}, lie)


@case("hostile answers do not stop the resolver")
def goes_on(bench):
    names = " ".join(f"{lie}.liar.lab" for lie in (*MALFORMED, *DROPPED, *ELSEWHERE))
    script = f"for n in {names}; do dig +tries=1 +time=40 $n >/dev/null & done; wait; " \
             "dig +short right.liar.lab"
    done = bench.good(["sh", "-c", script], liar_policy(bench))
    check_equal(done.out.strip(), net.WEB4)
    check_equal(len(done.of("dns")), len(names.split()) + 1, "events")


@case("a chain to a denied name is denied, and so is one that comes back from it")
def chains(bench):
    policy = bench.policy(allow=["to-denied.lab", "there-and-back.lab", "to-allowed.lab",
                                 "v4.lab:80"], deny=["denied.lab"])
    opened = bench.policy(allow=["there-and-back.lab:80", "to-allowed.lab:80"], deny=["denied.lab"])
    before = bench.net.dns_log.read_text()
    for name in ("to-denied.lab", "there-and-back.lab"):
        done = bench.good(["dig", name], policy)
        check_equal(rcode(done), "NXDOMAIN", name)
        check_in("ANSWER: 0", done.out, name)
        check_equal(done.one("dns")["verdict"]["rule"]["text"], "denied.lab", name)
    # What is denied stays so where it leads to what is allowed, and is not asked for.
    done = bench.good(["dig", "denied.lab"], policy)
    check_equal(rcode(done), "NXDOMAIN")
    asked = bench.net.dns_log.read_text().removeprefix(before)
    check("] denied.lab from" not in asked, f"the server was asked for it: {asked}")
    # An alias that nobody speaks of leads on, and opens what the name asked for opens.
    done = bench.good(["dig", "+short", "to-allowed.lab"], policy)
    check_equal(done.out.split(), ["v4.lab.", net.WEB4])
    for name, word in (("there-and-back.lab", "EHOSTUNREACH"), ("to-allowed.lab", "ok")):
        done = bench.good(ask_and_connect(bench, name, net.WEB4), opened)
        check_equal(done.out.split()[-1], word, name)


@case("an answer of IPv4 inside IPv6 is judged as the IPv4 address that it is")
def mapped(bench):
    name = "mapped-public.liar.lab"
    words = ["sh", "-c", f"dig +short AAAA {name}; {bench.probe} connect {net.WEB4} 80 "
                         f"::ffff:{net.WEB4} 80 ::ffff:{net.WEB4} 81"]
    done = bench.good(words, liar_policy(bench))
    check_equal(done.out.split(), [f"::ffff:{net.WEB4}", "ok", "ok", "EHOSTUNREACH"])
    check_equal({event["dst"]["ip"] for event in done.of("flow_open")}, {net.WEB4})
    done = bench.good(words, liar_policy(bench, deny=[f"{net.WEB4}/32"]))
    check_equal(done.out.split()[1:], ["EHOSTUNREACH"] * 3)


@case("an address that only a hint has is open like the name, and for its ports only")
def hint(bench):
    done = bench.good(["sh", "-c", f"dig HTTPS hint.liar.lab; {bench.probe} connect {net.OTHER4} 80 "
                                   f"{net.OTHER4} 443"], liar_policy(bench))
    check_equal(done.out.split()[-2:], ["ok", "EHOSTUNREACH"])
    check_equal(done.one("flow_open")["names"], ["hint.liar.lab"])
