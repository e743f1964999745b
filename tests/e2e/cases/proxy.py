"""A proxy carries the sandbox's connections, and says what becomes of them."""
from lab import internet as net
from lab import proxies
from lab.case import case, check, check_equal, check_in

WEB = ["web.lab:80,443", "git.lab:80", "only-there.lab:80"]
PLACES = ["203.0.113.0/24", "[2001:db8:2::]/48"]


def policy_of(bench, scheme, port, allow=(*WEB, *PLACES), host=proxies.PROXY4, **keys):
    proxies.of(bench.net)
    dns = keys.pop("dns", {})
    return bench.policy(allow=allow, dns=dns,
                        proxy={"url": f"{scheme}://{host}:{port}", "timeout": "60s", **keys})


def requests(bench, run):
    """What the proxy was asked for while `run` was called."""
    before = len(proxies.of(bench.net).asked())
    run()
    return [row[1] for row in proxies.of(bench.net).asked()[before:]]


def check_page(bench, policy, url="http://web.lab/", *words):
    done = bench.good(["curl", "-sS", *words, url], policy)
    check_equal(done.out, "hello from the lab\n", url)
    return done


@case("a page through each kind of proxy, by name where it takes names")
def page(bench):
    for scheme, port, asked in (("http", proxies.HTTP, "web.lab:80"),
                                ("socks5h", proxies.SOCKS, "web.lab:80"),
                                ("socks5", proxies.SOCKS, f"{net.WEB4}:80")):
        policy = policy_of(bench, scheme, port, WEB)
        found = requests(bench, lambda p=policy: check_page(bench, p, "http://web.lab/", "-4"))
        # What socks5 is given no name for is asked of the DNS server through it.
        servers = [f"{net.DNS4}:53"] if scheme == "socks5" else []
        check_equal(found, [*servers, asked], scheme)
        opened = bench.last.of("flow_open")
        check_equal(opened[0]["via"]["proxy"], f"{scheme}://{proxies.PROXY4}:{port}", scheme)
        check(opened[0]["via"]["local"]["port"] > 0, "via.local")


def check_fails(bench, policy, target, expected, result, why, words=None):
    """One connect fails; returns the close event."""
    check_equal(bench.ask("connect", *target, policy=policy), expected, "connect")
    closed = bench.last.one("flow_close")
    check_equal((closed["result"], closed["proxy"]["why"]), (result, why), str(target))
    if words is not None:
        check_in(words, closed["proxy"]["words"])
    return closed


SOCKS_ROWS = [(1, "EHOSTUNREACH", "unreachable", "failed"),
              (2, "EHOSTUNREACH", "unreachable", "denied"),
              (3, "ENETUNREACH", "unreachable", "failed"),
              (4, "EHOSTUNREACH", "unreachable", "failed"),
              (5, "ECONNREFUSED", "refused", "failed"),
              (6, "EHOSTUNREACH", "timeout", "failed"),
              (7, "EHOSTUNREACH", "unreachable", "unsupported"),
              (8, "ENETUNREACH", "unreachable", "unsupported")]


def register_socks(code, expected, result, why):
    @case(f"SOCKS reply {code} is {expected}")
    def reply(bench):
        policy = policy_of(bench, "socks5", proxies.SOCKS_REPLY + code)
        check_fails(bench, policy, (net.WEB4, "80"), expected, result, why)


for row in SOCKS_ROWS:
    register_socks(*row)

STATUS_ROWS = [(403, "unreachable", "denied"), (404, "unreachable", "failed"),
               (407, "unreachable", "login"), (502, "unreachable", "failed"),
               (503, "unreachable", "failed"), (504, "timeout", "failed")]


def register_status(status, result, why):
    @case(f"status {status} is EHOSTUNREACH, logged with the proxy's words")
    def answered(bench):
        policy = policy_of(bench, "http", proxies.HTTP_STATUS + status)
        check_fails(bench, policy, (net.WEB4, "80"), "EHOSTUNREACH", result, why,
                    f"{status} Words of the lab")


for row in STATUS_ROWS:
    register_status(*row)

BROKEN_ROWS = [("socks5", "method", "unreachable", "login"), ("socks5", "garbage", "reset", "malformed"),
               ("socks5", "hang", "timeout", "timeout"), ("socks5", "close", "reset", "closed"),
               ("socks5", "half", "reset", "closed"), ("socks5", "login", "unreachable", "login"),
               ("socks5", "name", "unreachable", "failed"),
               ("http", "garbage", "reset", "malformed"), ("http", "long", "reset", "malformed"),
               ("http", "hang", "timeout", "timeout"), ("http", "close", "reset", "closed"),
               ("http", "half", "reset", "closed")]


def register_broken(scheme, what, result, why):
    @case(f"a proxy ({scheme}) that answers with '{what}' fails that flow alone")
    def broken(bench):
        port = (proxies.SOCKS_BROKEN if scheme == "socks5" else proxies.HTTP_BROKEN)[what]
        policy = policy_of(bench, scheme, port, timeout="1s" if what == "hang" else "60s")
        check_fails(bench, policy, (net.WEB4, "80"), "EHOSTUNREACH", result, why)


for row in BROKEN_ROWS:
    register_broken(*row)


@case("a proxy that is down fails flows, not the run")
def down(bench):
    closed = check_fails(bench, policy_of(bench, "http", proxies.DOWN), (net.WEB4, "80"),
                         "ENETUNREACH", "unreachable", "down", "Connection refused")
    check_in(proxies.PROXY4, closed["proxy"]["words"])


@case("traffic: both directions, half-close, server first, reset")
def traffic(bench):
    for scheme, port in (("socks5", proxies.SOCKS), ("http", proxies.HTTP)):
        policy = policy_of(bench, scheme, port)
        check_equal(bench.ask("greeting", net.WEB4, str(net.GREET), policy=policy),
                    "220 ready\nhello", scheme)
        check_equal(bench.ask("upload", net.WEB4, str(net.DIGEST), "5", policy=policy), "same", scheme)
        check_equal(bench.ask("slow-echo", net.WEB4, str(net.ECHO), "4", policy=policy), "same",
                    scheme)
        check_equal(bench.ask("connect", net.WEB4, str(net.CLOSED), policy=policy),
                    "ECONNREFUSED" if scheme == "socks5" else "EHOSTUNREACH")


def udp_policy(bench, port, **keys):
    return policy_of(bench, "socks5", port, **keys)


@case("UDP through a SOCKS proxy: one association for each flow, and nothing around it")
def udp_associate(bench):
    policy = udp_policy(bench, proxies.SOCKS)
    asked = requests(bench, lambda: bench.ask("udp", net.WEB4, "7", "x", "20", policy=policy))
    check_equal(bench.last.out.split(), [f"x{n}" for n in range(20)])
    check_equal(asked[:2], ["udp:0", f"udp:{net.WEB4}:7"])
    check_equal(len([row for row in asked if row.startswith("udp:0")]), 1, "associations")
    opened, closed = bench.last.one("flow_open"), bench.last.one("flow_close")
    check_in(proxies.PROXY4, opened["via"]["proxy"])
    size = sum(len(f"x{n}") for n in range(20))
    check_equal((closed["bytes_out"], closed["bytes_in"]), (size, size))


@case("a proxy that refuses UDP: denied when it is required, else direct")
def udp_refused(bench):
    policy = udp_policy(bench, proxies.SOCKS_UDP["refused"], require=True)
    check_equal(bench.ask("udp", net.WEB4, "7", "x", policy=policy), "EHOSTUNREACH")
    check_equal(bench.last.one("flow_denied")["verdict"]["reason"], "proxy_required")
    policy = udp_policy(bench, proxies.SOCKS_UDP["refused"], require=False)
    check_equal(bench.ask("udp", net.WEB4, "7", "x", policy=policy), "x0")
    check_equal(bench.last.one("flow_open")["via"]["proxy"], None)


@case("a proxy that wants datagrams elsewhere than at its own address is not followed")
def udp_elsewhere(bench):
    policy = udp_policy(bench, proxies.SOCKS_UDP["elsewhere"])
    check_equal(bench.ask("udp", net.WEB4, "7", "x", policy=policy), "EHOSTUNREACH")
    check_equal(bench.last.one("flow_close")["proxy"]["why"], "malformed")


@case("UDP and ping by an HTTP proxy: denied when it is required, else direct")
def udp_by_http(bench):
    policy = policy_of(bench, "http", proxies.HTTP, [*PLACES, "icmp://203.0.113.0/24"])
    check_equal(bench.ask("udp", net.WEB4, "7", "x", policy=policy), "EHOSTUNREACH")
    check_equal(bench.last.one("flow_denied")["verdict"]["reason"], "proxy_required")
    done = bench.run(["ping", "-c", "1", "-W", "1", net.WEB4], policy)
    check(done.status != 0, "ping")
    check_equal(done.one("flow_denied")["verdict"]["reason"], "proxy_required")
    policy = policy_of(bench, "http", proxies.HTTP, require=False)
    check_equal(bench.ask("udp", net.WEB4, "7", "x", policy=policy), "x0")


@case("TLS to the proxy: the host is verified, by name and by address")
def tls(bench):
    keys = {"hosts": {proxies.NAME: proxies.PROXY4}}
    ca = str(bench.net.ca)
    for host in (proxies.NAME, proxies.PROXY4):
        policy = policy_of(bench, "https", proxies.HTTPS, WEB, host=host, ca_file=ca)
        text = policy.read_text().replace('"version": 1', '"version": 1, "hosts": %s'
                                          % str(keys["hosts"]).replace("'", '"'))
        policy.write_text(text)
        done = bench.good(["curl", "-4", "-sS", "http://web.lab/large", "-o", "large"], policy)
        check((bench.folder / "large").read_bytes() == bench.net.file("large"), "large differs")
        check_in("OpenSSL", str(done.one("run_start")["libraries"]))
    for scheme_port, keys in ((proxies.HTTPS_OTHER_NAME, {"ca_file": ca}), (proxies.HTTPS, {})):
        policy = policy_of(bench, "https", scheme_port, **keys)
        check_fails(bench, policy, (net.WEB4, "80"), "EHOSTUNREACH", "unreachable", "untrusted")


@case("through TLS: server first, and 16 MB both ways by a reader that stops for a while")
def tls_traffic(bench):
    policy = policy_of(bench, "https", proxies.HTTPS, ca_file=str(bench.net.ca))
    check_equal(bench.ask("greeting", net.WEB4, str(net.GREET), policy=policy),
                "220 ready\nhello")
    check_equal(bench.ask("slow-echo", net.WEB4, str(net.ECHO), "16", policy=policy), "same")


@case("name and password, from a variable and from a file, for each kind of proxy")
def login(bench):
    secret = bench.write("password", proxies.PASSWORD + "\n")
    secret.chmod(0o600)
    for scheme, port in (("socks5h", proxies.SOCKS_LOGIN), ("http", proxies.HTTP_LOGIN)):
        policy = policy_of(bench, scheme, port, WEB, username=proxies.USER, password_file="password")
        check_page(bench, policy)
        policy = policy_of(bench, scheme, port, WEB, username=proxies.USER,
                           password_env="LAB_PASSWORD")
        done = bench.good(["curl", "-sS", "http://web.lab/"], policy,
                          env=bench.env(LAB_PASSWORD=proxies.PASSWORD))
        check_equal(done.out, "hello from the lab\n")
        done = bench.run(["curl", "-sS", "http://web.lab/"], policy,
                         env=bench.env(LAB_PASSWORD="wrong"))
        check(done.status != 0, "a wrong password")
        check_equal(done.of("flow_close")[0]["proxy"]["why"], "login")
        check("wrong" not in done.log_path.read_text(), "the password is in the log")


@case("bypass by name and by address goes directly")
def bypass(bench):
    for entry in ("web.lab", "203.0.113.0/24"):
        # Without servers a name that is not bypassed by name has no address here.
        policy = policy_of(bench, "socks5", proxies.DOWN, WEB, bypass=[entry, "203.0.113.53"],
                           dns={"servers": [net.DNS4]})
        done = check_page(bench, policy, "http://web.lab/", "-4")
        check_equal(done.of("flow_open")[0]["via"]["proxy"], None, entry)
        done = bench.run(["curl", "-6", "-sS", "http://web.lab/"], policy)
        check_equal(done.status == 0, entry == "web.lab", entry)


@case("a server's first words right behind the proxy's answer are not lost")
def early(bench):
    policy = policy_of(bench, "http", proxies.HTTP_EARLY)
    done = bench.good(["python3", "-c", f"""
import socket
with socket.create_connection(("{net.WEB4}", {net.ECHO})) as sock:
    sock.sendall(b"hello")
    sock.shutdown(socket.SHUT_WR)
    print(sock.makefile("rb").read())
"""], policy)
    check_equal(done.out, repr(b"220 early\r\nhello") + "\n")


@case("the next flow works after one that failed, in one run")
def next_flow(bench):
    policy = policy_of(bench, "socks5", proxies.SOCKS)
    targets = []
    for port in (net.CLOSED, 80, net.CLOSED, 80):
        targets += [net.WEB4, str(port)]
    check_equal(bench.ask("connect", *targets, policy=policy).split(),
                ["ECONNREFUSED", "ok", "ECONNREFUSED", "ok"])


@case("git and curl need no variable: a clone and twenty files by the proxy, unchanged")
def clients(bench):
    policy = policy_of(bench, "socks5h", proxies.SOCKS, WEB)
    bench.good(["git", "clone", "-q", "http://git.lab/project.git"], policy)
    check_equal((bench.folder / "project" / "README").read_text(), "a project\n")
    check(all(row["via"]["proxy"] for row in bench.last.of("flow_open")), "past the proxy")
    words = [part for n in range(net.FILES)
             for part in ("-o", f"file{n}", f"http://web.lab/file{n}")]
    bench.good(["curl", "-sS", *words], policy)
    for n in range(net.FILES):
        check((bench.folder / f"file{n}").read_bytes() == bench.net.file(f"file{n}"), f"file{n}")


@case("the proxy's own name: hosts, the policy's servers, the host's; unknown refuses the run")
def named(bench):
    url = f"http://from-hosts.lab:{proxies.HTTP}"
    done = bench.run(["true"], bench.policy(proxy={"url": url}))
    check_equal(done.status, 0, "by the host")
    for dns in ({}, {"servers": [net.DNS4]}):
        policy = bench.policy(proxy={"url": "http://nowhere.lab:1"}, dns=dns)
        done = bench.run(["true"], policy)
        check_equal(done.status, 125, "status")
        check_in("cannot find 'nowhere.lab'", done.err)
    policy = bench.policy(allow=PLACES, dns={"servers": [net.DNS4]},
                          proxy={"url": "http://web.lab:1"})
    check_fails(bench, policy, (net.WEB4, "80"), "ENETUNREACH", "unreachable", "down", ":1: ")


@case("a connect that the program gives up ends its dial")
def given_up(bench):
    policy = policy_of(bench, "http", proxies.HTTP_BROKEN["hang"])
    done = bench.good(["python3", "-c", f"""
import socket
sock = socket.socket()
sock.setblocking(False)
sock.connect_ex(("{net.WEB4}", 80))
sock.close()
"""], policy)
    check_equal(done.one("flow_close")["result"], "killed")
