"""What the tree ships for users: each policy allows and denies what its comments say, and each
example's one command does what its README says."""
import json
import re

from lab import internet as net
from lab import proxies
from lab.case import case, check, check_equal, check_in

FAKE = "host.childflow.internal:18473"
NO_NAME = "Name or service not known"
REFUSED = "EHOSTUNREACH"
METADATA4 = "169.254.169.254"


def check_policy(bench, name, *rows, status=0, options=()):
    """Connect under a policy; each row: host, port, what connect() says. Returns the run."""
    policy = bench.unpack() / "policies" / name
    targets = [str(word) for row in rows for word in row[:2]]
    found = bench.ask("connect", *targets, policy=policy, status=status, options=options)
    check_equal(list(zip(targets[::2], found.splitlines())),
                [(row[0], row[2]) for row in rows], name)
    return bench.last


@case("policy: base allows nothing, and denies private addresses to what is allowed")
def base(bench):
    check_policy(bench, "base.yaml", ("registry.example.com", 443, NO_NAME),
                 (net.WEB4, 443, REFUSED))
    check_policy(bench, "base.yaml", ("web.lab", 80, "ok"), ("private.lab", 80, NO_NAME),
                 (net.PRIVATE4, 80, REFUSED), (METADATA4, 80, REFUSED),
                 options=["--allow", "web.lab:80", "--allow", "private.lab:80"])
    reasons = [event["verdict"]["reason"] for event in bench.last.of("flow_denied")]
    check_equal(reasons, ["private", "metadata"])
    check_equal({event["verdict"]["reason"] for event in bench.last.of("dns")
                 if event["name"] == "private.lab" and event["type"] == "A"}, {"rebinding"})


@case("policy: base opens a service of the local network as its comment says")
def base_opened(bench):
    folder = bench.unpack() / "policies"
    bench.write("shipped/policies/tests.yaml", {
        "version": 1, "extends": ["base.yaml"],
        "egress": {"allow": [{"to": f"{net.PRIVATE4}:80", "why": "a server of the tests"}]}})
    check_equal(bench.ask("connect", net.PRIVATE4, "80", "10.0.0.1", "80",
                          policy=folder / "tests.yaml").split(), ["ok", REFUSED])


@case("policy: build fetches from the groups of base, and from nowhere else")
def build(bench):
    done = check_policy(bench, "build.yaml", ("packages.example.org", 80, "ok"),
                        ("sums.modules.example.com", 443, "ok"),
                        ("eu.releases.example.net", 443, "ok"), ("git.example.net", 443, "ok"),
                        ("git.example.net", 80, REFUSED), ("drop.example.org", 443, NO_NAME),
                        status=77)
    files = {event["verdict"]["rule"]["file"] for event in done.of("flow_open")}
    check_equal({file.rpartition("/")[2] for file in files}, {"build.yaml"}, "files of the rules")


@case("policy: offline denies all, and says so in the exit status")
def offline(bench):
    check_policy(bench, "offline.yaml", ("packages.example.org", 80, NO_NAME),
                 (net.WEB4, 80, REFUSED), ("127.0.0.1", net.HOST_PORT, "ECONNREFUSED"), status=77)
    script = ("import socket; server = socket.create_server(('127.0.0.1', 0)); "
              "socket.create_connection(server.getsockname()); print('its own')")
    done = bench.good(["python3", "-c", script], bench.folder / "shipped/policies/offline.yaml")
    check_equal(done.out, "its own\n")


@case("policy: proxied contacts what build does, all of it through the proxy")
def proxied(bench):
    by = f"http://{proxies.PROXY4}:{proxies.HTTP}"
    proxies.of(bench.net)
    before = len(proxies.of(bench.net).asked())
    done = check_policy(bench, "proxied.yaml", ("packages.example.org", 80, "ok"),
                        ("git.example.net", 443, "ok"), ("git.example.net", 80, REFUSED),
                        ("drop.example.org", 443, NO_NAME), (net.OTHER4, 80, REFUSED),
                        ("10.0.0.1", 443, REFUSED), options=["--proxy", by], status=77)
    check_equal({event["via"]["proxy"] for event in done.of("flow_open")}, {by})
    check_equal([row[1] for row in proxies.of(bench.net).asked()[before:]],
                ["packages.example.org:80", "git.example.net:443"])
    check_equal(done.one("run_start")["dns_route"], "proxy")
    done = bench.run(["true"], bench.folder / "shipped/policies/proxied.yaml")
    check_equal(done.status, 125, "without its proxy")
    check_in("cannot find 'proxy.internal'", done.err)


@case("policy: ci has no code hosts and no services of the host, and prints JSON")
def ci(bench):
    done = check_policy(bench, "ci.yaml", ("registry.example.com", 443, "ok"),
                        ("artifacts.example.com", 443, "ok"), status=0)
    check_equal(json.loads(done.err)["totals"]["flows"], 2, "flows in the summary")
    done = check_policy(bench, "ci.yaml", ("git.example.net", 443, NO_NAME),
                        ("host.childflow.internal", net.HOST_PORT, NO_NAME), status=77)
    check_equal(json.loads(done.err)["totals"]["dns_denied"], 4, "names denied in the summary")


@case("policy: agent reaches the model, mirrors and code, no upload and nothing private")
def agent(bench):
    done = check_policy(bench, "agent.yaml", ("api.model.example.com", 443, "ok"),
                        ("registry.example.com", 443, "ok"), ("git.example.net", 443, "ok"),
                        ("raw.git.example.net", 443, "ok"),
                        ("uploads.git.example.net", 443, NO_NAME), ("git.example.net", 22, REFUSED),
                        ("host.childflow.internal", net.HOST_PORT, NO_NAME),
                        ("artifacts.example.com", 443, NO_NAME),
                        (net.PRIVATE4, 80, REFUSED), (METADATA4, 80, REFUSED))
    denied = [event["verdict"]["rule"] for event in done.of("dns")
              if event["name"] == "uploads.git.example.net"]
    check(denied and all(rule["file"].endswith("agent.yaml") for rule in denied), denied)


@case("policy: audit-everything lets all through and marks what deserves a look")
def audit_everything(bench):
    done = check_policy(bench, "audit-everything.yaml", ("web.lab", 80, "ok"), (net.WEB4, 80, "ok"),
                        (net.PRIVATE4, 80, "ok"))
    marked = [event["dst"]["ip"] for event in done.of("flow_open")
              if event["verdict"].get("would_deny")]
    check_equal(marked, [net.PRIVATE4])


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


@case("example: an agent that does more than it should, and the report of it")
def agent_shell(bench):
    done, (events,) = demo(bench, "agent-shell")
    check_equal(re.findall(r"^  (done|failed) ", done.out, re.M),
                ["done"] * 3 + ["failed"] * 6 + ["done"])
    check_equal(used(events), {"tcp://api.model.example.com:80", "group:packages",
                               "tcp://git.example.net:80"})
    check_equal(asked(events, "deny"),
                {"drop.example.org", "612073656372657420.drop.example.org",
                 "uploads.git.example.net", "host.childflow.internal"})
    report = done.out.partition("== ./report")[2]
    for words in (r"denied   the name drop\.example\.org +2 x curl +default",
                  r"denied   169\.254\.169\.254:80 +1 x curl +metadata \(\S*base\.yaml:\d+\)",
                  r"allowed  git\.example\.net:80 +2 x curl "):
        check(re.search(words, report), f"no line like {words!r} in:\n{report}")


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
