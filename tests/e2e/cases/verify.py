"""egress.verify_names: what is allowed by name shows such a name, or no byte of it leaves."""
from lab import internet as net
from lab import proxies
from lab.case import case, check, check_equal, check_in

ALLOW = ["web.lab:80,443", "zone.lab:443", "git.lab:80"]
HELLO = "hello from the lab\n"
CURL = ["curl", "-sS", "-4", "--max-time", "50"]

# Sends what it is given, piece by piece where its end and the pieces say so, and prints what it gets.
TALK = r"""
import socket, sys
out = socket.create_connection((sys.argv[1], int(sys.argv[2])))
out.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
data = eval(sys.argv[3])
try:
    for piece in data if isinstance(data, list) else [data]:
        if isinstance(piece, str):      # urgent
            out.send(piece.encode(), socket.MSG_OOB)
        else:
            out.sendall(piece)
    if len(sys.argv) > 4:
        out.shutdown(socket.SHUT_WR)
    got = out.recv(65536)
    print(got.split(b"\r\n")[0].decode("latin-1") if got else "end")
except ConnectionResetError:
    print("reset")
"""


def talk(bench, policy, port, data, *words, host="web.lab", **options):
    """What a program that sends this is answered, and its run."""
    done = bench.run(["python3", "-c", TALK, host, str(port), repr(data), *words], policy,
                     **options)
    check_equal(done.status, 0, done.err)
    return done.out.strip(), done


def check_denied(done, reason, **shown):
    """The one flow was opened, then denied and reset, and nothing of it has left."""
    opened, denied, closed = (done.one(kind) for kind in ("flow_open", "flow_denied",
                                                          "flow_close"))
    check_equal(denied["flow"], opened["flow"])
    verdict = denied["verdict"]
    check_equal((verdict["action"], verdict["reason"]), ("deny", reason))
    check_equal(verdict["rule"]["text"], opened["verdict"]["rule"]["text"], "rule")
    check_equal({key: denied[key] for key in ("sni", "http_host") if key in denied}, shown)
    check_equal(denied["names"], opened["names"], "names")
    check(denied["process"], "the program is known")
    check_equal((closed["result"], closed["bytes_out"]), ("reset", 0))
    check_equal(done.one("run_end")["totals"]["denied"], 1)
    check_in(reason, done.err, "summary")


def tls(bench, *words):
    return [*CURL, "--cacert", str(net_ca(bench)), *words]


def net_ca(bench):
    return bench.write("ca.pem", bench.net.ca.read_text())


@case("verify_names: the name that was asked for passes, in TLS and in HTTP")
def right(bench):
    policy = bench.policy(allow=ALLOW)
    done = bench.good([*CURL, "http://web.lab/"], policy)
    check_equal(done.out, HELLO)
    check_equal(done.one("flow_close")["http_host"], "web.lab")
    done = bench.good(tls(bench, "https://web.lab/"), policy)
    check_equal(done.out, HELLO)
    closed = done.one("flow_close")
    check_equal(closed["sni"], "web.lab")
    check_in("http/1.1", closed["alpn"])
    check_equal(done.of("flow_denied"), [])
    # Another name that the policy allows for the port, and one in other letters.
    done = bench.good([*CURL, "-H", "Host: GIT.lab.:80", "http://web.lab/"], policy)
    check_equal(done.out, HELLO)


@case("verify_names: another name is name_mismatch, and the program sees a reset")
def other(bench):
    policy = bench.policy(allow=ALLOW)
    done = bench.run(tls(bench, "--connect-to", "secret.lab:443:web.lab:443",
                         "https://secret.lab/"), policy)
    check_equal(done.status, 35, "curl: TLS connect error")
    check_denied(done, "name_mismatch", sni="secret.lab")
    done = bench.run([*CURL, "-H", "Host: secret.lab", "http://web.lab/"], policy)
    check_equal(done.status, 56, "curl: receive error")
    check_denied(done, "name_mismatch", http_host="secret.lab")
    # git.lab is allowed, but for port 80.
    done = bench.run(tls(bench, "--connect-to", "git.lab:443:web.lab:443", "https://git.lab/"),
                     policy)
    check_denied(done, "name_mismatch", sni="git.lab")
    done = bench.run([*CURL, "-H", f"Host: {net.OTHER4}", "http://web.lab/"], policy)
    check_denied(done, "name_mismatch", http_host=net.OTHER4)


ROWS = [("junk", b"\0\1\2\3 no name\n", "name_missing", {}),
        ("a TLS record that is no ClientHello", b"\x16\x03\x01\0\4\2\0\0\0", "name_missing", {}),
        ("no Host", b"GET / HTTP/1.1\r\n\r\n", "name_missing", {}),
        ("two Hosts", b"GET / HTTP/1.1\r\nHost: web.lab\r\nHost: web.lab\r\n\r\n",
         "name_missing", {}),
        ("a folded line", b"GET / HTTP/1.1\r\nHost: web.lab\r\n x\r\n\r\n", "name_missing", {}),
        ("bare LF", b"GET / HTTP/1.1\nHost: web.lab\n\n", "name_missing", {}),
        ("a blank before the colon", b"GET / HTTP/1.1\r\nHost : web.lab\r\n\r\n",
         "name_missing", {}),
        ("HTTP/2 at once", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "name_missing", {}),
        ("a target elsewhere", b"GET http://secret.lab/ HTTP/1.1\r\nHost: web.lab\r\n\r\n",
         "name_mismatch", {"http_host": "web.lab"}),
        ("a tunnel", b"CONNECT secret.lab:443 HTTP/1.1\r\nHost: secret.lab:443\r\n\r\n",
         "name_mismatch", {"http_host": "secret.lab"})]


def register(what, data, reason, shown):
    @case(f"verify_names: {what} is {reason}")
    def row(bench):
        policy = bench.policy(allow=ALLOW)
        found, done = talk(bench, policy, 80, data)
        check_equal(found, "reset")
        check_denied(done, reason, **shown)


for one in ROWS:
    register(*one)


@case("verify_names: TLS without a server name is name_missing")
def no_sni(bench):
    policy = bench.policy(allow=ALLOW)
    done = bench.run(["openssl", "s_client", "-4", "-noservername", "-connect", "web.lab:443"],
                     policy)
    check_equal(done.status, 1, "openssl")
    check_denied(done, "name_missing")


@case("verify_names: a request in pieces waits for its last, and half of one is name_missing")
def pieces(bench):
    policy = bench.policy(allow=ALLOW)
    request = b"GET / HTTP/1.0\r\nHost: web.lab\r\n\r\n"
    found, done = talk(bench, policy, 80, [request[at:at + 1] for at in range(len(request))])
    check_equal(found, "HTTP/1.1 200 OK")
    check_equal(done.one("flow_close")["bytes_out"], len(request))
    found, done = talk(bench, policy, 80, request[:-2], "end")
    check_equal(found, "reset")
    check_denied(done, "name_missing")


@case("verify_names: urgent data, at first or within a request, is name_missing")
def urgent(bench):
    policy = bench.policy(allow=ALLOW)
    for data in (["!"], ["!", b"GET / HTTP/1.0\r\nHost: web.lab\r\n\r\n"],
                 [b"GET / HTTP/1.0\r\nHost: web.l", "a", b"b\r\n\r\n"]):
        found, done = talk(bench, policy, 80, data)
        check_equal(found, "reset", repr(data))
        check_denied(done, "name_missing")


@case("verify_names: a request that never becomes whole is name_missing when its time is over")
def unfinished(bench):
    policy = bench.policy(allow=ALLOW)
    found, done = talk(bench, policy, 80, b"GET / HTTP/1.0\r\nHost: web.lab\r\n")
    check_equal(found, "reset")
    check_denied(done, "name_missing")
    check(done.one("flow_close")["duration_us"] >= 10_000_000, "it was waited for")


@case("verify_names: 32 KiB without a name are name_missing, however they come")
def too_long(bench):
    policy = bench.policy(allow=ALLOW)
    head = b"GET / HTTP/1.0\r\nA: "
    for data in (head + bytes([120]) * 40000, [head] + [bytes([120]) * 37] * 1000):
        found, done = talk(bench, policy, 80, data)
        check_equal(found, "reset")
        check_denied(done, "name_missing")


@case("verify_names: who sends nothing is not denied, nor what is allowed by address")
def silent(bench):
    policy = bench.policy(allow=ALLOW)
    _, done = talk(bench, policy, 80, b"", "end")
    check_equal(done.of("flow_denied"), [])
    policy = bench.policy(allow=["web.lab:80", f"{net.OTHER4}:80"])
    found, done = talk(bench, policy, 80, b"GET / HTTP/1.0\r\n\r\n", host=net.OTHER4)
    check_equal(found, "HTTP/1.1 200 OK")
    check("http_host" not in done.one("flow_close"), "it is not looked at")


@case("verify_names: audit mode lets it pass and says would_deny, false does not look")
def lenient(bench):
    policy = bench.policy(allow=ALLOW, mode="audit")
    done = bench.good([*CURL, "-H", "Host: secret.lab", "http://web.lab/"], policy)
    check_equal(done.out, HELLO)
    denied = done.one("flow_denied")
    check_equal(denied["verdict"]["would_deny"], True)
    check_equal(denied["verdict"]["reason"], "name_mismatch")
    check_equal(done.one("run_end")["totals"]["would_deny"], 1)
    policy = bench.policy(allow=ALLOW, egress={"verify_names": False})
    done = bench.good([*CURL, "-H", "Host: secret.lab", "http://web.lab/"], policy)
    check_equal(done.out, HELLO)
    check_equal(done.of("flow_denied"), [])


@case("verify_names: with fail_on_denial the run fails, though the command does not")
def failing(bench):
    policy = bench.policy(allow=ALLOW, audit={"fail_on_denial": True})
    done = bench.run(["sh", "-c", "curl -sS4 -H 'Host: secret.lab' http://web.lab/ || true"],
                     policy)
    check_equal(done.status, 77)


@case("verify_names: with several engine threads")
def threads(bench):
    policy = bench.policy(allow=ALLOW)
    script = ("for n in 1 2 3 4 5 6; do curl -sS4 http://web.lab/large http://web.lab/ -o large "
              "-o - & done; wait; curl -sS4 -H 'Host: secret.lab' http://web.lab/; true")
    done = bench.good(["sh", "-c", script], policy, options=["--engine-threads", "3"])
    check_equal(done.out, HELLO * 6)
    check_equal(done.one("flow_denied")["verdict"]["reason"], "name_mismatch")


@case("verify_names: it holds inside the tunnel of a proxy")
def tunnel(bench):
    for scheme, port in (("http", proxies.HTTP), ("socks5h", proxies.SOCKS)):
        proxies.of(bench.net)
        policy = bench.policy(allow=ALLOW, proxy={"url": f"{scheme}://{proxies.PROXY4}:{port}",
                                                  "timeout": "60s"})
        done = bench.good(tls(bench, "https://web.lab/"), policy)
        check_equal(done.out, HELLO, scheme)
        check_equal(done.one("flow_close")["sni"], "web.lab")
        done = bench.run(tls(bench, "--connect-to", "secret.lab:443:web.lab:443",
                             "https://secret.lab/"), policy)
        check_denied(done, "name_mismatch", sni="secret.lab")
        found, done = talk(bench, policy, 80, b"junk \r\n")
        check_equal(found, "reset", scheme)
        check_denied(done, "name_missing")
