"""Tables, targets and the page doc/PERFORMANCE.md, of what was measured."""
import dataclasses
import os
import pathlib
import platform
import re
import subprocess
import time

import plot
import proxied

HERE = pathlib.Path(__file__).resolve().parent

PANELS = [
    ("TCP up, 1 stream", "speed"), ("TCP down, 1 stream", "speed"),
    ("TCP up, 8 streams", "speed"), ("TCP down, 8 streams", "speed"),
    ("TCP up, 1 stream", "CPU"), ("TCP down, 1 stream", "CPU"),
    ("connects in a row", "p50"), ("connects, 8 at once", "rate"),
    ("TCP ping-pong", "p50"), ("UDP there and back", "rate"),
    ("start of `true`", "exit"), ("memory", "a flow"),
]

METHOD = """\
Written by `make bench-engine BENCH_FLAGS=--document`; a new run replaces it whole.

## How it was measured

The lab is two network namespaces joined by a veth pair; a server in one, and in the other, as an ordinary user, each program in turn:
the direct path, childflow (`egress: {default: allow}`, every flow with its process in the summary, and no log file, as by default: one adds
about 13 µs to a connect), pasta, slirp4netns, and two plain relays without any policy,
one that splices and one that reads and writes (`tests/bench/relay.c`). The relays' clients are in a third namespace, so that their traffic crosses
two links as that of the others does; like any program they have the host's congestion control on both. The programs of a measure take turns,
so that a busy moment hits all of them; the first turn warms up and is not counted. A program that gives no figure within its deadline is
reported so, and not asked again after the second time.

- **TCP**: iperf3, `--time SECONDS`; what the receiver got.
- **CPU**: what the whole machine worked while iperf3 ran, by `/proc/stat` (all but idle, waiting and stolen time), for each gigabyte that
  arrived. It has the client, the server, the kernel's interrupts and the program's start and end in it, for all programs alike:
  the direct path is what is spent without any of them.
- **connects**: 1,000 times connect, a byte there and back, close. p50 and p99 are of `connect()` alone. The relays say
  "connected" before they have tried the outside, which the others do not: their rate can be compared, their p50 cannot.
  The bare hold (`tests/bench/floor.c`) is the least that any program does which holds a connect until the outside has answered: childflow's namespaces and
  rules, and no policy, no names, no process, no log and no sleep.
- **ping-pong**: 2,000 single bytes over one connection. **UDP**: 1,000 datagrams of 64 bytes one by one (p50), then as many as go with 64 under way (rate).
- **DNS**: dnsperf, of names that the upstream (dnsmasq, which makes them up) answers: the same hundred (cached), names that nobody has asked yet with up to
  100 under way (uncached), and such names one after the other (alone). The forwarders are dnsmasq with room for 10,000 names and unbound
  without validation. Memory is childflow's, of a run that asks for so many names.
- **download by**, **connect by** a proxy: curl below childflow, which knows of none, beside curl that uses the same proxy itself
  (`--proxytunnel` for CONNECT), from an address, so that nobody resolves names. The proxies are on the loopback of the programs' namespace, the web
  server is behind them in the other. A download has 128 MiB; a connect lasts from the start of a transfer until curl may send its request
  (`time_pretransfer`), 200 one after the other, each with a connection of its own.
- **start**: from spawn to the first line of a program's `main` (exec) and to the end of `true` (exit), medians of 5 in each try. childflow reads
  `policies/build.yaml` here and writes its log.
- **memory**: of all the program's processes with so many connections open, each of which has exchanged a byte; the bench's client is not counted.
  Peak is the sum of `VmHWM`, PSS that of `smaps_rollup`. A flow is the difference of the peaks at most and at none. Most is
  10,000, or what the limit of descriptors allows: two for each flow, and those of the program itself (childflow's are 22, pasta's 252).
  Buffers that the kernel holds are in neither.
"""


def cell(value):
    if value is None:
        return "failed"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3g}"


def spread_head():
    return ("| measure | figure | program | median | least | most | tries |\n"
            "|---|---|---|--:|--:|--:|--:|")


def spread_rows(measure, results):
    for figure, unit in measure.figures.items():
        for who, result in results.items():
            values = result.values.get(figure)
            label = f"| {measure.name} | {figure}{', ' * bool(unit)}{unit} | {who} |"
            if values:
                yield (f"{label} {cell(result.median(figure))} | {cell(min(values))} | "
                       f"{cell(max(values))} | {len(values)} |")
            else:
                yield f"{label} failed | | | 0 |"


def tables(done):
    """Medians; measures of the same programs share a table."""
    programs = None
    for measure, results in done:
        if list(results) != programs:
            programs = list(results)
            yield f"\n| | {' | '.join(programs)} |\n|---|{'--:|' * len(programs)}"
        for figure, unit in measure.figures.items():
            cells = [cell(result.median(figure)) + " \\*" * bool(result.failures)
                     for result in results.values()]
            yield f"| {measure.name}: {figure}{', ' * bool(unit)}{unit} | {' | '.join(cells)} |"
    seen = [f"- \\* {measure.name}, {who}: {result.failed()}" for measure, results in done
            for who, result in results.items() if result.failures]
    seen += [f"- {measure.name}: {measure.note}" for measure, _ in done if measure.note]
    if seen:
        yield "\n" + "\n".join(seen)


@dataclasses.dataclass
class Target:
    text: str
    limit: float | None     # None: told to compare the one above with
    value: float | None     # None when a figure of it is missing
    at_least: bool = False

    def row(self):
        sign = ">=" if self.at_least else "<="
        if self.limit is None:
            return f"| {self.text} | | {'' if self.value is None else cell(self.value)} | |"
        if self.value is None:
            return f"| {self.text} | {sign} {cell(self.limit)} | | not measured |"
        met = self.value >= self.limit if self.at_least else self.value <= self.limit
        return (f"| {self.text} | {sign} {cell(self.limit)} | {cell(self.value)} | "
                f"{'met' if met else '**missed**'} |")


class Medians:
    def __init__(self, done):
        self.results = {measure.name: results for measure, results in done}

    def get(self, measure, who, figure):
        result = self.results.get(measure, {}).get(who)
        return result.median(figure) if result else None

    def compute(self, function, *wanted):
        """The function of these figures, or None when one is missing."""
        values = [self.get(*one) for one in wanted]
        return None if None in values else function(*values)


def target_streams(medians):
    for count in ("1 stream", "8 streams"):
        pasta = [value for direction in ("up", "down")
                 if (value := medians.get(f"TCP {direction}, {count}", "pasta", "speed"))]
        for direction in ("up", "down"):
            name = f"TCP {direction}, {count}"
            ours, relay = ((name, who, "speed") for who in ("childflow", "splice relay"))
            yield Target(f"{name}: of pasta's better direction", 1.5,
                         medians.compute(lambda a, best=max(pasta, default=None): best and a / best,
                                         ours), True)
            yield Target(f"{name}: of the splice relay", 0.9,
                         medians.compute(lambda a, b: a / b, ours, relay), True)


def target_dns(medians):
    for name in ("cached", "uncached"):
        measure = f"DNS queries, {name}"
        others = [value for who in ("dnsmasq", "unbound")
                  if (value := medians.get(measure, f"{who} as forwarder", "rate"))]
        yield Target(f"{measure}: of the better forwarder's rate", 1,
                     medians.compute(lambda a, best=max(others, default=None): best and a / best,
                                     (measure, "childflow", "rate")), True)
    alone, memory = "DNS query, uncached and alone", "DNS memory"
    yield Target("DNS: p50 added on a miss, µs", 40, medians.compute(
        lambda ours, upstream: ours - upstream,
        *((alone, who, "p50") for who in ("childflow", "the upstream itself"))))
    yield Target("DNS: memory for 50,000 names, MiB (the cache's limit)", 32, medians.compute(
        lambda many, one: many - one,
        *((memory, "childflow", f"peak, {count} names") for count in ("50,000", "1"))))


def target_proxies(medians):
    """Of each proxy that was there."""
    for proxy in proxied.PROXIES:
        down, connect = f"download by {proxy.name}", f"connect by {proxy.name}"
        if medians.get(down, "curl itself", "speed") is None:
            continue
        for name, figure, limit, at_least in ((down, "speed", 0.9, True), (connect, "p50", 1.1, False)):
            yield Target(f"{name}: of curl's own use", limit, medians.compute(
                lambda ours, own: ours / own,
                *((name, who, figure) for who in ("childflow", "curl itself"))), at_least)


def targets(done):
    medians = Medians(done)
    connect, start, memory = "connects in a row", "start of `true`", "memory"
    yield from target_streams(medians)
    for who, limit, text in (("childflow", 0.5, "connect: latency added, of what pasta adds"),
                             ("bare hold", None, "- the same of the bare hold, to compare")):
        yield Target(text, limit, medians.compute(
            lambda ours, pasta, direct: (ours - direct) / (pasta - direct),
            *((connect, each, "p50") for each in (who, "pasta", "direct"))))
    yield Target("ping-pong: p50 above the splice relay's, µs", 15, medians.compute(
        lambda ours, relay: ours - relay,
        *(("TCP ping-pong", who, "p50") for who in ("childflow", "splice relay"))))
    for other, limit in (("unshare -Urnmpf --mount-proc", 2.5), ("pasta", 0.1)):
        yield Target(f"start to exit: of `{other}`", limit, medians.compute(
            lambda ours, theirs: ours / theirs,
            *((start, who, "exit") for who in ("childflow", other))))
    yield from target_dns(medians)
    yield from target_proxies(medians)
    yield Target("memory: peak without flows, MiB", 16,
                 medians.get(memory, "childflow", "peak, 0 flows"))
    yield Target("memory: a flow, KiB", 2, medians.get(memory, "childflow", "a flow"))


def targets_table(done, whole):
    """Each target, met or missed; of a run that is not whole, those that it has figures for."""
    yield "| target | limit | measured | |\n|---|--:|--:|---|"
    for target in targets(done):
        if whole or target.value is not None:
            yield target.row()


def version(*command):
    try:
        output = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return next(iter((output.stdout + output.stderr).splitlines()), "unknown")


def package_version(package):
    text = version("dpkg-query", "--show", "--showformat=${Version}", package)
    return text if re.match(r"\d", text) else "unknown version"


def machine():
    """What the figures were taken on."""
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    virtual = re.search(r"^flags.*\bhypervisor\b", cpuinfo, re.MULTILINE)
    cores = model.group(1).strip() if model else platform.machine()
    release = re.match(r"[\d.]+", os.uname().release).group(0)
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "unknown")
    return (f"{os.cpu_count()} cores of {cores}{', a virtual machine' if virtual else ''}, "
            f"{memory:.0f} GiB; Linux {release}, {system}; "
            f"passt {package_version('passt')}, slirp4netns {package_version('slirp4netns')}, "
            f"bubblewrap {package_version('bubblewrap')}, dnsmasq {package_version('dnsmasq-base')}, "
            f"unbound {package_version('unbound')}, iperf3 {package_version('iperf3')}, "
            f"squid {package_version('squid')}, tinyproxy {package_version('tinyproxy-bin')}, "
            f"dante {package_version('dante-server')}, microsocks {package_version('microsocks')}.")


def commit():
    """Which source is measured, as far as can be told."""
    text = version("git", "-C", str(HERE), "describe", "--always", "--dirty")
    return f" ({text})" if re.fullmatch(r"[\w.-]+", text) else ""


def head(args):
    today = time.strftime("%Y-%m-%d", time.gmtime())
    return (f"{today}, {version(str(args.childflow), '--version')}{commit()}. {machine()} "
            f"Medians of {args.runs}, {args.seconds} s for each TCP figure.")


def loads(before, after):
    """How busy the machine was with something else; both are shares of its CPUs."""
    return (f"Something else kept {before:.0%} of the CPUs busy before the run, and {after:.0%} "
            "after it.")


def panels(done):
    medians = Medians(done)
    measures = {measure.name: measure for measure, _ in done}
    for name, figure in PANELS:
        if name not in measures:
            continue
        unit = measures[name].figures[figure]
        bars = [(who, medians.get(name, who, figure)) for who in measures[name].functions]
        yield f"{name.replace('`', '')}: {figure}, {unit}", bars


def write(folder, args, load, done):
    """doc/PERFORMANCE.md and the plot beside it; load is what loads() says."""
    top = head(args)    # before a file is written, which makes the tree a changed one
    (folder / "performance.svg").write_text(plot.svg(list(panels(done))), encoding="utf-8")
    spread = [row for measure, results in done for row in spread_rows(measure, results)]
    (folder / "PERFORMANCE.md").write_text("\n".join([
        "# Performance\n", top, load, "",
        METHOD, "## Targets\n", *targets_table(done, True), "",
        "## Figures\n", "![bars of the medians below](performance.svg)", *tables(done), "",
        "## Spread\n", spread_head(), *spread, ""]), encoding="utf-8")
