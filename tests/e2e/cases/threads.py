"""An engine of several threads: --engine-threads."""
import os
import pathlib

from cases.live import WEB, held, table_saying
from lab import internet as net
from lab.case import Done, Reader, case, check, check_equal, check_in

THREE = ["--engine-threads", "3"]
STATES = ("NoNewPrivs", "Seccomp", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "Uid", "Gid",
          "Groups")


def status_of(path):
    with open(path / "status", encoding="utf-8") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file)


def relays(pid):
    """The status of each thread that carries connections, by its folder."""
    found = {path: status_of(path) for path in pathlib.Path(f"/proc/{pid}/task").iterdir()}
    return {path: state for path, state in found.items() if state["Name"].startswith("cf-relay-")}


@case("engine threads have the engine's rights, the host's network and no signals")
def thread_rights(bench):
    process, _ = held(bench, "web.lab", str(net.ECHO), "5", options=THREE)
    engine = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}")
    found = relays(process.pid)
    check_equal(sorted(state["Name"] for state in found.values()), ["cf-relay-1", "cf-relay-2"])
    for path, state in found.items():
        for name in STATES:
            check_equal(state[name], status_of(engine)[name], name)
        check_equal(int(state["SigBlk"], 16) & 0x7fffffff, 0x7ffbfeff, "blocked signals")
        for name in ("net", "user", "mnt", "pid"):
            check_equal(os.readlink(path / "ns" / name), os.readlink(engine / "ns" / name), name)
    status, _, _ = bench.finish(process, b"\n")
    check_equal(status, 0, "status")


@case("one engine thread is no thread beside the engine's")
def one_thread(bench):
    process, _ = held(bench, "web.lab", str(net.ECHO), "5", options=["--engine-threads", "1"])
    check_equal(relays(process.pid), {})
    bench.finish(process, b"\n")


@case("connections on all threads are in the table, with their bytes, and in the log")
def table_of_all(bench):
    sizes = (5, 1000, 70000, 3, 900)
    process, log = held(bench, *(word for size in sizes
                                 for word in ("web.lab", str(net.ECHO), str(size))), options=THREE)
    said = [f") {size} {size} " for size in ("5 B", "1000 B", "68.4 KiB", "3 B", "900 B")]
    header, rows = table_saying(process, Reader(process.stderr.fileno()), *said)
    check_equal(header.group(3), "5", "flows")
    check_equal([row[1] for row in rows], ["open"] * 5, "states")
    for row, text in zip(rows, said):
        check_in(text, " ".join(row))
    status, _, _ = bench.finish(process, b"\n")
    check_equal(status, 0, "status")
    done = Done(0, "", "", log)
    closed = {event["flow"]: event for event in done.of("flow_close")}
    check_equal([(closed[event["flow"]]["bytes_out"], closed[event["flow"]]["bytes_in"])
                 for event in done.of("flow_open")], [(size, size) for size in sizes], "bytes")


@case("a crowd on several threads: each connection is one flow_open and one flow_close")
def crowd(bench):
    done = bench.good([bench.probe, "crowd", net.WEB4, str(net.HOLD), "300"],
                      bench.policy(allow=WEB), options=THREE)
    opened = sorted(event["flow"] for event in done.of("flow_open"))
    check_equal(len(opened), 300, "flows")
    check_equal(sorted(event["flow"] for event in done.of("flow_close")), opened, "closed")


@case("egress.limits.bytes is met to the byte by connections on several threads")
def bytes_exact(bench):
    policy = bench.policy(allow=WEB, egress={"limits": {"bytes": 3000017}})
    script = (f"for i in 1 2 3 4 5 6; do {bench.probe} upload {net.WEB4} {net.DIGEST} 8 & done; wait; "
              "true")
    done = bench.run(["sh", "-c", script], policy, options=THREE)
    check_equal(done.status, 0, "status")
    closed = done.of("flow_close")
    check_equal(sum(event["bytes_out"] + event["bytes_in"] for event in closed), 3000017, "bytes")
    check("limit" in {event["result"] for event in closed}, "no flow met the limit")
    check_equal([event["code"] for event in done.of("warning")], ["limit_bytes"], "warnings")


def check_turnover(bench, threads, held):
    policy = bench.policy(allow=WEB, egress={"limits": {"connections": held + 1}})
    out = bench.ask("turnover", net.WEB4, str(net.ECHO), "100", str(held), policy=policy,
                    options=["--engine-threads", str(threads)])
    check_equal(out, "0", f"refused, with {threads} threads and {held} beside")


@case("what has ended does not count towards egress.limits.connections, on any thread")
def turnover(bench):
    for threads, held in ((1, 0), (1, 2), (3, 0), (3, 1), (3, 2)):
        check_turnover(bench, threads, held)


@case("engine threads that cannot be had refuse the run")
def refused(bench):
    words, log = bench.words(bench.policy(), ["touch", "ran"], ["--engine-threads", "64"])
    done = bench.direct("prlimit", "--nofile=100:100", *words[len(bench.identity.prefix):])
    check_equal(done.status, 125, "status")
    check_in("64 engine threads: cannot make ", done.err)
    check_in("Too many open files", done.err)
    check_in("the command was not run", done.err)
    check(not (bench.folder / "ran").exists(), "the command ran")
    check(not log.exists(), "a log was left")
