"""What is measured: each measure has figures with a unit, and a function for each program.

A function gives {figure: value} of one try, or raises Failed.
"""
import collections
import dataclasses
import json
import os
import pathlib
import re
import select
import shutil
import signal
import statistics
import subprocess
import sys
import time

import captured
import proxied
import queries
from lab import DEADLINE, SERVER, TRAFFIC_PORT, Failed

CONNECTS, WORKERS = 1000, 8
PINGPONGS = 2000
DATAGRAMS, DATAGRAMS_MS = 1000, 400
STARTS = 5              # of one try, which gives their median
FLOWS, FLOWS_MOST = (0, 1000), 10000
DESCRIPTORS_SPARE = 256 # of a program, beside two for each flow: childflow has 22, pasta 252
HOLD_DEADLINE = 20      # seconds until the next thousands of connections are open
CLIENTS = ("traffic", "slirp", "dash", "dnsperf", "cat")
FAILURES_MAX = 2        # tries of one program at one measure that gave nothing; then it rests


@dataclasses.dataclass
class Measure:
    name: str
    figures: dict       # of figure: unit
    functions: dict     # of program: function
    warms_up: bool = True   # the first turn is not counted
    note: str = ""          # below the table


class Result:
    """Every try of one program at one measure."""

    def __init__(self):
        self.values = collections.defaultdict(list)
        self.failures = []      # also of tries that gave some of the figures
        self.n_empty = 0        # tries that gave none

    def median(self, figure):
        return statistics.median(self.values[figure]) if self.values[figure] else None

    def failed(self):
        """What was seen when a try failed, or nothing."""
        if not self.failures:
            return ""
        return f"{len(self.failures)} failed: {self.failures[-1]}"


def busy_seconds():
    """CPU seconds that this machine has worked since it started, the kernel's own included."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, _, _, irq, softirq = map(int, stat.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def stream(lab, who, seconds, *options):
    """One iperf3 run: its speed, and what the whole machine worked meanwhile."""
    before = busy_seconds()
    text = lab.run(who.space, [*who.prefix, "iperf3", "--client", who.server, "--time",
                               str(seconds), "--json", *options], seconds + 8)
    busy = busy_seconds() - before
    end = json.loads(text)["end"]
    figures = {"speed": end["sum_received"]["bits_per_second"] / 1e9}
    moved = end["sum_received"]["bytes"] / 1e9
    if moved > 0.01:
        figures["CPU"] = busy / moved
    return figures


def traffic(lab, who, verb, port, *words):
    return json.loads(lab.run(who.space, [*who.prefix, "./traffic", verb, who.server, port,
                                          *map(str, words)]))


def datagrams(lab, who):
    result = traffic(lab, who, "datagrams", str(TRAFFIC_PORT), DATAGRAMS, DATAGRAMS_MS)
    return {"rate": result["rate"], "p50": result["p50"], "lost": result["lost"]}


def spawn_timed(program, command, files):
    """Spawn and wait; when it began and ended, by the clock that `traffic now` prints."""
    null, out, errors = files
    begin = time.clock_gettime(time.CLOCK_MONOTONIC)
    child = os.posix_spawn(program, command, os.environ,
                           file_actions=[(os.POSIX_SPAWN_DUP2, null, 0),
                                         (os.POSIX_SPAWN_DUP2, out, 1),
                                         (os.POSIX_SPAWN_DUP2, errors, 2)],
                           setsigdef=[signal.SIGPIPE])   # Python ignores it
    _, status = os.waitpid(child, 0)
    return begin, time.clock_gettime(time.CLOCK_MONOTONIC), status


def starts_child(lab, prefix, writer):
    """In a process of its own, for getting into the lab costs nothing then."""
    lab.host.become()
    os.chdir(lab.top)
    files = [os.open("/dev/null", os.O_RDWR), *(os.open(".", os.O_RDWR | os.O_TMPFILE, 0o600)
                                                for _ in range(2))]
    figures = collections.defaultdict(list)
    for _ in range(STARTS):
        for figure, program in (("exit", ["true"]), ("exec", ["./traffic", "now"])):
            command = [*prefix, *program]
            os.ftruncate(files[1], 0)
            os.lseek(files[1], 0, os.SEEK_SET)
            begin, end, status = spawn_timed(shutil.which(command[0]), command, files)
            if status != 0:
                os.write(writer, json.dumps(os.pread(files[2], 300, 0).decode()).encode())
                return
            if figure == "exec":
                end = float(os.pread(files[1], 100, 0))
            figures[figure].append((end - begin) * 1000)
    os.write(writer, json.dumps({k: statistics.median(v) for k, v in figures.items()}).encode())


def starts(lab, prefix):
    """Milliseconds from spawn to what `traffic now` prints, and to the exit of `true`."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setpgid(0, 0)
            starts_child(lab, prefix, writer)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as output:
        if not select.select([output], [], [], DEADLINE)[0]:
            os.killpg(pid, signal.SIGKILL)
        text = output.read()
    os.waitpid(pid, 0)
    result = json.loads(text) if text else "no end"
    if isinstance(result, str):
        raise Failed(" ".join(result.split()))
    return result


def children(pid):
    """A process and all below it."""
    yield pid
    for listed in pathlib.Path("/proc").glob(f"{pid}/task/*/children"):
        try:
            below = listed.read_text(encoding="ascii").split()
        except OSError:     # that thread has just ended
            continue
        for child in below:
            yield from children(int(child))


def program_of(pid):
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:     # it is a kernel's, or gone
        return "traffic"


def kibibytes(path):
    """{name: KiB} of a file such as /proc/PID/status."""
    with open(path, encoding="ascii") as lines:
        return {name: int(size) for name, size in re.findall(r"^(\w+):\s+(\d+) kB$", lines.read(),
                                                             re.MULTILINE)}


def memory_now(pid):
    """KiB of all processes of a program, without the client and the bench's own helper."""
    total = collections.Counter()
    for each in children(pid):
        if program_of(each) in CLIENTS:
            continue
        try:
            status = kibibytes(f"/proc/{each}/status")
            shares = kibibytes(f"/proc/{each}/smaps_rollup")
        except OSError:     # it has just ended
            continue
        total.update({"peak": status["VmHWM"], "RSS": status["VmRSS"], "PSS": shares["Pss"]})
    return total


def hold_until(child, count):
    """Have the client hold so many connections."""
    child.stdin.write(f"{count}\n")
    child.stdin.flush()
    if not select.select([child.stdout], [], [], HOLD_DEADLINE)[0]:
        raise Failed(f"no {count} flows within {HOLD_DEADLINE} s")
    line = child.stdout.readline()
    if not line or int(line) < count:
        raise Failed(f"{line.strip() or 'no'} flows of {count}")


def only(figures, *wanted):
    return {figure: value for figure, value in figures.items() if figure in wanted}


def flows_most(lab):
    """10,000, or as many tens as the descriptors of one program suffice for."""
    return min(FLOWS_MOST, (lab.descriptors - DESCRIPTORS_SPARE) // 20 * 10)


def flows_note(lab):
    most = flows_most(lab)
    return "" if most == FLOWS_MOST else (
        f"{most:,} flows: the limit of descriptors of this machine is {lab.descriptors:,}, and "
        f"{FLOWS_MOST:,} need {2 * FLOWS_MOST + DESCRIPTORS_SPARE:,}")


def memory(lab, who, counts):
    figures = {}
    most = counts[-1]
    child = lab.spawn(who.space, [*who.prefix, "./traffic", "hold", who.server, lab.port()],
                      stdin=subprocess.PIPE)
    try:
        for count in counts:
            hold_until(child, count)
            now = memory_now(child.pid)
            for figure in ("peak", "PSS"):
                figures[f"{figure}, {count:,} flows"] = now[figure] / 1024
    except Failed as failed:
        if not figures:
            raise
        figures["short"] = str(failed)
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
    last = f"peak, {most:,} flows"
    if most > 0 and last in figures:
        figures["a flow"] = (figures[last] - figures["peak, 0 flows"]) * 1024 / most
    return figures


def threads(lab, args):
    """childflow alone, with more or fewer threads that carry TCP."""
    def of_counts(function):
        return {who.name: (lambda who=who: function(who)) for who in lab.threaded.values()}

    for direction, options in (("up", []), ("down", ["--reverse"])):
        words = [*options, "--parallel", "8"]
        yield Measure(f"--engine-threads, TCP {direction}, 8 streams",
                      {"speed": "Gbit/s", "CPU": "s/GB"},
                      of_counts(lambda who, words=words: stream(lab, who, args.seconds, *words)))
    yield Measure(f"--engine-threads, connects, {WORKERS} at once",
                  {"rate": "per second", "p50": "µs"},
                  of_counts(lambda who: only(traffic(lab, who, "connects", lab.port(), CONNECTS,
                                                     WORKERS), "rate", "p50")))
    yield Measure("--engine-threads, start of `true`", {"exec": "ms", "exit": "ms"},
                  of_counts(lambda who: starts(lab, who.prefix)))
    yield Measure("--engine-threads, memory", {"peak, 0 flows": "MiB"},
                  of_counts(lambda who: only(memory(lab, who, (0,)), "peak, 0 flows")),
                  warms_up=False)


def measures(lab, args):
    """Every Measure, in the order of the tables."""
    ways = lab.contenders

    def of_ways(function, names=tuple(ways)):
        return {name: (lambda who=ways[name]: function(who)) for name in names}

    def start(*prefix):
        return lambda: starts(lab, list(prefix))

    yield Measure("start of `true`", {"exec": "ms", "exit": "ms"}, {
        "direct": start(),
        "unshare -Urn": start("unshare", "-Urn"),
        "unshare -Urnmpf --mount-proc": start("unshare", "-Urnmpf", "--mount-proc"),
        "bwrap --unshare-all": start("bwrap", "--unshare-all", "--dev-bind", "/", "/"),
        "childflow": start("./childflow", "-p", "build.yaml", "--"),
        "pasta": start("pasta", "--config-net", "--"),
        "slirp4netns": start("./slirp"),
    })
    for count in (1, 8):
        for direction, options in (("up", []), ("down", ["--reverse"])):
            words = [*options, "--parallel", str(count)]
            yield Measure(f"TCP {direction}, {count} stream{'s' * (count > 1)}",
                          {"speed": "Gbit/s", "CPU": "s/GB"},
                          of_ways(lambda who, words=words: stream(lab, who, args.seconds, *words)))
    connects = {"rate": "per second", "p50": "µs", "p99": "µs"}

    def connect(workers):
        return lambda who: traffic(lab, who, "connects", lab.port(), CONNECTS, workers)

    yield Measure("connects in a row", connects,
                  {**of_ways(connect(1)), lab.floor.name: lambda: connect(1)(lab.floor)})
    yield Measure(f"connects, {WORKERS} at once", connects, of_ways(connect(WORKERS)))
    yield Measure("TCP ping-pong", {"p50": "µs", "p99": "µs"},
                  of_ways(lambda who: traffic(lab, who, "pingpong", lab.port(), PINGPONGS)))
    ends = ("direct", "childflow", "pasta", "slirp4netns")
    yield Measure("UDP there and back", {"p50": "µs", "rate": "per second", "lost": ""},
                  of_ways(lambda who: datagrams(lab, who), ends))
    yield from queries.measures(lab, args.seconds, Measure, memory_now)
    yield from proxied.measures(lab, Measure)
    yield from captured.measures(lab, Measure, lambda who, words: stream(lab, who, args.seconds,
                                                                         *words))
    yield from threads(lab, args)
    yield Measure("memory", {**{f"{figure}, {count:,} flows": "MiB" for figure in ("peak", "PSS")
                                for count in (*FLOWS, flows_most(lab))}, "a flow": "KiB"},
                  of_ways(lambda who: memory(lab, who, (*FLOWS, flows_most(lab))), ends[1:]),
                  warms_up=False, note=flows_note(lab))


def measure(one, runs):
    """The Result of each program; they take turns."""
    results = {who: Result() for who in one.functions}
    for turn in range(-one.warms_up, runs):
        for who, function in one.functions.items():
            result = results[who]
            if result.n_empty >= FAILURES_MAX:
                continue
            try:
                figures = function()
            except Failed as failed:
                print(f"bench: {one.name}: {who}: {failed}", file=sys.stderr)
                result.failures.append(str(failed))
                result.n_empty += 1
                continue
            if "short" in figures:
                result.failures.append(figures.pop("short"))
            if turn >= 0:
                for figure, value in figures.items():
                    result.values[figure].append(value)
    return results
