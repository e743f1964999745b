"""The capture file, as tshark, capinfos and the kernel see it."""
import contextlib
import fcntl
import json
import os
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import time

from lab import internet as net
from lab import space
from lab.case import SECONDS, Reader, Skipped, case, check, check_equal, check_in

MIXTURE = f"""
curl -sS -o /dev/null http://web.lab/
curl -sS -4 -o /dev/null http://{net.WEB4}:80/
dig +short secret.lab
{{probe}} connect {net.WEB4} 81 {net.OTHER4} 80
{{probe}} udp {net.WEB4} 7 x
exit 0
"""


def wait_for_growth(path, part):
    """Until a file holds these bytes; woken by inotify."""
    watch = space.libc.inotify_init1(os.O_CLOEXEC)
    try:
        space.call("inotify_add_watch", watch, os.fsencode(path), 0x2)     # IN_MODIFY
        deadline = time.monotonic() + SECONDS
        while part not in path.read_bytes():
            ready, _, _ = select.select([watch], [], [], max(0, deadline - time.monotonic()))
            check(ready, f"no {part!r} within {SECONDS} s in {path}")
            os.read(watch, 65536)
    finally:
        os.close(watch)


def tools():
    for program in ("tshark", "capinfos"):
        if not shutil.which(program):
            raise Skipped(f"no {program} here")


def tshark(bench, file, *options):
    done = bench.direct("tshark", "-n", "-r", str(file), *options)
    check_equal(done.status, 0, f"tshark {' '.join(options)}")
    return done.out


def fields(bench, file, shown, *names):
    """A row for each packet that the display filter shows."""
    words = [word for name in names for word in ("-e", name)]
    out = tshark(bench, file, "-Y", shown, "-T", "fields", *words)
    return [row.split("\t") for row in out.splitlines()]


def mixture(bench, file, *options, **keys):
    policy = bench.policy(allow=["web.lab:80", f"udp://{net.WEB4}:7", f"{net.WEB4}:80"],
                          name="mixture", **keys)
    return bench.good(["sh", "-c", MIXTURE.format(probe=bench.probe)], policy,
                      options=["-c", str(file), *options])


@case("every flow of the log has its words at its first packet, denied ones too")
def comments(bench):
    tools()
    file = bench.folder / "a.pcapng"
    done = mixture(bench, file)
    said = {}
    for number, comment, syn in fields(bench, file, "frame.comment", "frame.number",
                                       "frame.comment", "tcp.flags.syn"):
        flow = int(re.match(r"flow (\d+); ", comment).group(1))
        check(flow not in said, f"flow {flow} is at two packets")
        said[flow] = comment
        check(syn in ("1", ""), f"packet {number} has '{comment}' and is no SYN")
    for event in done.of("flow_open", "flow_denied"):
        comment = said.pop(event["flow"])
        verdict = event["verdict"]
        check_in(f"; {verdict['action']}: {verdict['reason']}", comment)
        if verdict["rule"]:
            check_in(f" {verdict['rule']['file']}:{verdict['rule']['line']} ", comment)
        check_in(f"; process {event['process']['pid']} {event['process']['exe']}", comment)
        for name, answer in zip(event["names"], event["dns"]):
            check_in(f"{name} (dns {answer})", comment)
    check_equal(said, {}, "comments of no flow")


@case("tshark finds nothing wrong with the packets, and their bytes are those of the log")
def agrees(bench):
    tools()
    file = bench.folder / "a.pcapng"
    done = mixture(bench, file)
    found = fields(bench, file, "_ws.expert.severity >= 0x00600000", "frame.number",
                   "_ws.expert.message")
    check_equal([row for row in found if "RST" not in row[1]], [], "what tshark finds wrong")
    wrong = bench.direct("tshark", "-n", "-r", str(file), "-o", "tcp.check_checksum:TRUE", "-o",
                         "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-Y",
                         "tcp.checksum.status == 0 || udp.checksum.status == 0 || "
                         "ip.checksum.status == 0")
    check_equal((wrong.status, wrong.out), (0, ""), "wrong checksums")
    closed = {event["flow"]: event for event in done.of("flow_close")}
    for event in done.of("flow_open"):
        if event["proto"] != "tcp":
            continue
        family = "ipv6" if ":" in event["dst"]["ip"] else "ip"
        both = (f"tcp.port == {event['src']['port']} && "
                f"{family}.addr == {event['dst']['ip']} && !tcp.analysis.retransmission")
        rows = fields(bench, file, both, "tcp.srcport", "tcp.len")
        sent = sum(int(length) for port, length in rows if int(port) == event["src"]["port"])
        received = sum(int(length) for port, length in rows) - sent
        close = closed[event["flow"]]
        check_equal((sent, received), (close["bytes_out"], close["bytes_in"]),
                    f"bytes of flow {event['flow']}")


@case("the file says whose it is, at which point, in which filter, what was dropped, and the names")
def says(bench):
    tools()
    file = bench.folder / "a.pcapng"
    done = mixture(bench, file)
    start, end = done.one("run_start"), done.one("capture")
    info = bench.direct("capinfos", "-M", str(file)).out
    for words in (f"run {start['run']}", start["policy"]["sha256"], "policy mixture",
                  f"childflow {start['version']}", "Name = child",
                  f"Number of packets = {end['packets']}", "Strict time order:   True",
                  "nanoseconds (9)"):
        check_in(words, info)
    check_equal((end["file"], end["dropped"], end["files"]), (str(file), 0, 1))
    names = bench.direct("tshark", "-r", str(file), "-q", "-z", "hosts").out
    check_in(f"{net.WEB4}\tweb.lab", names)
    lengths = fields(bench, file, "frame", "frame.len")
    check_equal((len(lengths), sum(int(row[0]) for row in lengths)), (end["packets"], end["bytes"]))
    check_in(f"capture  {file}: {end['packets']} packets", "\n".join(done.summary()))


@case("with a snaplen a packet keeps its length, and loses its end")
def snaplen(bench):
    tools()
    file = bench.folder / "a.pcapng"
    mixture(bench, file, capture={"snaplen": 96})
    rows = fields(bench, file, "frame", "frame.len", "frame.cap_len")
    check_equal(max(int(kept) for _length, kept in rows), 96)
    check(any(int(length) > 96 for length, _kept in rows), "no long packet")


@case("a name in .pcap makes a file of classic pcap")
def classic(bench):
    tools()
    file = bench.folder / "a.pcap"
    done = mixture(bench, file)
    info = bench.direct("capinfos", "-M", str(file)).out
    check_in("nanoseconds (9)", info)
    check_equal(file.read_bytes()[:4], (0xa1b23c4d).to_bytes(4, sys.byteorder))
    check_equal(len(fields(bench, file, "frame", "frame.len")), done.one("capture")["packets"])


@case("the command cannot write, remove or rename its capture")
def guarded(bench):
    file = bench.folder / "a.pcapng"
    done = bench.good(["sh", "-c", "echo x > a.pcapng; rm -f a.pcapng; mv a.pcapng b; true"],
                      bench.policy(), options=["-c", str(file)])
    check_equal(done.one("capture")["file"], str(file))
    check_equal(file.read_bytes()[:4], b"\n\r\r\n")


@case("a capture that exists is not touched, and the command does not run")
def exists(bench):
    file = bench.write("a.pcapng", "kept")
    done = bench.run(["touch", "ran"], bench.policy(), options=["-c", str(file)])
    check_equal((done.status, file.read_text()), (125, "kept"))
    check_in("never appended to", done.err)
    check(not (bench.folder / "ran").exists(), "the command ran")


@case("files of a size: each can be read alone, none is larger, and no packet is lost between them")
def rotation(bench):
    tools()
    done = bench.good(["sh", "-c", "echo x > many/x; rm -rf many; "
                                   f"curl -sS -o /dev/null http://{net.WEB4}/large"],
                      bench.policy(allow=[f"{net.WEB4}:80"], capture={"max_size": "1MiB"}),
                      options=["-c", str(bench.folder / "many.pcapng")])
    end = done.one("capture")
    folder = bench.folder / "many"
    files = sorted(folder.iterdir())
    check_equal(end["file"], str(folder))
    check_equal([path.name for path in files],
                [f"{n:06}.pcapng" for n in range(1, end["files"] + 1)])
    check(len(files) > 1, f"one file for {end['bytes']} bytes")
    packets = 0
    for path in files:
        check(path.stat().st_size <= 1 << 20, f"{path} has {path.stat().st_size} bytes")
        packets += len(fields(bench, path, "frame", "frame.number"))
    check_equal(packets, end["packets"])


@case("keep: the newest files are kept")
def keep(bench):
    done = bench.good(["sh", "-c", f"curl -sS -o /dev/null http://{net.WEB4}/large"],
                      bench.policy(allow=[f"{net.WEB4}:80"],
                                   capture={"max_size": "1MiB", "keep": 2}),
                      options=["-c", str(bench.folder / "many.pcapng")])
    last = done.one("capture")["files"]
    check(last > 2, f"{last} files")
    check_equal(sorted(path.name for path in (bench.folder / "many").iterdir()),
                [f"{n:06}.pcapng" for n in (last - 1, last)])


@case("a capture that cannot be written any more ends the run, and what was written is whole")
def full(bench):
    tools()
    file = bench.folder / "a.pcapng"

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    done = bench.run(["sh", "-c", f"curl -sS -o /dev/null http://{net.WEB4}/large; sleep 1000"],
                     bench.policy(allow=[f"{net.WEB4}:80"]), options=["-c", str(file)],
                     preexec_fn=limited)
    check_equal(done.status, 125)
    check_in("the capture could not be written, the run was ended", done.err)
    check(file.stat().st_size <= 1 << 20, "it is larger than it may be")
    read = len(fields(bench, file, "frame", "frame.number"))
    check_equal(read, done.one("capture")["packets"])
    check_equal([event["code"] for event in done.of("warning")], ["capture_failed"])


@case("what was captured before childflow was killed can be read")
def killed(bench):
    tools()
    file = bench.folder / "a.pcapng"
    words, log = bench.words(bench.policy(allow=[f"{net.WEB4}:80"]),
                             ["sh", "-c", f"curl -sS -o /dev/null http://{net.WEB4}/; "
                                          "echo done; sleep 1000"], ["-c", str(file)])
    process = bench.start(words)
    check_equal(process.stdout.readline(), b"done\n")
    wait_for_growth(file, b"HTTP/1.1 200 OK")
    os.kill(process.pid, signal.SIGKILL)
    bench.finish(process)
    check(fields(bench, file, "http.response", "frame.number"), "no answer in it")


FORGED = f"""
curl -sS -4 -o /dev/null http://web.lab/
{{probe}} connect {net.OTHER4} 80
{{probe}} udp {net.WEB4} 7 x
ping -c 1 -W 5 {net.WEB4} >/dev/null
exit 0
"""


def from_outside(bench, file, point, **keys):
    policy = bench.policy(allow=["web.lab:80", f"udp://{net.WEB4}:7", f"icmp://{net.WEB4}"],
                          capture={"point": point}, **keys)
    return bench.run(["sh", "-c", FORGED.format(probe=bench.probe)], policy,
                     options=["-c", str(file)])


@case("at egress there is what the engine's sockets sent and received, with their addresses, and of no "
      "one else", identities=("root",))
def egress(bench):
    tools()
    file = bench.folder / "a.pcapng"
    others = bench.start(["sh", "-c", f"while :; do curl -sS -o /dev/null http://{net.OTHER4}/; "
                                      f"{bench.probe} udp {net.WEB4} 7 y; done"])
    done = from_outside(bench, file, "egress")
    os.killpg(others.pid, signal.SIGKILL)
    others.wait()
    check_equal(done.status, 0)
    info = bench.direct("capinfos", str(file)).out
    for words in ("Name = egress", "Number of interfaces in file: 1", "Strict time order:   True"):
        check_in(words, info)
    rows = fields(bench, file, "ip || ipv6", "ip.src", "ip.dst", "_ws.col.protocol", "frame.number")
    check(rows, "nothing in it")
    check_equal([row for row in rows if net.OTHER4 in row[:2]], [], "packets of another process")
    check_equal([row for row in rows if net.HOST4 not in row[:2]], [], "packets of nobody here")
    vias = {(event["proto"], event["via"]["local"]["port"]): event
            for event in done.of("flow_open")}
    for kind in ("tcp", "udp"):
        ports = {int(port) for row in
                 fields(bench, file, f"{kind} && ip.src == {net.HOST4} && !dns", f"{kind}.srcport")
                 for port in row}
        check_equal(ports, {port for proto, port in vias if proto == kind}, f"{kind} ports")
    said = {re.match(r"flow (\d+); ", comment).group(1)
            for (comment,) in fields(bench, file, "frame.comment", "frame.comment")}
    check_equal(said, {str(event["flow"]) for event in done.of("flow_open")}, "flows that are named")
    check(fields(bench, file, "dns", "frame.number"), "no query of the resolver")
    check(fields(bench, file, "icmp.type == 8", "frame.number"), "no echo request")
    check(fields(bench, file, "icmp.type == 0", "frame.number"), "no echo reply")
    wrong = bench.direct("tshark", "-n", "-r", str(file), "-o", "tcp.check_checksum:TRUE", "-o",
                         "udp.check_checksum:TRUE", "-Y",
                         "tcp.checksum.status == 0 || udp.checksum.status == 0")
    check_equal((wrong.status, wrong.out), (0, ""), "wrong checksums")


ONCE = f"""
import socket, sys
sock = socket.create_connection(("{net.WEB4}", 80))
sock.sendall(b"GET /of-the-tree HTTP/1.0\\r\\n\\r\\n")
while sock.recv(65536):
    pass
sock.close()
print("done", flush=True)
sys.stdin.readline()
"""


@case("who takes the ports of a connection that is over is another, also where no SYN is wanted",
      identities=("root",))
def reused(bench):
    tools()
    file = bench.folder / "a.pcapng"
    words, log = bench.words(
        bench.policy(allow=[f"{net.WEB4}:80"],
                     capture={"point": "egress", "filter": "tcp[tcpflags] & tcp-syn == 0"}),
        ["python3", "-c", ONCE], ["-c", str(file)])
    process = bench.start(words)
    Reader(process.stdout.fileno()).until("done\n")
    opened = [json.loads(line) for line in log.read_text().splitlines() if '"flow_open"' in line]
    port = opened[0]["via"]["local"]["port"]
    done = bench.direct("curl", "-sS", "-o", os.devnull, "--local-port", str(port),
                        f"http://{net.WEB4}/of-another")
    check_equal(done.status, 0, done.err)
    status, _out, err = bench.finish(process, b"\n")
    check_equal(status, 0, err)
    data = file.read_bytes()
    check(b"/of-the-tree" in data, "nothing of the tree")
    check(b"/of-another" not in data, "a packet of another process")
    check_equal(fields(bench, file, "tcp.flags.syn == 1", "frame.number"), [],
                "what the filter keeps out")


@case("both points are two interfaces of one file, in order, and denied packets are at one of them",
      identities=("root",))
def both(bench):
    tools()
    file = bench.folder / "a.pcapng"
    done = from_outside(bench, file, "both")
    check_equal(done.status, 0)
    info = bench.direct("capinfos", str(file)).out
    for words in ("Name = child", "Name = egress", "Number of interfaces in file: 2",
                  "Strict time order:   True"):
        check_in(words, info)
    for point, denied in (("child", True), ("egress", False)):
        shown = f'frame.interface_name == "{point}" && ip.dst == '
        check(fields(bench, file, shown + net.WEB4, "frame.number"), f"nothing at {point}")
        check_equal(bool(fields(bench, file, shown + net.OTHER4, "frame.number")), denied, point)


@case("an ordinary user is refused the host's interfaces, with the reason", identities=("user",))
def egress_refused(bench):
    for point in ("egress", "both"):
        file = bench.folder / f"{point}.pcapng"
        done = bench.run(["touch", "ran"], bench.policy(capture={"point": point}),
                         options=["-c", str(file)])
        check_equal(done.status, 125)
        check_in("CAP_NET_RAW", done.err)
        check_in("egress-logical", done.err)
        check(not file.exists() and not (bench.folder / "ran").exists(), "something was done")


@case("egress-logical says that it is reconstructed, and has the addresses of outside")
def egress_logical(bench):
    tools()
    file = bench.folder / "a.pcapng"
    done = from_outside(bench, file, "egress-logical")
    check_equal(done.status, 0)
    info = bench.direct("capinfos", str(file)).out
    for words in ("Name = egress-logical", "reconstructed", "Strict time order:   True"):
        check_in(words, info)
    rows = fields(bench, file, "ip", "ip.src", "ip.dst")
    check_equal([row for row in rows if net.HOST4 not in row], [], "addresses of inside")
    check_equal([row for row in rows if net.OTHER4 in row], [], "what was denied")
    for shown in ("tcp.flags.fin == 1", "http.response"):  # of a flow that was closed by then, too
        check(fields(bench, file, shown, "frame.number"), f"nothing of {shown}")
    ports = {int(port) for row in fields(bench, file, "tcp.flags.syn == 1 && tcp.flags.ack == 0",
                                         "tcp.srcport") for port in row}
    check_equal(ports, {event["via"]["local"]["port"] for event in done.of("flow_open")
                        if event["proto"] == "tcp"})
    wrong = bench.direct("tshark", "-n", "-r", str(file), "-o", "tcp.check_checksum:TRUE", "-o",
                         "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-Y",
                         "tcp.checksum.status == 0 || udp.checksum.status == 0 || "
                         "ip.checksum.status == 0 || icmp.checksum.status == 0")
    check_equal((wrong.status, wrong.out), (0, ""), "wrong checksums")


HOST_PORTS = f"""
import socket
for family in socket.AF_INET, socket.AF_INET6:
    at = socket.getaddrinfo("host.childflow.internal", {net.HOST_PORT}, family,
                            socket.SOCK_STREAM)[0][4]
    with socket.create_connection(at[:2]) as sock:
        sock.recv(4096)
"""


@case("egress-logical has what goes to the host's own ports as it is there, also of IPv6")
def host_ports_logical(bench):
    tools()
    file = bench.folder / "a.pcapng"
    done = bench.good(["python3", "-c", HOST_PORTS],
                      bench.policy(egress={"host_ports": [net.HOST_PORT]},
                                   capture={"point": "egress-logical"}),
                      options=["-c", str(file)])
    opened = done.of("flow_open")
    check_equal([":" in event["dst"]["ip"] for event in opened], [False, True], "families inside")
    rows = fields(bench, file, "frame", "ip.src", "ip.dst")
    check_equal({address for row in rows for address in row}, {"127.0.0.1"})
    for event in opened:
        port = event["via"]["local"]["port"]
        both = fields(bench, file, f"tcp.port == {port} && tcp.flags.syn == 1", "tcp.srcport")
        check_equal(both, [[str(port)], [str(net.HOST_PORT)]], "how it began")
        check(fields(bench, file, f"tcp.dstport == {port} && tcp.len > 0", "tcp.len"), "no greeting")
    wrong = bench.direct("tshark", "-n", "-r", str(file), "-o", "tcp.check_checksum:TRUE", "-o",
                         "ip.check_checksum:TRUE", "-Y",
                         "tcp.checksum.status == 0 || ip.checksum.status == 0")
    check_equal((wrong.status, wrong.out), (0, ""), "wrong checksums")


LARGE = f"""
import socket
for target in "{net.WEB4}", "{net.WEB6}":
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.sendto(b"x" * 4000, (target, {net.ECHO}))
        assert len(sock.recv(65535)) > 0
"""


def fragments(bench, point):
    tools()
    file = bench.folder / "a.pcapng"
    bench.good(["python3", "-c", LARGE],
               bench.policy(allow=[f"udp://{net.WEB4}:{net.ECHO}", f"udp://[{net.WEB6}]:{net.ECHO}"],
                            capture={"point": point}),
               options=["-c", str(file)])
    for address in (net.WEB4, net.WEB6):
        family = "ipv6" if ":" in address else "ip"
        whole = fields(bench, file, f"{family}.dst == {address} && udp.length == 4008", "frame.number")
        check_equal(len(whole), 1, f"datagrams to {address} that are whole")
    behind = fields(bench, file, "ip.frag_offset > 0 || ipv6.fraghdr.offset > 0", "ip.src", "ip.dst")
    check(behind, "no fragments")
    wrong = bench.direct("tshark", "-n", "-r", str(file), "-o", "udp.check_checksum:TRUE", "-o",
                         "ip.check_checksum:TRUE", "-Y",
                         "udp.checksum.status == 0 || ip.checksum.status == 0")
    check_equal((wrong.status, wrong.out), (0, ""), "wrong checksums")


@case("a datagram in fragments is whole at egress", identities=("root",))
def fragments_egress(bench):
    fragments(bench, "egress")


@case("a datagram in fragments is whole at egress-logical")
def fragments_logical(bench):
    fragments(bench, "egress-logical")


def changed_by(bench, change, **capture):
    """What a run says in whose capture something was done between two of its words."""
    file = bench.folder / "a.pcapng"
    words, log = bench.words(bench.policy(allow=[f"{net.WEB4}:80"], capture=capture),
                             ["sh", "-c", f"curl -sS -o /dev/null http://{net.WEB4}/; echo ready; "
                                          "read line"], ["-c", str(file)])
    process = bench.start(words)
    Reader(process.stdout.fileno()).until("ready\n")
    change()
    status, _out, err = bench.finish(process, b"\n")
    events = [json.loads(line) for line in log.read_text().splitlines()]
    return status, err, [event["code"] for event in events if event["event"] == "warning"]


def write_again(path):
    """The same byte, until the file system had other times for it than childflow's last write."""
    times = set()
    with path.open("r+b", buffering=0) as file:
        while len(times) < 20:
            file.seek(0)
            file.write(b"\n")
            times.add(path.stat().st_ctime_ns)


@case("a capture that another wrote to, removed or moved is told in the log, the summary and the status")
def changed(bench):
    file = bench.folder / "a.pcapng"
    one = bench.folder / "a" / "000001.pcapng"
    for change, path, keys in (
            (lambda: write_again(file), file, {}),
            (lambda: write_again(one), one, {"max_size": "1MiB"}),
            (lambda: file.unlink(), file, {}),
            (lambda: (bench.folder / "a").rename(bench.folder / "b"), bench.folder / "a",
             {"max_size": "1MiB"})):
        status, err, warnings = changed_by(bench, change, **keys)
        check_equal((status, warnings), (125, ["capture_changed"]), err)
        check(err.count(f"the capture file '{path}' was changed, moved or removed") >= 2, err)
        shutil.rmtree(bench.folder / "a", ignore_errors=True)
        file.unlink(missing_ok=True)


def into_fifo(bench):
    """A run whose capture is a FIFO of one page, begun, and a reader of it that does not read."""
    fifo = bench.folder / "a.pcapng"
    os.mkfifo(fifo)
    fifo.chmod(0o666)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    words, _log = bench.words(bench.policy(allow=[f"{net.WEB4}:80"]),
                              ["curl", "-sS", f"http://{net.WEB4}/large"], ["-c", str(fifo)])
    process = bench.start(words)
    check(process.stdout.read(1), "nothing came")
    return process, reader


@case("a capture whose reader does not read slows the run, and a signal ends it all the same")
def unread(bench):
    for number, status in ((signal.SIGTERM, 125), (signal.SIGINT, 125), (signal.SIGKILL, -9)):
        process, reader = into_fifo(bench)
        os.kill(process.pid, number)
        got, _out, err = bench.finish(process)  # when nobody has its output any more
        check_equal(got, status, err)
        if number != signal.SIGKILL:
            check_in("nobody reads what is written to a FIFO", err)
        os.close(reader)
        (bench.folder / "a.pcapng").unlink()


DENIED = """
import signal, socket
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
for port in range(1, 101):
    with socket.socket() as sock:
        sock.connect_ex(("198.51.100.1", port))
signal.pause()
"""


@case("a signal ends a run whose log and words go to the same reader, which does not read")
def unread_words(bench):
    fifo = bench.folder / "all"
    os.mkfifo(fifo)
    fifo.chmod(0o666)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    words, _log = bench.words(bench.policy(), ["python3", "-c", DENIED], ["--log", str(fifo)])
    with fifo.open("wb", buffering=0) as stderr:
        process = bench.start(words, stderr=stderr)
    Reader(process.stdout.fileno()).until("ready\n")
    for _ in range(SECONDS):        # one that comes before the log is full is the command's
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)
            break
    check_equal(process.poll(), 125, "status")
    os.close(reader)


@case("a capture whose reader comes back to it is whole")
def read_late(bench):
    tools()
    process, reader = into_fifo(bench)
    got = bench.folder / "got.pcapng"
    os.set_blocking(reader, True)
    with got.open("wb") as file:
        copy = bench.start(["cat"], stdin=reader, stdout=file)
    os.close(reader)
    status, _out, err = bench.finish(process)
    check_equal(copy.wait(SECONDS), 0)
    check_equal(status, 0, err)
    read = fields(bench, got, "frame", "frame.len")
    check_in(f": {len(read)} packets", err)
