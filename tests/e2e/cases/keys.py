"""The keys of `dns` that deny or change answers, whatever the rules say."""
import json

from lab import internet as net
from lab.case import case, check, check_equal, check_in
from cases.names import rcode

DOH4 = "8.8.8.8"      # a known resolver; no route in the lab leads to it, and none is needed


def denials(done, name):
    """Reasons and rules of the denied look-ups of a name."""
    return [(event["verdict"]["reason"], event["verdict"]["rule"]["text"])
            for event in done.of("dns")
            if event["name"] == name and event["verdict"]["action"] == "deny"]


@case("deny_types: listed types get REFUSED and never reach the DNS server")
def deny_types(bench):
    policy = bench.policy(allow=["typed.lab"], dns={"deny_types": ["TXT", "TYPE65280"]})
    done = bench.good(["sh", "-c", "for type in TXT TYPE65280 AXFR; do "
                                   "dig +noedns +time=30 +tries=1 $type typed.lab; done"], policy)
    check_equal(done.out.count("status: REFUSED") + done.out.count("Transfer failed"), 3, "refused")
    check_equal([(event["type"], event["verdict"]["reason"]) for event in done.of("dns")],
                [("TXT", "type"), ("TYPE65280", "type"), ("AXFR", "type")])
    check_equal(denials(bench.good(["dig", "TXT", "typed.lab"], policy), "typed.lab"),
                [("type", "dns.deny_types: TXT")])
    check("typed.lab" not in bench.net.asked(), "the server was asked")


@case("deny_types: ANY is refused when the policy says nothing, or denies any type")
def any_type(bench):
    done = bench.good(["dig", "+tcp", "ANY", "small.lab"], bench.policy(allow=["small.lab"]))
    check_equal(rcode(done.out), "REFUSED")
    policy = bench.policy(allow=["small.lab"], dns={"deny_types": ["TXT"]})
    done = bench.good(["dig", "+tcp", "ANY", "small.lab"], policy)
    check_equal(rcode(done.out), "REFUSED", "where another type is denied")
    policy = bench.policy(allow=["small.lab"], dns={"deny_types": []})
    check_in("a small record", bench.good(["dig", "+tcp", "ANY", "small.lab"], policy).out)


@case("deny_types: without AAAA a program connects over IPv4, at once")
def no_aaaa(bench):
    policy = bench.policy(allow=["web.lab:80"], dns={"deny_types": ["AAAA"]})
    done = bench.good(["curl", "-sS", "http://web.lab/"], policy)
    check_equal(done.out, "hello from the lab\n")
    check_equal([event["rcode"] for event in done.of("dns") if event["type"] == "AAAA"],
                ["NOERROR"])


@case("strip_ech: HTTPS and SVCB answers lose their key for ECH, and keep everything else")
def strip_ech(bench):
    script = "for type in TYPE65 TYPE64; do dig +short $type ech.lab; dig +short +tcp $type ech.lab; " \
             "done"
    for mode in ("enforce", "audit"):
        done = bench.good(["sh", "-c", script], bench.policy(allow=["ech.lab"], mode=mode))
        check_equal(done.out, f"1 . ipv4hint={net.WEB4}\n" * 4)
        check_equal([event["source"] for event in done.of("dns")], ["upstream", "cache"] * 2)


@case("strip_ech: false leaves the key for ECH where it is")
def ech_left(bench):
    plain = bench.policy(allow=["ech.lab"], dns={"strip_ech": False})
    for kind in ("TYPE65", "TYPE64"):
        done = bench.good(["dig", "+short", kind, "ech.lab"], plain)
        check(done.out.startswith(f"1 . ipv4hint={net.WEB4} ech="), done.out)


@case("block_rebinding: a public name does not lead to a private address, in any form")
def rebinding(bench):
    names = {"private.lab": "A", "mapped.lab": "AAAA", "translated.lab": "AAAA",
             "to-inside.lab": "A", "inside-hint.lab": "TYPE65"}
    for default in ("deny", "allow"):
        policy = bench.policy(allow=list(names), egress={"default": default})
        for name, kind in names.items():
            done = bench.good(["dig", kind, name], policy)
            check_equal(rcode(done.out), "NXDOMAIN", name)
            check_equal(denials(done, name), [("rebinding", "dns.block_rebinding")], name)
    # Nor does a look-up that was denied open what it led to; without the key it does.
    words = ["sh", "-c", f"dig +short private.lab; {bench.probe} connect {net.PRIVATE4} 80"]
    check_equal(bench.good(words, bench.policy(allow=["private.lab:80"])).out, "EHOSTUNREACH\n")
    off = bench.policy(allow=["private.lab:80"], dns={"block_rebinding": False})
    check_equal(bench.good(words, off).out, f"{net.PRIVATE4}\nok\n")


@case("block_rebinding: names for inside, rules for the address and 'hosts' lead there")
def rebinding_allowed(bench):
    for keys in ({"allow": ["db.internal:80"]},
                 {"allow": ["db.internal:80"], "hosts": {"db.internal": net.PRIVATE4}}):
        check_equal(bench.ask("connect", "db.internal", "80", policy=bench.policy(**keys)), "ok")
    policy = bench.policy(allow=["private.lab:80", f"{net.PRIVATE4}:80"])
    check_equal(bench.ask("connect", "private.lab", "80", policy=policy), "ok")


@case("block_rebinding: audit mode lets it through and says so")
def rebinding_audit(bench):
    policy = bench.policy(allow=["private.lab:80"], mode="audit")
    done = bench.run([bench.probe, "connect", "private.lab", "80"], policy)
    check_equal(done.out, "ok\n")
    said = [event["verdict"] for event in done.of("dns") if event["type"] == "A"]
    check_equal([(verdict["reason"], verdict.get("would_deny")) for verdict in said],
                [("rebinding", True)])


@case("block_encrypted: DoT, DoQ and known resolvers are denied under any rule")
def encrypted(bench):
    policy = bench.policy(allow=["v4.lab", f"{DOH4}:443", net.WEB4], egress={"default": "allow"})
    targets = [("v4.lab", "853"), (net.WEB4, "853"), (DOH4, "443"), (DOH4, "8443")]
    found = bench.ask("connect", *[word for target in targets for word in target], policy=policy)
    check_equal(found.splitlines(), ["EHOSTUNREACH"] * len(targets))
    said = [event["verdict"] for event in bench.last.of("flow_denied")]
    check_equal({(verdict["reason"], verdict["rule"]["text"]) for verdict in said},
                {("encrypted_dns", "dns.block_encrypted")})
    script = bench.write("doq.py", f"""
import socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.connect(("{net.WEB4}", 853))
sock.send(b"x")
sock.settimeout(30)
try:
    sock.recv(1)
except OSError as error:
    print(error.errno)
""")
    done = bench.run(["python3", str(script)], policy)
    check_equal(done.out.strip(), "113", "EHOSTUNREACH over UDP")
    check_equal(done.one("flow_denied")["verdict"]["reason"], "encrypted_dns")


@case("block_encrypted: names of known resolvers are denied, the canary is NXDOMAIN")
def encrypted_names(bench):
    policy = bench.policy(allow=["dns.google:443", "to-doh.lab"],
                          dns={"deny_answer": "refused", "filter": "any"})
    done = bench.good(["sh", "-c", "for name in dns.google to-doh.lab use-application-dns.net; do "
                                   "dig $name; done"], policy)
    check_equal([line.partition("status: ")[2].partition(",")[0]
                 for line in done.out.splitlines() if "status: " in line],
                ["REFUSED", "REFUSED", "NXDOMAIN"])
    check_equal({event["verdict"]["reason"] for event in done.of("dns")}, {"encrypted_dns"})
    check(not {"dns.google", "use-application-dns.net"} & bench.net.asked(), "the server was asked")


@case("block_encrypted: false leaves it to the rules")
def encrypted_off(bench):
    policy = bench.policy(allow=["8888.google:80"], dns={"block_encrypted": False})
    check_equal(bench.ask("connect", "8888.google", "80", policy=policy), "ok")


@case("explain and check know what the keys deny")
def explained(bench):
    policy = bench.policy(allow=["dns.google:443", "private.lab:80", "web.lab"])

    def verdict(question, *options):
        done = bench.direct(bench.childflow, "explain", "--format", "json", "-p", str(policy),
                            *options, question)
        check_equal(done.status, 77, question)
        answer = json.loads(done.out)["answers"][0]
        said = answer["places"][0]["flows"][0]["verdict"]
        return said["reason"], said["rule"]["text"]

    for question, options, expected in (
            ("tcp://dns.google:443", [], ("encrypted_dns", "dns.block_encrypted")),
            ("tcp://web.lab:853", [], ("encrypted_dns", "dns.block_encrypted")),
            (f"tcp://{DOH4}:443", [], ("encrypted_dns", "dns.block_encrypted")),
            ("tcp://private.lab:80", ["--address", net.PRIVATE4],
             ("rebinding", "dns.block_rebinding"))):
        check_equal(verdict(question, *options), expected, question)
    done = bench.direct(bench.childflow, "check", "--strict", str(policy))
    check_equal(done.status, 78, "check --strict")
    check_in("'dns.block_encrypted'", done.out + done.err)
