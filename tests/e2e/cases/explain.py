"""What childflow explain says is what a run then does, by the same rule."""
import json

from lab import internet as net
from lab.case import case, check, check_equal


def explain(bench, policy, question, *options):
    """The answer to one question."""
    done = bench.direct(bench.childflow, "explain", "--format", "json", "-p", str(policy), *options,
                        question)
    answer = json.loads(done.out)["answers"][0]
    check_equal(done.status, 0 if answer["outcome"] == "allowed" else 77, f"status for {question}")
    return answer


def rule_of(verdict):
    return verdict["rule"] and (verdict["rule"]["text"], verdict["rule"]["line"])


def check_flow(bench, policy, host, port, *options):
    """explain's verdict for a TCP connection beside the log of a run that makes it."""
    answer = explain(bench, policy, f"tcp://{host}:{port}", *options)
    said = answer["places"][0]["flows"][0]["verdict"]
    done = bench.run([bench.probe, "connect", host, str(port)], policy)
    found = [event for event in done.of("flow_open", "flow_denied")
             if event["dst"]["port"] == port]
    check_equal(len(found), 1, f"flows to {host}")
    for key in ("action", "reason"):
        check_equal(found[0]["verdict"][key], said[key], f"{key} for {host} port {port}")
    check_equal(rule_of(found[0]["verdict"]), rule_of(said), f"rule for {host} port {port}")
    return answer


@case("explain says what a run then does, by the same rule")
def flows(bench):
    policy = bench.policy(allow=["v4.lab:80", "private.lab:80", "203.0.113.0/24:443", net.OTHER4],
                          deny=["private", f"{net.OTHER4}:80"], dns={"block_rebinding": False})
    for host, port, options, outcome in (
            ("v4.lab", 80, ["--address", net.WEB4], "allowed"),
            ("v4.lab", 81, ["--address", net.WEB4], "denied"),
            ("private.lab", 80, ["--address", net.PRIVATE4], "denied"),
            (net.WEB4, 443, [], "allowed"), (net.WEB4, 80, [], "denied"),
            (net.OTHER4, 80, [], "denied"), (net.OTHER4, 443, [], "allowed")):
        answer = check_flow(bench, policy, host, port, *options)
        check_equal(answer["outcome"], outcome, f"outcome for {host} port {port}")


@case("explain knows what 'hosts' pins, for every name of that address")
def pinned(bench):
    policy = bench.policy(allow=["private.lab:80", "pinned.internal:80"], deny=["private"],
                          hosts={"pinned.internal": net.PRIVATE4}, dns={"block_rebinding": False})
    check_equal(check_flow(bench, policy, "pinned.internal", 80)["outcome"], "allowed")
    at = ("--address", net.PRIVATE4)
    check_equal(check_flow(bench, policy, "private.lab", 80, *at)["outcome"], "allowed")
    check_equal(check_flow(bench, policy, "private.lab", 81, *at)["outcome"], "denied")


@case("explain --exe says what a run then does for that program")
def programs(bench):
    allow = [{"to": "v4.lab:80", "exe": "/usr/bin/python3*"}]
    policy = bench.policy(allow=allow)
    done = bench.run([bench.probe, "connect", "v4.lab", "80"], policy)
    check_equal(done.out, "ok\n")
    exe = done.one("flow_open")["process"]["exe"]
    for program, outcome in ((exe, "allowed"), ("/usr/bin/dig", "denied")):
        answer = explain(bench, policy, "tcp://v4.lab:80", "--exe", program, "--address", net.WEB4)
        check_equal(answer["outcome"], outcome, program)
        check_equal(answer["lookup"]["action"], "allow" if outcome == "allowed" else "deny")
    check_equal(done.of("dns")[0]["verdict"]["action"], "allow")
    denied = bench.run(["dig", "+short", "v4.lab"], policy).one("dns")["verdict"]
    check_equal(denied["action"], "deny")


@case("explain says which names a run may ask for")
def names(bench):
    policy = bench.policy(allow=["*.zone.lab:80", "v4.lab"], deny=["secret.lab"])
    for name in ("a.zone.lab", "b.a.zone.lab", "zone.lab", "v4.lab", "secret.lab"):
        done = bench.direct(bench.childflow, "explain", "--format", "json", "-p", str(policy), name)
        said = json.loads(done.out)["answers"][0]["lookup"]
        event = bench.run(["dig", "+short", name], policy).one("dns")
        check_equal(event["verdict"]["action"], said["action"], f"action for {name}")
        check_equal(rule_of(event["verdict"]), rule_of(said), f"rule for {name}")


@case("what explain suggests allows it")
def suggestion(bench):
    policy = bench.policy(allow=["v4.lab:80"], deny=["private"])
    for question, options, host, port in (
            (f"tcp://{net.WEB4}:80", [], net.WEB4, 80),
            ("tcp://private.lab:80", ["--address", net.PRIVATE4], "private.lab", 80)):
        answer = explain(bench, policy, question, *options)
        check(answer["suggestion"], f"no suggestion for {question}")
        better = bench.write("better.yaml", f"version: 1\nextends: [{policy.name}]\n"
                                            + answer["suggestion"])
        check_equal(bench.ask("connect", host, str(port), policy=better), "ok")


@case("explain and the engine agree on what is never carried")
def never(bench):
    policy = bench.policy(egress={"default": "allow", "host_ports": [net.HOST_PORT]})
    check_equal(explain(bench, policy, f"tcp://127.0.0.1:{net.HOST_PORT}")["outcome"], "never")
    check_equal(bench.ask("connect", "127.0.0.1", str(net.HOST_PORT), policy=policy),
                "ECONNREFUSED")
    answer = check_flow(bench, policy, "host.childflow.internal", net.HOST_PORT)
    check_equal(answer["outcome"], "allowed")
