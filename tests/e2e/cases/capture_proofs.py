"""The capture file beside the log and beside what else goes on, by tools that nobody here wrote."""
import json
import os
import re
import shutil
import struct

from lab import internet as net
from lab import space
from lab.case import Reader, Skipped, case, check, check_equal, check_in

MIXTURE = f"""
curl -sS -o /dev/null http://web.lab/
curl -sS -6 -o /dev/null http://[{net.WEB6}]/
dig +short secret.lab
{{probe}} connect {net.WEB4} 81 {net.OTHER4} 80
{{probe}} udp {net.WEB4} {net.ECHO} x
exit 0
"""

# Datagrams as fast as they go, to where none is taken; prints how many were sent, and how many of
# these the link had no room for.
FLOOD = """
import socket

def lost():
    lines = [line.split(":") for line in open("/proc/net/dev").readlines()[2:]]
    return sum(int(figures.split()[11]) for name, figures in lines if name.strip() != "lo")

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sent, before = 0, lost()
for number in range(60000):
    try:
        sent += sock.sendto(b"x" * 64, ("%s", 4000)) == 64
    except OSError:
        pass
print(sent, lost() - before)
"""


def tools(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skipped(f"no {program} here")


def tool(bench, *words):
    done = bench.direct(*words)
    check_equal(done.status, 0, " ".join(words))
    return done.out


def fields(bench, file, shown, *names):
    """A row for each packet that the display filter shows."""
    words = [word for name in names for word in ("-e", name)]
    out = tool(bench, "tshark", "-n", "-r", str(file), "-Y", shown, "-T", "fields", *words)
    return [row.split("\t") for row in out.splitlines()]


def mixture(bench, file):
    policy = bench.policy(allow=["web.lab:80", f"[{net.WEB6}]:80",
                                 f"udp://{net.WEB4}:{net.ECHO}"])
    return bench.good(["sh", "-c", MIXTURE.format(probe=bench.probe)], policy,
                      options=["-c", str(file)])


def packets_of(bench, file):
    return len(fields(bench, file, "frame", "frame.number"))


def drops(file):
    """Of the interface statistics block: packets that came, and those that found no room."""
    data, at = file.read_bytes(), 0
    found = []
    while at < len(data):
        kind, length = struct.unpack_from("=II", data, at)
        if kind == 5:
            place, values = at + 20, {}
            while place < at + length - 4:
                code, size = struct.unpack_from("=HH", data, place)
                if code in (4, 5):
                    values[code] = struct.unpack_from("=Q", data, place + 4)[0]
                place += 4 + (size + 3) // 4 * 4
            found.append((values[4], values[5]))
        at += length
    check_equal(len(found), 1, "blocks of statistics")
    return found[0]


@case("flows of TCP and UDP, allowed and denied, are in the capture as in the log")
def flows(bench):
    tools("tshark")
    file = bench.folder / "a.pcapng"
    done = mixture(bench, file)
    logged = {(event["proto"], event["src"]["ip"], event["src"]["port"], event["dst"]["ip"],
               event["dst"]["port"]) for event in done.of("flow_open", "flow_denied")}
    captured = set()
    for proto, shown in (("tcp", "tcp.flags.syn == 1 && tcp.flags.ack == 0 && !icmp && !icmpv6"),
                         ("udp", f"udp.dstport == {net.ECHO} && !icmp")):
        for row in fields(bench, file, shown, "ip.src", "ipv6.src", f"{proto}.srcport", "ip.dst",
                          "ipv6.dst", f"{proto}.dstport"):
            captured.add((proto, row[0] or row[1], int(row[2]), row[3] or row[4], int(row[5])))
    check_equal(captured, logged)
    check(done.of("flow_denied"), "nothing was denied")


@case("names that were asked for, and their answers, are in the capture as in the log")
def names(bench):
    tools("tshark")
    file = bench.folder / "a.pcapng"
    done = mixture(bench, file)
    asked = {event["name"].rstrip(".") for event in done.of("dns")}
    rows = fields(bench, file, "dns.flags.response == 0", "dns.qry.name")
    check_equal({row[0] for row in rows}, asked, "names asked for")
    resolved = tool(bench, "tshark", "-r", str(file), "-q", "-z", "hosts")
    for event in done.of("dns"):
        for answer in event["answers"]:
            if answer["type"] in ("A", "AAAA"):
                check_in(f"{answer['data']}\t{event['name'].rstrip('.')}", resolved)


@case("tshark's JSON of the capture has the packets and bytes that the log has")
def as_json(bench):
    tools("tshark")
    file = bench.folder / "a.pcapng"
    end = mixture(bench, file).one("capture")
    frames = [packet["_source"]["layers"]["frame"] for packet in
              json.loads(tool(bench, "tshark", "-n", "-r", str(file), "-T", "json", "-J", "frame"))]
    check_equal((len(frames), sum(int(frame["frame.len"]) for frame in frames)),
                (end["packets"], end["bytes"]))


@case("editcap takes the capture apart and makes another format of it, and loses nothing")
def edited(bench):
    tools("tshark", "editcap", "mergecap")
    file, front, rest, both, classic = (bench.folder / name for name in (
        "a.pcapng", "front.pcapng", "rest.pcapng", "both.pcapng", "a.pcap"))
    packets = mixture(bench, file).one("capture")["packets"]
    tool(bench, "editcap", "-r", str(file), str(front), "1-5")
    tool(bench, "editcap", str(file), str(rest), "1-5")
    tool(bench, "mergecap", "-w", str(both), str(front), str(rest))
    tool(bench, "editcap", "-F", "nsecpcap", str(file), str(classic))
    check_equal([packets_of(bench, path) for path in (front, rest, both, classic)],
                [5, packets - 5, packets, packets])
    wanted = ("frame.time_epoch", "frame.len", "ip.src", "tcp.srcport")
    check_equal(fields(bench, classic, "frame", *wanted), fields(bench, file, "frame", *wanted))


@case("a datagram in fragments, and IPv6 of which 64 bytes are kept, have the words of their flow")
def whose(bench):
    tools("tshark")
    file = bench.folder / "a.pcapng"
    send = ("import socket\n"
            "sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
            "sock.settimeout(5)\n"
            f"sock.sendto(b'x' * 4000, ('{net.WEB4}', {net.ECHO}))\n"
            "sock.recv(65535)\n")
    policy = bench.policy(allow=[f"[{net.WEB6}]:80", f"udp://{net.WEB4}:{net.ECHO}"],
                          capture={"snaplen": 64})
    done = bench.good(["sh", "-c", f"curl -sS -6 -o /dev/null http://[{net.WEB6}]/; "
                                   f"exec python3 -c \"{send}\""], policy,
                      options=["-c", str(file)])
    rows = fields(bench, file, "frame.comment", "frame.comment", "frame.cap_len")
    check_equal({row[0].split(";")[0] for row in rows},
                {f"flow {event['flow']}" for event in done.of("flow_open")})
    check_equal(len(done.of("flow_open")), 2)
    check_equal(max(int(row[0]) for row in fields(bench, file, "frame", "frame.cap_len")), 64)


@case("packets of another process of the host are not in the capture")
def others(bench):
    file = bench.folder / "a.pcapng"
    words, _log = bench.words(
        bench.policy(allow=[f"{net.WEB4}:80", f"udp://{net.WEB4}:{net.ECHO}"]),
        ["sh", "-c", f"curl -sS -o /dev/null http://{net.WEB4}/of-the-tree-1; echo ready; "
                     f"read line; curl -sS -o /dev/null http://{net.WEB4}/of-the-tree-2"],
        ["-c", str(file)])
    process = bench.start(words)
    Reader(process.stdout.fileno()).until("ready\n")
    # Beside it, to the same server and ports, and to others.
    for target in (net.WEB4, net.OTHER4):
        tool(bench, "curl", "-sS", "-o", os.devnull, f"http://{target}/of-another")
        tool(bench, bench.probe, "udp", target, str(net.ECHO), "of-another")
    status, _out, err = bench.finish(process, b"\n")
    check_equal(status, 0, err)
    data = file.read_bytes()
    for words in (b"/of-the-tree-1", b"/of-the-tree-2"):
        check(words in data, f"no {words} in the capture")
    check(b"of-another" not in data, "a packet of another process")


@case("a full disk ends the run, and what is in the file is whole")
def disk_full(bench):
    tools("tshark")
    small = bench.folder / "small"
    small.mkdir()
    try:
        space.mount("small", str(small), "tmpfs", 0, "size=1m,mode=0777")
    except OSError as error:
        raise Skipped(f"no tmpfs can be mounted: {error}") from None
    try:
        file = small / "a.pcapng"
        done = bench.run(["sh", "-c", f"curl -sS -o /dev/null http://{net.WEB4}/large; sleep 1000"],
                         bench.policy(allow=[f"{net.WEB4}:80"]), options=["-c", str(file)])
        check_equal(done.status, 125)
        check_in("No space left on device", done.err)
        packets = done.one("capture")["packets"]
        check(packets > 0, "nothing was captured")
        check_equal(packets_of(bench, file), packets)
    finally:
        space.call("umount2", os.fsencode(small), 2)


@case("what a flood has in the capture, and what found no room, are all that was sent")
def flood(bench):
    tools("tshark")
    file = bench.folder / "a.pcapng"
    done = bench.good(["python3", "-c", FLOOD % net.WEB4],
                      bench.policy(allow=[f"udp://{net.WEB4}:4000"], capture={"snaplen": 64}),
                      options=["-c", str(file)])
    end = done.one("capture")
    sent, lost = map(int, done.out.split())
    kept = len(fields(bench, file, "udp.dstport == 4000 && !icmp", "udp.length"))
    check_equal(packets_of(bench, file), end["packets"])
    check_equal(drops(file), (end["packets"] + end["dropped"], end["dropped"]))
    check(kept <= sent <= kept + end["dropped"] + lost,
          f"{sent} sent, {lost} of them lost before, {kept} captured, {end['dropped']} dropped")
    if end["dropped"]:
        check_in(f"{end['dropped']} dropped", "\n".join(done.summary()))


def experts(bench, file):
    """What `tshark -z expert` has to say: rows of severity, how often, group, protocol, words."""
    rows, severity = [], None
    for line in tool(bench, "tshark", "-n", "-q", "-z", "expert", "-r", str(file)).splitlines():
        heading = re.fullmatch(r"(Errors|Warns|Notes|Chats|Comments?) \((\d+)\)", line)
        row = re.fullmatch(r" *(\d+) +(\S+) +(\S+) +(.*)", line)
        if heading:
            severity, left = heading.group(1), int(heading.group(2))
        elif row:
            rows.append((severity, int(row.group(1)), *row.group(2, 3, 4)))
            left -= int(row.group(1))
            check(left >= 0, f"more {severity} than were announced: {line}")
    return rows


@case("tshark -z expert has no error, and no warning but of connections that were reset")
def expert(bench):
    tools("tshark")
    file = bench.folder / "a.pcapng"
    done = mixture(bench, file)
    rows = experts(bench, file)
    wrong = [row for row in rows if row[0] in ("Errors", "Warns")]
    check_equal([row for row in wrong if row[2:] != ("Sequence", "TCP", "Connection reset (RST)")], [])
    resets = len(fields(bench, file, "tcp.flags.reset == 1", "frame.number"))
    check_equal(sum(row[1] for row in wrong), resets, "resets")
    chats = [row for row in rows if row[0] == "Chats"]
    check(any("GET / HTTP" in row[4] for row in chats), f"no request among {chats}")
    comments = sum(row[1] for row in rows if row[0].startswith("Comment"))
    check_equal(comments, len(done.of("flow_open", "flow_denied")), "comments")


@case("tshark -z expert finds what is wrong in a capture that was tampered with")
def expert_tampered(bench):
    tools("tshark")
    file = bench.folder / "a.pcapng"
    mixture(bench, file)
    data = bytearray(file.read_bytes())
    place = data.index(b"GET / HTTP/1.1")
    data[place - 20:place - 18] = b"\xff\xff"      # of a header of 32 bytes: its length and flags
    file.write_bytes(data)
    wrong = [row for row in experts(bench, file) if row[0] in ("Errors", "Warns")]
    check([row for row in wrong if "RST" not in row[4]], "nothing was found")
