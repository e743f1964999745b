"""The bytes that arrive are the bytes that were sent, whatever the shape of the conversation."""
import hashlib

from lab import internet as net
from lab.case import Done, case, check, check_equal, wait_for_text

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


def check_accounted(bench, script, flows, policy):
    """
    Run a script, and its flows to their end, before the sandbox ends: what closes together with the
    run is not certain to be counted (doc/audit.md). Returns the run.
    """
    words, log = bench.words(policy, ["sh", "-c", f"{script}\necho over\nread line"])
    process = bench.start(words)
    out = []
    while (line := process.stdout.readline()) not in (b"over\n", b""):
        out.append(line.decode())
    wait_for_text(log, '"event":"flow_close"', flows)
    status, _, err = bench.finish(process, b"\n")
    bench.last = done = Done(status, "".join(out), err, log)
    bench.check_log(done)
    check_equal(done.status, 0, "status")
    figures = done.one("run_end")["accounting"]
    check_equal(figures["unaccounted"], 0, f"unaccounted in {figures}")
    return done


@case("every packet of the interface is accounted for")
def accounting(bench):
    check_accounted(bench, f"curl -sS -o file http://web.lab/ -o file9 http://{net.WEB4}/file9", 2,
                    bench.policy(allow=POLICY + ["web.lab:80"]))


@case("every packet of a query over TCP is accounted for")
def accounting_dns(bench):
    done = check_accounted(bench, "dig +tcp +short web.lab A; curl -sS -o file http://web.lab/", 1,
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
    done = check_accounted(bench, f"python3 {script}", 1, bench.policy(allow=POLICY))
    check_equal(done.out.strip(), "180000", "all of it")
    check_equal(done.one("flow_close")["result"], "closed")
