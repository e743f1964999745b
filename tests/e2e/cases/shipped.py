"""What the tree ships for users: each example's one command does what its README says."""
import json
import re

from lab.case import case, check, check_equal, check_in

FAKE = "host.childflow.internal:18473"


def demo(bench, name):
    """Run an example as a newcomer would; returns what it printed and the events of each run."""
    folder = bench.unpack() / "examples" / name
    done = bench.direct("./demo", cwd=folder, env=bench.env(CHILDFLOW=bench.childflow))
    check_equal(done.status, 0, "status")
    logs = [[json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
            for log in (folder / "audit").iterdir()]
    return done, sorted(logs, key=lambda events: events[0]["time"])


def asked(events, action):
    return {event["name"] for event in events
            if event["event"] == "dns" and event["verdict"]["action"] == action}


def used(events):
    """The rules that let flows through."""
    return {event["verdict"]["rule"]["text"] for event in events if event["event"] == "flow_open"}


@case("example: a build downloads its release, and from nowhere else")
def c_build(bench):
    done, (good, moved) = demo(bench, "c-build")
    check_in("== the program: hello from a release that was downloaded", done.out)
    check_in("== exit status 2", done.out)
    check_equal(used(good), {"tcp://artifacts.example.com:80"})
    check_equal(good[-1]["exit"], {"code": 0})
    check_equal((used(moved), asked(moved, "deny")), (set(), {"downloads.example.net"}))
    check_equal(moved[-1]["exit"], {"code": 2})


@case("example: a test-suite that asks for the real API does not pass")
def python_fetcher(bench):
    done, (first, second) = demo(bench, "python-fetcher")
    check_in("== exit status 77", done.out)
    check_equal(done.err.count("Ran 2 tests"), 2, "runs of the tests")
    check_equal((used(first), asked(first, "deny")),
                ({FAKE}, {"rates.example.com"}))
    check_equal((used(second), asked(second, "deny")), ({FAKE}, set()))


@case("example: the quickstart's build, whose third host is not in the policy")
def quickstart(bench):
    folder = bench.unpack() / "examples" / "quickstart"
    done = bench.direct("./world", bench.childflow, "-p", "policies/build.yaml", "--", "make",
                        cwd=folder)
    check_equal(done.status, 0, "status")
    check_equal((folder / "report").read_text(), "7000 words\n")
    for words in (r"allowed  \*\.mirror\.example\.org:80 ", r"allowed  sources\.example\.com:80 ",
                  r"denied   telemetry\.example\.com "):
        check(re.search(words, done.err), f"no line like {words!r} in:\n{done.err}")
