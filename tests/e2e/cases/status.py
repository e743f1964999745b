"""What childflow's exit status says, and that its own output stays out of the command's."""
import json
import os

from lab import internet as net
from lab.case import case, check, check_equal, check_in


def check_status(bench, command, expected, policy=None, **options):
    done = bench.run(command, policy, **options)
    check_equal(done.status, expected, f"status of {command}")
    return done


@case("the exit status is the command's own")
def own_status(bench):
    policy = bench.policy()
    for status in (0, 1, 7, 125, 255):
        check_status(bench, ["sh", "-c", f"exit {status}"], status, policy)


@case("a signal that ends the command is 128 and its number")
def signal_status(bench):
    policy = bench.policy()
    for name, number in (("TERM", 15), ("KILL", 9), ("SEGV", 11)):
        done = check_status(bench, ["sh", "-c", f"ulimit -c 0; kill -{name} $$"], 128 + number,
                            policy)
        check_in("signal", done.one("run_end")["exit"])


@case("a command that does not exist is 127, one that cannot be run 126")
def not_run(bench):
    policy = bench.policy()
    check_status(bench, ["no-such-command"], 127, policy)
    check_status(bench, ["/no/such/command"], 127, policy)
    closed = bench.folder / "closed"
    closed.mkdir(mode=0)
    check_status(bench, ["no-such-command"], 127, policy,
                 env=bench.env(PATH=f"{closed}:{bench.env()['PATH']}"))
    plain = bench.write("plain", "no program\n")
    done = check_status(bench, [str(plain)], 126, policy)
    check_in("plain", done.err)
    check_status(bench, ["/"], 126, policy)


@case("a wrong policy is 78, is named by file, line and column, and nothing runs")
def wrong_policy(bench):
    policy = bench.write("bad.yaml", "version: 1\negress:\n  alow: [web.lab]\n")
    done = check_status(bench, ["touch", "ran"], 78, policy, log_checked=False)
    check_in("bad.yaml:3:3: ", done.err)
    check_in("allow", done.err, "the nearest known key")
    check(not (bench.folder / "ran").exists(), "the command ran")


@case("a key that is not built yet refuses the policy")
def not_built(bench):
    policy = bench.write("later.yaml", "version: 1\naudit: {chain: true}\n")
    done = check_status(bench, ["true"], 78, policy, log_checked=False)
    check_in("audit.chain", done.err)


@case("a wrong command line is 125")
def wrong_usage(bench):
    policy = str(bench.policy())
    for words, said in ((["--no-such-option", "--", "true"], "--no-such-option"),
                        (["-p"], "requires an argument"),
                        (["--mode", "maybe", "--", "true"], "enforce or audit, got 'maybe'"),
                        (["--allow", "*.com", "--", "true"], "1 error on the command line"),
                        (["-p", policy, "-p", policy, "--", "true"], "-p is given twice"),
                        (["-p", policy], "no command"),
                        (["--engine-threads", "0", "--", "true"],
                         "--engine-threads takes a number from 1 to 64, not '0'"),
                        (["--engine-threads", "65", "--", "true"], "from 1 to 64, not '65'"),
                        (["--engine-threads", "-1", "--", "true"], "from 1 to 64, not '-1'"),
                        (["--engine-threads", "2x", "--", "true"], "from 1 to 64, not '2x'"),
                        (["--engine-threads", "", "--", "true"], "from 1 to 64, not ''"),
                        (["--engine-threads", "99999999999999999999", "--", "true"], "1 to 64"),
                        (["check"], "no policy file"),
                        (["show", "file"], "'file' is not expected"),
                        (["show", "--format", "xml"], "expected yaml or json, got 'xml'")):
        done = bench.direct(bench.childflow, *words)
        check_equal(done.status, 125, f"status of {words}")
        check_in(said, done.err)


@case("fail_on_denial is 77 when the command succeeded, and its own status when not")
def fail_on_denial(bench):
    policy = bench.policy(audit={"fail_on_denial": True})
    denied = f"python3 {bench.probe} connect {net.WEB4} 80"
    check_status(bench, ["sh", "-c", denied], 77, policy)
    check_status(bench, ["sh", "-c", f"{denied}; exit 3"], 3, policy)
    check_status(bench, ["true"], 0, policy)
    policy = bench.policy(allow=[f"{net.WEB4}:80"], audit={"fail_on_denial": True})
    check_status(bench, ["sh", "-c", denied], 0, policy)


@case("where user namespaces are refused, 125 says so and nothing runs")
def no_namespaces(bench):
    words, _ = bench.words(bench.policy(), ["touch", "ran"])
    command = words[len(bench.identity.prefix):]
    done = bench.direct("unshare", "-Ur", "sh", "-c",
                        'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"', "sh", *command)
    check_equal(done.status, 125, "status")
    check_in("namespace", done.err)
    check(not (bench.folder / "ran").exists(), "the command ran")


@case("without -p everything is allowed in audit mode")
def built_in_policy(bench):
    done = bench.good(["curl", "-sS", "http://web.lab/"])
    check_equal(done.out, "hello from the lab\n")
    check_equal(done.one("run_start")["policy"]["mode"], "audit")
    check_in("audit", done.summary()[0])


@case("options beat the file: --mode, --allow, --deny, --dns, --summary, --log")
def options_beat(bench):
    policy = bench.policy()
    probe = [bench.probe, "connect", net.WEB4, "80"]
    run = bench.run
    check_equal(run(probe, policy).out.strip(), "EHOSTUNREACH")
    check_equal(run(probe, policy, ["--mode", "audit"]).out.strip(), "ok")
    check_equal(run(probe, policy, ["--allow", f"{net.WEB4}:80"]).out.strip(), "ok")
    both = ["--allow", f"{net.WEB4}:80", "--deny", net.WEB4]
    check_equal(run(probe, bench.policy(allow=["203.0.113.0/24"]),
                    ["--deny", net.WEB4]).out.strip(), "EHOSTUNREACH")
    check_equal(run(probe, policy, [*both, "--mode", "audit"]).out.strip(), "ok")
    dead = run([bench.probe, "resolve", "web.lab"], bench.policy(allow=["web.lab"]),
               ["--dns", "127.0.0.1:1"])
    check(net.WEB4 not in dead.out, "--dns did not replace the servers")
    check_equal(run(["true"], policy, ["--summary", "none"]).err, "", "stderr without a summary")


@case("-q prints nothing, and the command's own output stays its own")
def quiet(bench):
    done = bench.good(["sh", "-c", "echo out; echo err >&2"], bench.policy(), options=["-q"])
    check_equal(done.out, "out\n", "stdout")
    check_equal(done.err, "err\n", "stderr")


@case("-v says each denial as it happens, twice each flow and query too")
def verbose(bench):
    policy = bench.policy(allow=["web.lab:80"])
    command = ["sh", "-c", f"curl -sS -4 -o /dev/null http://web.lab/; dig +short secret.lab; "
                           f"{bench.probe} connect {net.WEB4} 81 >&2"]
    denials = ["childflow: denied name secret.lab (A), NXDOMAIN from policy: default",
               f"tcp to {net.WEB4}:81 (web.lab): default"]
    rest = ["childflow: allowed name web.lab (A), NOERROR from upstream: rule 'web.lab:80' ",
            f"tcp to {net.WEB4}:80 (web.lab): rule 'web.lab:80' "]
    for option, expected, missing in (("-v", denials, rest), ("-vv", denials + rest, [])):
        done = bench.good(command, policy, options=[option, "--summary", "none"])
        for text in expected:
            check_in(text, done.err)
        for text in missing:
            check(text not in done.err, f"{option}: {text!r} in {done.err!r}")
        check_in("denied flow", done.err.partition("EHOSTUNREACH")[0], "before the probe's own word")


@case("childflow run, check, show, --help and --version do what they say")
def subcommands(bench):
    policy = bench.policy(allow=["web.lab:80"])
    bad = bench.write("bad.yaml", "version: 2\n")
    childflow = bench.childflow
    check_equal(bench.direct(childflow, "run", "-q", "-p", str(policy), "--", "echo", "x").out,
                "x\n", "run")
    check_equal(bench.direct(childflow, "check", str(policy)).status, 0, "check, good")
    check_equal(bench.direct(childflow, "check", str(policy), str(bad)).status, 78, "check, bad")
    shown = bench.direct(childflow, "show", "-p", str(policy), "--origins")
    check_equal(shown.status, 0, "show")
    check_in(f"web.lab:80  # {policy}:", shown.out)
    check_in("filter: allowed  # default", shown.out)
    check_equal(bench.direct(childflow, "check", str(bench.write("shown.yaml", shown.out))).status,
                0, "what show prints is a policy")
    shown = bench.direct(childflow, "show", "-p", str(policy), "--format", "json", "--origins")
    places = json.loads(shown.out)
    check_equal(places["policy"]["dns"]["timeout"], "2s", "a value in JSON")
    check_equal(places["origins"]["egress.allow[0]"]["file"], str(policy), "a place in JSON")
    check_equal(places["origins"]["dns.timeout"], {"default": True}, "a default in JSON")
    shown = bench.direct(childflow, "show", "-p", str(policy), "--format", "json")
    check_equal(json.loads(shown.out), places["policy"], "JSON without places")
    check_equal(bench.direct(childflow, "check", str(bench.write("shown.json", shown.out))).status,
                0, "what show prints as JSON is a policy")
    check_in("childflow 0.1.0", bench.direct(childflow, "--version").out)
    check_in("-p", bench.direct(childflow, "--help").out)
    for name in ("run", "check", "show"):
        for option in ("--help", "--version"):
            check_equal(bench.direct(childflow, name, option).out,
                        bench.direct(childflow, option).out, f"{name} {option}")


@case("the policy's command runs when none is given")
def policy_command(bench):
    policy = bench.policy(command=["echo", "from the policy"])
    done = bench.direct(bench.childflow, "-q", "-p", str(policy))
    check_equal(done.out, "from the policy\n")


@case("stdin and stdout pass through unchanged")
def streams(bench):
    data = os.urandom(300_000).hex()
    done = bench.good(["cat"], bench.policy(), stdin=data.encode())
    check(done.out == data, "what came out is not what went in")
