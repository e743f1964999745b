"""The bytes that arrive are the bytes that were sent, whatever the shape of the conversation."""
import hashlib

from lab import internet as net
from lab.case import case, check, check_equal

ADDRESSES = [net.WEB4, net.WEB6]
POLICY = ["203.0.113.0/24", "[2001:db8:2::]/48"]


@case("UDP echo, IPv4 and IPv6, small and large")
def udp_echo(bench):
    policy = bench.policy(allow=POLICY)
    for address in ADDRESSES:
        done = bench.good([bench.probe, "udp", address, "7", "x", "50"], policy)
        check_equal(done.out.split(), [f"x{n}" for n in range(50)])
        check_equal(len(done.of("flow_open")), 1, "flows")
        check_equal(done.one("flow_close")["bytes_out"], sum(len(f"x{n}") for n in range(50)))
        check_equal(bench.ask("udp-large", address, "7", "40000", policy=policy), "same")


@case("UDP to a closed port is ECONNREFUSED")
def udp_refused(bench):
    policy = bench.policy(allow=POLICY)
    for address in ADDRESSES:
        check_equal(bench.ask("udp", address, "9", "x", policy=policy), "ECONNREFUSED")


@case("a half-close is passed on")
def half_close(bench):
    policy = bench.policy(allow=POLICY)
    for address in ADDRESSES:
        expected = f"5 {hashlib.sha256(b'hello').hexdigest()}"
        check_equal(bench.ask("half-close", address, str(net.DIGEST), "hello", policy=policy),
                    expected)
    closed = bench.last.one("flow_close")
    check_equal((closed["result"], closed["bytes_out"], closed["bytes_in"]),
                ("closed", 5, len(expected) + 1))


@case("a server may speak first")
def server_first(bench):
    policy = bench.policy(allow=POLICY)
    for address in ADDRESSES:
        check_equal(bench.ask("greeting", address, str(net.GREET), policy=policy),
                    "220 ready\nhello")


@case("a reset arrives as a reset")
def reset(bench):
    policy = bench.policy(allow=POLICY)
    for address in ADDRESSES:
        check_equal(bench.ask("reset", address, str(net.RESET), policy=policy), "ECONNRESET")
    check_equal(bench.last.one("flow_close")["result"], "reset")


@case("50 MB down arrive unchanged")
def down(bench):
    done = bench.good(["sh", "-c", f"curl -sS http://{net.WEB4}/large | sha256sum"],
                      bench.policy(allow=POLICY))
    check_equal(done.out.split()[0], hashlib.sha256(bench.net.file("large")).hexdigest())
    check(done.one("flow_close")["bytes_in"] > 50 << 20, "bytes_in")


@case("50 MB up arrive unchanged")
def up(bench):
    policy = bench.policy(allow=POLICY)
    check_equal(bench.ask("upload", net.WEB6, str(net.DIGEST), "50", policy=policy), "same")
    check_equal(bench.last.one("flow_close")["bytes_out"], 50 << 20)


@case("a reader that stops for a while loses nothing")
def slow_reader(bench):
    policy = bench.policy(allow=POLICY)
    check_equal(bench.ask("slow-echo", net.WEB4, str(net.ECHO), "32", policy=policy), "same")


@case("500 connections at once")
def crowd(bench):
    policy = bench.policy(allow=POLICY)
    check_equal(bench.ask("crowd", net.WEB4, str(net.HOLD), "500", policy=policy), "500")
    check_equal(len(bench.last.of("flow_open")), 500, "flows opened")
    check_equal(len(bench.last.of("flow_close")), 500, "flows closed")


@case("2,000 connections one after another")
def sequence(bench):
    script = bench.write("sequence.py", f"""
import socket
for n in range(2000):
    with socket.create_connection(("{net.WEB4}", {net.ECHO})) as sock:
        sock.sendall(b"%d" % n)
        assert sock.recv(10) == b"%d" % n
print("all")
""")
    done = bench.good(["python3", str(script)], bench.policy(allow=POLICY))
    check_equal(done.out.strip(), "all")
    check_equal(len(done.of("flow_open")), 2000, "flows")


@case("a port that was just used may be used again")
def same_port(bench):
    script = bench.write("again.py", f"""
import socket, struct
for n in range(20):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.bind(("0.0.0.0", 20000))  # none that connect(2) gives out
    sock.connect(("{net.WEB4}", {net.ECHO}))
    sock.sendall(b"x")
    assert sock.recv(1) == b"x"
    sock.close()
print("all")
""")
    done = bench.good(["python3", str(script)], bench.policy(allow=POLICY))
    check_equal(done.out.strip(), "all")


def check_accounted(bench, command, policy, lost=False):
    """A run whose every packet is in an event or of a flow, or known to be lost. Returns it."""
    done = bench.good(command, policy)
    figures = done.one("run_end")["accounting"]
    check_equal(figures["unaccounted"], 0, f"unaccounted in {figures}")
    check_equal(figures["interface"]["packets"],
                figures["logged"]["packets"] + figures["lost"]["packets"], f"all of {figures}")
    check(lost or figures["lost"]["packets"] == 0, f"lost in {figures}")
    return done


@case("every packet of the interface is accounted for")
def accounting(bench):
    check_accounted(bench, ["curl", "-sS", "-o", "file", "http://web.lab/",
                            "-o", "file9", f"http://{net.WEB4}/file9"],
                    bench.policy(allow=POLICY + ["web.lab:80"]))


@case("every packet of a query over TCP is accounted for")
def accounting_dns(bench):
    done = check_accounted(bench, ["sh", "-c", "dig +tcp +short web.lab A\n"
                                               "curl -sS -o file http://web.lab/"],
                           bench.policy(allow=["web.lab:80"]))
    check_equal(done.out.strip(), net.WEB4)


@case("what confirms the last bytes is accounted for when both ends are long over")
def accounting_after_end(bench):
    script = bench.write("slow.py", f"""
import socket
sock = socket.socket()
sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
sock.connect(("{net.WEB4}", {net.FILL}))
sock.sendall(b"180000\\n")
sock.shutdown(socket.SHUT_WR)   # a web server ends when it hears of this before it has sent all
total = 0
while data := sock.recv(65536):
    total += len(data)
print(total)
""")
    done = check_accounted(bench, ["python3", str(script)], bench.policy(allow=POLICY))
    check_equal(done.out.strip(), "180000", "all of it")
    check_equal(done.one("flow_close")["result"], "closed")


@case("every segment of large uploads is accounted for")
def accounting_uploads(bench):
    for address in ADDRESSES:
        check_accounted(bench, [bench.probe, "upload", address, str(net.DIGEST), "50"],
                        bench.policy(allow=POLICY))


@case("datagrams that the kernel cuts out of one, and those that it sends in fragments, are accounted for")
def accounting_datagrams(bench):
    script = bench.write("datagrams.py", f"""
import socket
UDP_SEGMENT = 103
for family, address in (socket.AF_INET, {net.WEB4!r}), (socket.AF_INET6, {net.WEB6!r}):
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.settimeout(30)
    sock.connect((address, {net.ECHO}))
    for size in 0, 1000:
        sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, size)
        sock.send(b"x" * 20000)
        for _ in range(20000 // size if size else 1):
            assert len(sock.recv(65536)) == (size or 20000)
""")
    done = check_accounted(bench, ["python3", str(script)], bench.policy(allow=POLICY))
    check_equal(done.one("run_end")["accounting"]["interface"]["packets"], 2 * 21, "datagrams")


@case("datagrams that came faster than they were read are lost, and accounted for")
def accounting_flood(bench):
    script = bench.write("flood.py", f"""
import socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(20000):
    other.sendto(b"x" * 1400, ({net.WEB4!r}, {net.ECHO}))
    try:
        sock.sendto(b"x" * 1400, ("203.0.113.2", 1000 + n % 2000))
    except OSError:
        pass    # of a datagram before
""")
    done = check_accounted(bench, ["python3", str(script)], bench.policy(allow=[POLICY[0]]), True)
    check(done.one("run_end")["accounting"]["interface"]["packets"] > 20000, "a flood")


@case("every packet of what is cut short is accounted for")
def accounting_cut(bench):
    policy = bench.policy(allow=POLICY)
    check_accounted(bench, ["sh", "-c", f"curl -sS http://{net.WEB4}/large | head -c 100000 >file"],
                    policy)
    script = bench.write("cut.py", f"""
import socket, struct
for address in {ADDRESSES!r}:
    sock = socket.create_connection((address, {net.DIGEST}))
    sock.sendall(b"x" * 10_000_000)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()    # with a reset
    sock = socket.create_connection((address, {net.DIGEST}))
    sock.sendall(b"x" * 10_000_000)
""")
    check_accounted(bench, ["python3", str(script)], policy)
