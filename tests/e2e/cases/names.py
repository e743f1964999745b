"""The resolver as programs see it."""
from lab import internet as net
from lab.case import case, check, check_equal, check_in


def rcode(text):
    """The status that dig shows."""
    return text.partition("status: ")[2].partition(",")[0]


@case("a denied name is NXDOMAIN and never reaches the DNS server")
def denied_name(bench):
    policy = bench.policy(allow=["canary.lab:80"])
    done = bench.good(["sh", "-c", "dig secret.lab; dig +tcp secret.lab; dig TXT x.secret.lab; "
                                   "dig +short canary.lab"], policy)
    check_equal(done.out.count("status: NXDOMAIN"), 3, "NXDOMAIN")
    check_in(net.WEB4, done.out)
    asked = bench.net.asked()
    check_in("canary.lab", asked, "names at the server")
    leaked = asked & {"secret.lab", "x.secret.lab"}     # other cases ask for names below it
    check(not leaked, f"the server was asked: {leaked}")
    denied = [event for event in done.of("dns") if event["verdict"]["action"] == "deny"]
    check_equal([event["source"] for event in denied], ["policy"] * 3)


@case("deny_answer: refused and zero")
def deny_answer(bench):
    refused = bench.policy(dns={"deny_answer": "refused"})
    check_equal(rcode(bench.good(["dig", "secret.lab"], refused).out), "REFUSED")
    zero = bench.policy(dns={"deny_answer": "zero"})
    check_equal(bench.good(["dig", "+short", "secret.lab"], zero).out.strip(), "0.0.0.0")
    check_equal(bench.good(["dig", "+short", "AAAA", "secret.lab"], zero).out.strip(), "::")


@case("dns.filter any asks for names that no rule allows")
def filter_any(bench):
    policy = bench.policy(dns={"filter": "any"})
    check_equal(bench.good(["dig", "+short", "v4.lab"], policy).out.strip(), net.WEB4)
    check_equal(bench.ask("connect", net.WEB4, "80", policy=policy), "EHOSTUNREACH")


@case("chains of CNAMEs are followed, and the rule for the name asked holds")
def cnames(bench):
    policy = bench.policy(allow=["www.lab:80"])
    done = bench.good(["curl", "-sS", "-4", "http://www.lab/"], policy)
    check_equal(done.out, "hello from the lab\n")
    answers = done.of("dns")[0]["answers"]
    check_equal([answer["type"] for answer in answers], ["CNAME", "CNAME", "A"])


@case("NXDOMAIN and an empty answer are passed on as they are")
def negative(bench):
    policy = bench.policy(allow=["gone.lab", "v4.lab"])
    check_equal(rcode(bench.good(["dig", "gone.lab"], policy).out), "NXDOMAIN")
    done = bench.good(["dig", "AAAA", "v4.lab"], policy)
    check_equal(rcode(done.out), "NOERROR")
    check_in("ANSWER: 0", done.out)


@case("a large answer is truncated over UDP and whole over TCP")
def truncation(bench):
    policy = bench.policy(allow=["big.lab"])
    done = bench.good(["dig", "+ignore", "+noedns", "TXT", "big.lab"], policy)
    check_in(" tc ", done.out.replace(";", " ; "), "flags")
    done = bench.good(["dig", "+short", "TXT", "big.lab"], policy)
    check_equal(len(done.out.split()), 8, "records")
    done = bench.good(["dig", "+short", "+tcp", "TXT", "big.lab"], policy)
    check_equal(len(done.out.split()), 8, "records over TCP")
    done = bench.good(["dig", "+short", "+bufsize=4096", "+ignore", "TXT", "big.lab"], policy)
    check_equal(len(done.out.split()), 8, "records with a large EDNS buffer")


@case("other record types pass")
def types(bench):
    policy = bench.policy(allow=["lab", "small.lab"])
    check_equal(bench.good(["dig", "+short", "MX", "lab"], policy).out.strip(), "10 web.lab.")
    check_in("a small record", bench.good(["dig", "+short", "TXT", "small.lab"], policy).out)


@case("a dead server in front of a good one costs only time; a dead one alone is SERVFAIL")
def dead_server(bench):
    policy = bench.policy(allow=["v4.lab"], dns={"servers": [net.CLOSED4, net.DNS4]})
    check_equal(bench.good(["dig", "+short", "+time=30", "v4.lab"], policy).out.strip(), net.WEB4)
    policy = bench.policy(allow=["v4.lab", f"{net.WEB4}:80"], dns={"servers": [net.CLOSED4]})
    done = bench.good(["sh", "-c", f"dig +time=30 +tries=1 v4.lab; {bench.probe} connect "
                                   f"{net.WEB4} 80"], policy)
    check_equal(rcode(done.out), "SERVFAIL")
    check_equal(done.out.split()[-1], "ok", "a flow beside it")


@case("dns.servers: a server by its IPv6 address and port")
def server6(bench):
    policy = bench.policy(allow=["v4.lab"], dns={"servers": [f"[{net.DNS6}]:53"]})
    done = bench.good(["dig", "+short", "v4.lab"], policy)
    check_equal(done.out.strip(), net.WEB4)
    check_equal(done.one("dns")["server"], {"ip": net.DNS6, "port": 53})


@case("the cache answers the second time")
def cache(bench):
    done = bench.good(["sh", "-c", "dig +short a.zone.lab; dig +short a.zone.lab"],
                      bench.policy(allow=["a.zone.lab"]))
    check_equal(done.out.split(), [net.WEB4] * 2)
    check_equal([event["source"] for event in done.of("dns")], ["upstream", "cache"])


@case("search domains of the policy reach resolv.conf")
def search(bench):
    policy = bench.policy(allow=["v4.lab:80"], dns={"search": ["lab"]})
    check_equal(bench.ask("resolve", "v4", policy=policy), net.WEB4)
    done = bench.good(["cat", "/etc/resolv.conf"], policy)
    check_in("search lab", done.out)


@case("a query that is no query does not stop the resolver")
def malformed(bench):
    script = bench.write("junk.py", f"""
import os, socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for size in (0, 1, 11, 12, 13, 500):
    sock.sendto(os.urandom(size), ("{net.DNS4}", 53))
    sock.sendto(bytes(size), ("{net.DNS4}", 53))
stream = socket.create_connection(("{net.DNS4}", 53))
stream.sendall(b"\\0\\5hello")
stream.close()
print(socket.gethostbyname("v4.lab"))
""")
    done = bench.good(["python3", str(script)], bench.policy(allow=["v4.lab"]))
    check_equal(done.out.strip(), net.WEB4)


@case("connections to port 53 that the resolver has no room for are denied, and told")
def streams_full(bench):
    script = bench.write("streams.py", f"""
import errno, socket
kept, told = [], []
for n in range(260):
    sock = socket.socket()
    try:
        sock.connect(({net.FOREIGN4!r}, 53))
        kept.append(sock)
    except OSError as error:
        told.append(errno.errorcode[error.errno])
print(len(kept), *told)
""")
    done = bench.good(["python3", str(script)], bench.policy())
    check_equal(done.out.split(), ["256"] + 4 * ["EHOSTUNREACH"])
    denied = done.of("flow_denied")
    check_equal([event["verdict"]["reason"] for event in denied], 4 * ["limit"])
    check_equal({event["dst"]["port"] for event in denied}, {53})
    codes = [event["code"] for event in done.of("warning")]
    check_equal(codes.count("limit_dns_streams"), 1, f"in {codes}")
