"""DNS: childflow's resolver beside others as forwarders to the same upstream, asked by dnsperf and traffic.

Names are below bench.example, which the upstream answers whatever the name is.
"""
import dataclasses
import json
import os
import re
import select
import shutil
import signal
import subprocess

from lab import DEADLINE, DNSMASQ_PORT, SERVER, UNBOUND_PORT, Failed

NAMES_CACHED, NAMES_FRESH = 100, 10000
NAMES_ALONE = 2000          # asked one after the other
NAMES_MANY = (1, 50000)     # of the measure of memory


class Files:
    """Files of queries for dnsperf: the same few names, or names never asked before."""

    def __init__(self, lab):
        self.lab = lab
        self.made = 0

    def file(self, names):
        path = self.lab.top / f"queries-{self.made}"
        path.write_text("".join(f"{name}.bench.example A\n" for name in names))
        path.chmod(0o644)
        return path

    def cached(self):
        path = self.lab.top / "queries-cached"
        if not path.exists():
            self.file([f"c{i}" for i in range(NAMES_CACHED)]).rename(path)
        return path

    def fresh(self, count):
        self.made += 1
        return self.file([f"f{self.made}x{i}" for i in range(count)])


@dataclasses.dataclass
class Resolver:
    prefix: list        # what stands before dnsperf
    address: str = "127.0.0.1"
    port: int = 53
    program: str = None     # which must be there

    def check(self):
        if self.program and not shutil.which(self.program):
            raise Failed(f"{self.program} is not installed")

    def command(self, *options):
        self.check()
        return [*self.prefix, "dnsperf", "-s", self.address, "-p", str(self.port), *options]


def resolvers(lab):
    return {
        "the upstream itself": Resolver([], SERVER),
        "childflow": Resolver(lab.contenders["childflow"].prefix, SERVER),
        "dnsmasq as forwarder": Resolver([], port=DNSMASQ_PORT),
        "unbound as forwarder": Resolver([], port=UNBOUND_PORT, program="unbound"),
    }


def rate(lab, resolver, *options):
    text = lab.run(lab.host, resolver.command(*options))
    return {"rate": float(re.search(r"Queries per second:\s+([\d.]+)", text).group(1)),
            "lost": int(re.search(r"Queries lost:\s+(\d+)", text).group(1))}


def latency(lab, files, resolver):
    files.made += 1
    resolver.check()
    return json.loads(lab.run(lab.host, [*resolver.prefix, "./traffic", "queries", resolver.address,
                                         str(resolver.port), str(NAMES_ALONE), str(files.made)]))


def memory_with(lab, resolver, path, memory_now):
    """MiB at most of a resolver that lives as long as its client, after all names of a file."""
    words = " ".join(resolver.command("-d", str(path), "-n", "1")[len(resolver.prefix):])
    child = lab.spawn(lab.host, [*resolver.prefix, "sh", "-c", f"{words} >&2; echo; exec cat"],
                      stdin=subprocess.PIPE)
    try:
        if not select.select([child.stdout], [], [], DEADLINE)[0] or not child.stdout.readline():
            raise Failed(f"no answers within {DEADLINE} s")
        return memory_now(child.pid)["peak"] / 1024
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()


def memory(lab, files, resolver, memory_now):
    return {f"peak, {count:,} names": memory_with(lab, resolver, files.fresh(count), memory_now)
            for count in NAMES_MANY}


def measures(lab, seconds, make, memory_now):
    """Each as make(name, figures, functions)."""
    files, all_of = Files(lab), resolvers(lab)

    def of_all(function):
        return {name: (lambda one=one: function(one)) for name, one in all_of.items()}

    yield make("DNS queries, cached", {"rate": "per second", "lost": ""}, of_all(
        lambda one: rate(lab, one, "-d", str(files.cached()), "-l", str(seconds))))
    yield make("DNS queries, uncached", {"rate": "per second", "lost": ""}, of_all(
        lambda one: rate(lab, one, "-d", str(files.fresh(NAMES_FRESH)), "-n", "1")))
    yield make("DNS query, uncached and alone", {"p50": "µs", "p99": "µs"}, of_all(
        lambda one: latency(lab, files, one)))
    yield make("DNS memory", {f"peak, {count:,} names": "MiB" for count in NAMES_MANY},
               {"childflow": lambda: memory(lab, files, all_of["childflow"], memory_now)})
