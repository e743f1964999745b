"""What the policy allows passes; what it denies is refused at once, and as what it is."""
import errno
import os
import pathlib
import shutil
import sys

from lab import internet as net
from lab.case import Skipped, case, check, check_equal, check_in


def check_connect(bench, policy, *rows):
    """Each row: host, port, what connect() says."""
    targets = [str(word) for row in rows for word in row[:2]]
    done = bench.good([bench.probe, "connect", *targets], policy)
    for row, found in zip(rows, done.out.splitlines()):
        check_equal(found, row[2], f"{row[0]} port {row[1]}")
    check_equal(len(done.out.splitlines()), len(rows), "answers")
    return done


@case("a denied connection is EHOSTUNREACH over IPv4 and EACCES over IPv6")
def denied_errno(bench):
    done = check_connect(bench, bench.policy(allow=[f"{net.WEB4}:443"]),
                         (net.WEB4, 80, "EHOSTUNREACH"), (net.WEB6, 80, "EACCES"),
                         (net.WEB4, 443, "ok"), (net.OTHER4, 443, "EHOSTUNREACH"),
                         (net.UNREACHABLE4, 80, "EHOSTUNREACH"), (net.HOLE4, 80, "EHOSTUNREACH"))
    check_equal(len(done.of("flow_denied")), 5, "denials")
    check_equal(done.of("flow_denied")[0]["verdict"]["reason"], "default")


@case("a denied datagram is EHOSTUNREACH over IPv4 and EACCES over IPv6")
def denied_udp(bench):
    policy = bench.policy(allow=[f"tcp://{net.WEB4}"])
    check_equal(bench.ask("udp", net.WEB4, "7", "x", policy=policy), "EHOSTUNREACH")
    check_equal(bench.ask("udp", net.WEB6, "7", "x", policy=policy), "EACCES")
    check_equal(bench.last.one("flow_denied")["proto"], "udp")


@case("a denied ping says that it is filtered")
def denied_ping(bench):
    policy = bench.policy(allow=[f"udp://{net.WEB4}"])
    done = bench.run(["ping", "-n", "-c", "1", "-W", "20", net.WEB4], policy)
    check_equal(done.status, 1, "status")
    check_in("iltered", done.out)
    done = bench.run(["ping", "-n", "-c", "1", "-W", "20", net.WEB6], policy)
    check_equal(done.status, 1, "status")
    check_in("prohibited", done.out)
    check_equal(done.one("flow_denied")["proto"], "icmp")


@case("refused, unreachable and prohibited connections end as they do outside")
def ends_as_outside(bench):
    check_connect(bench, bench.policy(allow=["203.0.113.0/24", "[2001:db8:2::]/48"]),
                  (net.WEB4, net.CLOSED, "ECONNREFUSED"), (net.WEB6, net.CLOSED, "ECONNREFUSED"),
                  (net.UNREACHABLE4, 80, "EHOSTUNREACH"), (net.UNREACHABLE6, 80, "ENETUNREACH"),
                  (net.PROHIBITED4, 80, "EHOSTUNREACH"))
    results = [event["result"] for event in bench.last.of("flow_close")]
    check_equal(results, ["refused", "refused", "unreachable", "unreachable", "unreachable"])


@case("a black hole stays silent")
def black_hole(bench):
    policy = bench.policy(allow=["203.0.113.0/24"])
    check_equal(bench.ask("blackhole", net.HOLE4, "80", policy=policy), "silent")


@case("Happy Eyeballs: a dead IPv6 address does not stop curl")
def happy_eyeballs(bench):
    done = bench.good(["curl", "-sS", "http://happy.lab/"], bench.policy(allow=["happy.lab:80"]))
    check_equal(done.out, "hello from the lab\n")


@case("rules by name hold for the addresses of that name only")
def by_name(bench):
    check_connect(bench, bench.policy(allow=["v4.lab:80", "web.lab:443"]),
                  (net.WEB4, 80, "EHOSTUNREACH"),      # nobody asked for the name yet
                  ("v4.lab", 80, "ok"), (net.WEB4, 80, "ok"), (net.OTHER4, 80, "EHOSTUNREACH"),
                  ("v4.lab", 443, "EHOSTUNREACH"), ("web.lab", 443, "ok"))


@case("wildcards: one star is one label, two are one or more, neither is the apex")
def wildcards(bench):
    names = ["a.zone.lab", "b.a.zone.lab", "zone.lab"]
    denied = "Name or service not known"
    for rule, expected in (("*.zone.lab", [net.WEB4, denied, denied]),
                           ("**.zone.lab", [net.WEB4, net.WEB4, denied])):
        found = bench.ask("resolve", *names, policy=bench.policy(allow=[rule])).splitlines()
        check_equal(found, expected, rule)


@case("a deny beats an allow by name whose address is private")
def private(bench):
    policy = bench.policy(allow=["private.lab:80", "v4.lab:80"], deny=["private"],
                          dns={"block_rebinding": False})
    check_connect(bench, policy, ("private.lab", 80, "EHOSTUNREACH"), ("v4.lab", 80, "ok"))
    policy = bench.policy(allow=["private.lab:80", f"{net.PRIVATE4}:80"], deny=["private"])
    check_connect(bench, policy, ("private.lab", 80, "ok"))


@case("default allow with a deny rule")
def default_allow(bench):
    policy = bench.policy(deny=[f"{net.WEB4}:80"], egress={"default": "allow"})
    check_connect(bench, policy, (net.WEB4, 80, "EHOSTUNREACH"), (net.WEB4, 443, "ok"))
    rule = bench.last.one("flow_denied")["verdict"]["rule"]
    check_equal((rule["text"], rule["line"] > 1), (f"{net.WEB4}:80", True))


@case("audit mode lets everything through and logs what enforce would deny")
def audit_mode(bench):
    policy = bench.policy(mode="audit")
    done = bench.good([bench.probe, "connect", "web.lab", "80", net.WEB4, "80", net.WEB6, "80"],
                      policy)
    check_equal(done.out.split(), ["ok"] * 3)
    check_equal(done.of("flow_denied"), [])
    for event in done.of("flow_open", "dns"):
        check(event["verdict"]["would_deny"], f"no would_deny: {event}")
        check_equal(event["verdict"]["action"], "allow")
    check(done.one("run_end")["totals"]["would_deny"] >= 4, "totals")


@case("host_ports lead to the host's loopback, other ports of it do not")
def host_ports(bench):
    policy = bench.policy(egress={"host_ports": [net.HOST_PORT]})
    name = "host.childflow.internal"
    check_equal(bench.ask("greeting", name, str(net.HOST_PORT), policy=policy),
                "220 ready\nhello")
    denied = bench.ask("connect", name, "5433", policy=policy)
    check(denied in ("EHOSTUNREACH", "EACCES"), denied)


@case("the sandbox's own loopback is its own")
def loopback(bench):
    policy = bench.policy(egress={"default": "allow"})
    check_equal(bench.ask("connect", "127.0.0.1", str(net.HOST_PORT), policy=policy),
                "ECONNREFUSED")


@case("hosts entries and the hosts file answer, and pin their address")
def hosts(bench):
    bench.write("extra-hosts", f"{net.OTHER4} other.internal\n")
    policy = bench.policy(allow=["pinned.internal:80", "other.internal:80"],
                          hosts={"pinned.internal": [net.WEB4, net.WEB6], "free.internal": "192.0.2.9"},
                          hosts_file="extra-hosts")
    done = bench.good(["curl", "-sS", "http://pinned.internal/", "http://other.internal/"], policy)
    check_equal(done.out, "hello from the lab\n" * 2)
    done = bench.good(["dig", "+short", "pinned.internal", "AAAA"], policy)
    check_equal(done.out.strip(), net.WEB6)
    check_equal(done.one("dns")["source"], "hosts")
    done = bench.good(["cat", "/etc/hosts"], policy)
    for word in ("pinned.internal", "other.internal", "free.internal", "localhost"):
        check_in(word, done.out)
    check("from-hosts.lab" not in done.out, "the host's own /etc/hosts is visible")


@case("no IPv6 inside when the host has none", identities=("root", "user"))
def no_ipv6(bench):
    bench.net.ipv6(False)
    try:
        policy = bench.policy(egress={"default": "allow"})
        done = bench.good(["ip", "-6", "route", "show"], policy)
        check_equal(done.out.strip(), "", "IPv6 routes")
        check_equal(bench.ask("connect", net.WEB6, "80", policy=policy), "ENETUNREACH")
        check_equal(bench.good(["curl", "-sS", "http://web.lab/"], policy).out,
                    "hello from the lab\n")
        done = bench.run(["true"], bench.policy(egress={"ipv6": "on"}))
        check_equal(done.status, 125, "status with ipv6: on")
    finally:
        bench.net.ipv6(True)


@case("egress.ipv6 off leaves no IPv6 inside")
def ipv6_off(bench):
    policy = bench.policy(egress={"default": "allow", "ipv6": "off"})
    check_equal(bench.ask("connect", net.WEB6, "80", policy=policy), "ENETUNREACH")


def rule_of(event):
    return event["verdict"]["rule"]


@case("a rule with exe is for that program alone, for names and for connections")
def by_program(bench):
    curl, python = pathlib.Path(shutil.which("curl")), pathlib.Path(sys.executable)
    ask = ["sh", "-c", 'curl -sS http://v4.lab/; exec "$@"', "sh", sys.executable, "-c",
           "import socket\n"
           f"for at in ('v4.lab', 80), ({net.WEB4!r}, 80):\n"
           "    try: socket.create_connection(at); print('connected')\n"
           "    except OSError as error: print(type(error).__name__)"]
    policy = bench.policy(allow=[{"to": "v4.lab:80", "exe": str(curl.resolve())}])
    done = bench.good(ask, policy)
    # curl made the name's address known, and still it is not for the other program.
    check_equal(done.out, "hello from the lab\ngaierror\nOSError\n")
    for kind in ("dns", "flow_open"):
        allowed = [event for event in done.of(kind) if event["verdict"]["action"] == "allow"]
        check(allowed, kind)
        for event in allowed:
            check_equal(event["process"]["exe"], str(curl.resolve()))
    check_equal(done.one("flow_denied")["process"]["exe"], str(python.resolve()))
    policy = bench.policy(egress={"default": "allow"}, dns={"filter": "any"},
                          deny=[{"to": "any", "exe": f"{python.resolve().parent}/python*"}])
    done = bench.run(ask, policy)
    check_equal(done.out, "hello from the lab\nOSError\nOSError\n")


# Ask for a name from a socket that the folder of the process in /proc does not have: its first thread
# has ended, or the thread that asks has descriptors of its own.
HIDER = """
import ctypes, os, socket, subprocess, sys, threading, time
libc = ctypes.CDLL(None)
first, how = threading.get_native_id(), sys.argv[1]
sock = None

def opened():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(30)
    sock.connect((sys.argv[2], 53))
    return sock

def ended(tid, until):
    while time.monotonic() < until:
        if open(f"/proc/self/task/{tid}/stat").read().rpartition(")")[2].split()[0] == "Z":
            return
    os._exit(3)

def asks(sock, holder=None):
    if how == "unshared":
        assert libc.unshare(0x400) == 0     # CLONE_FILES
        sock = opened()
    else:
        ended(first, time.monotonic() + 30)
    sock.send(b"\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\2v4\\3lab\\0\\0\\1\\0\\1")
    sock.recv(512)
    if holder:
        holder.kill()
    os._exit(0)

if how != "unshared":
    sock = opened()
holder = subprocess.Popen(["sleep", "1000"], pass_fds=[sock.fileno()]) if how == "shared" else None
threading.Thread(target=asks, args=(sock, holder)).start()
if how == "unshared":
    threading.Event().wait()
libc.syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)
"""


@case("a socket that a program hides in a thread is still the program's")
def hidden_socket(bench):
    if os.uname().machine not in ("x86_64", "aarch64"):
        raise Skipped("the number of exit(2) is not known here")
    script = bench.write("hider.py", HIDER)
    policy = bench.policy(allow=["v4.lab"])
    for how in ("unshared", "first-ended"):
        done = bench.good(["python3", str(script), how, net.DNS4], policy)
        check_in("python3", done.one("dns")["process"]["exe"], how)
    # One of its holders may ask for the name; the one that hides may not.
    policy = bench.policy(allow=[{"to": "v4.lab", "exe": os.path.realpath(shutil.which("sleep"))}])
    done = bench.good(["python3", str(script), "shared", net.DNS4], policy)
    event = done.one("dns")
    check_equal(event["verdict"]["action"], "deny")
    check_in("python3", event["process"]["exe"])


# A thread would ask from a socket that an innocent program has and, but for this thread, no other.
ASIDE = """
import ctypes, os, socket, subprocess, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(30)
sock.connect((sys.argv[1], 53))
holder = subprocess.Popen(["sleep", "1000"], pass_fds=[sock.fileno()])
apart, alone = threading.Event(), threading.Event()

def asks():
    global refused
    refused = libc.unshare(0x400) and ctypes.get_errno()     # CLONE_FILES
    apart.set()
    alone.wait()
    sock.send(b"\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\2v4\\3lab\\0\\0\\1\\0\\1")
    print(refused, sock.recv(512)[3] & 15, flush=True)
    holder.kill()
    os._exit(0)

thread = threading.Thread(target=asks)
thread.start()
apart.wait()
if not refused:
    os.close(sock.fileno())
alone.set()
thread.join()
"""


@case("a thread does not hide descriptors of its own behind a program that may have them")
def hidden_table(bench):
    script = bench.write("aside.py", ASIDE)
    sleep = os.path.realpath(shutil.which("sleep"))
    done = bench.good(["python3", str(script), net.DNS4],
                      bench.policy(allow=[{"to": "v4.lab", "exe": sleep}]))
    check_equal(done.out.split(), [str(errno.EPERM), "3"])
    check_in("python3", done.one("dns")["process"]["exe"])
    # Without such a rule a program may do what it likes with its descriptors.
    done = bench.good(["python3", str(script), net.DNS4], bench.policy(allow=["v4.lab"]))
    check_equal(done.out.split(), ["0", "0"])


@case("a rule past its last day denies as expired")
def expired(bench):
    policy = bench.policy(allow=[{"to": "v4.lab:80", "until": "2001-02-03"}, net.WEB4 + ":443"])
    check_connect(bench, policy, ("v4.lab", 80, "Name or service not known"),
                  (net.WEB4, 80, "EHOSTUNREACH"), (net.WEB4, 443, "ok"))
    for event in bench.last.of("dns"):
        check_equal(event["verdict"]["reason"], "expired")
        check_equal(rule_of(event)["text"], "v4.lab:80")
    check(bench.last.of("dns"), "questions")
    check_in("expired on 2001-02-03", bench.last.err)


@case("rules for groups say in the log which endpoint or name it was")
def groups(bench):
    bench.write("ads.txt", "# a list\n0.0.0.0 localhost\n0.0.0.0 happy.lab web.lab\n")
    policy = bench.policy(allow=["group:web"], deny=["group:ads"],
                          egress={"groups": {"web": ["v4.lab:80", f"{net.WEB4}:443"],
                                             "ads": {"names_file": "ads.txt"}}})
    check_connect(bench, policy, ("v4.lab", 80, "ok"), (net.WEB4, 443, "ok"),
                  ("web.lab", 443, "Name or service not known"))
    flows = bench.last.of("flow_open")
    check_equal([rule_of(event)["text"] for event in flows], ["group:web"] * 2)
    check_equal([rule_of(event)["member"] for event in flows], ["v4.lab:80", f"{net.WEB4}:443"])
    denied = [event for event in bench.last.of("dns") if event["verdict"]["action"] == "deny"]
    check(denied, "denied names")
    for event in denied:
        check_equal(rule_of(event)["text"], "group:ads")
        check_equal(rule_of(event)["member"], f"{(bench.folder / 'ads.txt').resolve()}:3")
