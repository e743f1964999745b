"""What a capture costs: childflow with and without one, and tcpdump -i any beside pasta.

Of each try the file is on the disk of the lab, is read by nobody and is removed. What the kernel
dropped is a figure, too: a capture that keeps less is no faster one.
"""
import json
import os
import re
import signal
import subprocess

HEADERS = 96            # bytes
FILE = "captured.pcapng"


def policy_write(top):
    (top / "captured-headers.yaml").write_text(
        (top / "bench.yaml").read_text() + f"capture: {{snaplen: {HEADERS}}}\n")


def dropped_by(log):
    for line in log.read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "capture":
            return event["dropped"]
    return 0


def ours(lab, stream, words, policy, captured):
    log, file = lab.top / "captured.jsonl", lab.top / FILE
    who = lab.contenders["childflow"]
    prefix = ["./childflow", "-p", policy, "--log", str(log),
              *(["-c", str(file)] if captured else []), "--"]
    try:
        figures = stream(type(who)(who.name, who.space, prefix, who.server), words)
        figures["dropped"] = dropped_by(log)
    finally:
        log.unlink(missing_ok=True)
        file.unlink(missing_ok=True)
    return figures


def beside_pasta(lab, stream, words, snaplen):
    """tcpdump as root, as it has to be, at every interface of the host; snaplen None: none."""
    file = lab.top / FILE
    if snaplen is None:
        return {**stream(lab.contenders["pasta"], words), "dropped": 0}
    dump = subprocess.Popen(["tcpdump", "-n", "-i", "any", "-s", str(snaplen), "-w", str(file)],
                            preexec_fn=lab.host.enter, stderr=subprocess.PIPE, text=True)
    try:
        for line in dump.stderr:
            if "listening on" in line:
                break
        figures = stream(lab.contenders["pasta"], words)
        os.kill(dump.pid, signal.SIGINT)
        said = dump.stderr.read()
        figures["dropped"] = int(re.search(r"(\d+) packets dropped by kernel", said).group(1))
    finally:
        dump.kill()
        dump.wait()
        file.unlink(missing_ok=True)
    return figures


def measures(lab, make, stream):
    """Each as make(name, figures, functions); stream(who, words) is one run of iperf3."""
    policy_write(lab.top)
    for direction, options in (("up", []), ("down", ["--reverse"])):
        def childflow(policy, captured, options=options):
            return lambda: ours(lab, stream, options, policy, captured)

        def pasta(snaplen, options=options):
            return lambda: beside_pasta(lab, stream, options, snaplen)

        yield make(f"captured, TCP {direction}, 1 stream",
                   {"speed": "Gbit/s", "CPU": "s/GB", "dropped": "packets"}, {
                       "childflow": childflow("bench.yaml", False),
                       "childflow, headers": childflow("captured-headers.yaml", True),
                       "childflow, full": childflow("bench.yaml", True),
                       "pasta": pasta(None),
                       "pasta, tcpdump headers": pasta(HEADERS),
                       "pasta, tcpdump full": pasta(262144),
                   })
