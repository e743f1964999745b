"""capture.filter: which packets are in the file."""
import shutil

from lab import internet as net
from lab.case import Skipped, case, check, check_equal, check_in

COMMANDS = f"""
curl -sS -o /dev/null http://web.lab/
curl -sS -6 -o /dev/null http://[{net.WEB6}]/
{{probe}} connect {net.OTHER4} 80
{{probe}} udp {net.WEB4} 7 x
exit 0
"""


def run(bench, words, file):
    policy = bench.policy(allow=["web.lab:80", f"[{net.WEB6}]:80", f"udp://{net.WEB4}:7"],
                          capture={"filter": words})
    return bench.good(["sh", "-c", COMMANDS.format(probe=bench.probe)], policy,
                      options=["-c", str(file)])


def count(bench, file, shown):
    done = bench.direct("tshark", "-n", "-r", str(file), "-Y", shown, "-T", "fields", "-e",
                        "frame.len")
    check_equal(done.status, 0, f"tshark -Y '{shown}'")
    lengths = [int(line) for line in done.out.splitlines()]
    return len(lengths), sum(lengths)


def filtered(bench, words, inside, also):
    """All packets that pass are of `inside`, and some are of each of `also`."""
    for program in ("tshark", "capinfos"):
        if not shutil.which(program):
            raise Skipped(f"no {program} here")
    file = bench.folder / "a.pcapng"
    done = run(bench, words, file)
    end = done.one("capture")
    check_equal(count(bench, file, "frame"), (end["packets"], end["bytes"]), "the log's figures")
    check_equal(count(bench, file, inside), (end["packets"], end["bytes"]), f"not only {inside}")
    for shown in also:
        check(count(bench, file, shown)[0] > 0, f"nothing of {shown}")
    info = bench.direct("capinfos", str(file)).out
    check_in(f"Number of packets = {end['packets']}", info)
    return info


@case("a filter keeps what passes it, allowed or denied, and the file says which")
def in_kernel(bench):
    info = filtered(bench, "tcp port 80", "tcp.port == 80",
                    ["http.request", "http.response", "ipv6", f"ip.dst == {net.OTHER4}"])
    check_in("tcp port 80", info)


@case("a filter that the kernel does not take keeps the same packets")
def here(bench):
    filtered(bench, "ip protochain 17 and not port 53", "ip.proto == 17 && udp.port != 53",
             [f"ip.dst == {net.WEB4}", f"ip.src == {net.WEB4}"])


@case("a wrong filter refuses the run, with its place")
def wrong(bench):
    policy = bench.policy(capture={"filter": "tcp port 80 and host web.lab"})
    done = bench.run(["touch", "ran"], policy, options=["-c", str(bench.folder / "a.pcapng")])
    check_equal(done.status, 78)
    check_in("capture.filter: expected a keyword", done.err)
    check_in("got 'web.lab'", done.err)
    check(not (bench.folder / "ran").exists(), "the command ran")
    check(not (bench.folder / "a.pcapng").exists(), "there is a file")
