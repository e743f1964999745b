"""The audit log and the summary."""
import hashlib
import json
import os
import re
import signal
import subprocess

from lab import internet as net
from lab.case import SECONDS, Skipped, case, check, check_equal, check_in, wait_for_text

MIXTURE = f"""
curl -sS -o /dev/null http://web.lab/
dig +short secret.lab
{{probe}} connect {net.WEB4} 81 {net.OTHER4} 80
{{probe}} udp {net.WEB4} 7 x
setsid sleep 1000 >/dev/null 2>&1 &
exit 0
"""


def mixture(bench, **options):
    policy = bench.policy(allow=["web.lab:80", "v4.lab", f"udp://{net.WEB4}:7"], name="mixture")
    return bench.good(["sh", "-c", MIXTURE.format(probe=bench.probe)], policy, **options)


@case("a run with everything in it leaves every kind of event, each as the schema has it")
def event_kinds(bench):
    if not bench.schema:
        raise Skipped("no python3-jsonschema here")
    done = mixture(bench)
    kinds = {event["event"] for event in done.events}
    for kind in ("run_start", "dns", "flow_open", "flow_close", "flow_denied", "warning",
                 "run_end"):
        check_in(kind, kinds, "kinds of events")
    for event in done.events:
        check_equal(bench.schema(event), None, f"the schema on {event}")


@case("run_start says what ran, under which policy, and what is masked")
def run_start(bench):
    policy = bench.policy(name="start")
    start = bench.good(["echo", "a b", "c"], policy).one("run_start")
    check_equal(start["command"], ["echo", "a b", "c"])
    check_equal((start["policy"]["name"], start["policy"]["mode"]), ("start", "enforce"))
    digest = subprocess.run(["sha256sum", str(policy)], capture_output=True, text=True, check=True)
    check_equal(start["policy"]["sha256"], digest.stdout.split()[0])
    check_equal(start["policy"]["files"],
                [{"file": start["policy"]["file"], "sha256": digest.stdout.split()[0]}])
    check_equal(start["cwd"], str(bench.folder))


@case("run_end counts what the events say")
def run_end(bench):
    done = mixture(bench)
    totals = done.one("run_end")["totals"]
    closes = done.of("flow_close")
    check_equal(totals["dns"], len(done.of("dns")))
    check_equal(totals["flows"], len(done.of("flow_open")))
    check_equal(totals["denied"], len(done.of("flow_denied")))
    check_equal(totals["bytes_in"], sum(event["bytes_in"] for event in closes))
    check_equal(totals["bytes_out"], sum(event["bytes_out"] for event in closes))


# Starts a program while it has much in memory.
LARGE = """
import subprocess, sys
kept = bytearray(range(256)) * (3 << 19)
sys.exit(subprocess.run(sys.argv[1:]).returncode)
"""


@case("the peak of memory is childflow's own, not that of the program that started it")
def own_memory(bench):
    words, log = bench.words(bench.policy(), ["true"])
    done = bench.direct("python3", "-c", LARGE, *words[len(bench.identity.prefix):])
    check_equal(done.status, 0, "status")
    usage = json.loads(log.read_text().splitlines()[-1])["usage"]
    check(0 < usage["childflow"]["peak_memory_bytes"] < 256 << 20, f"usage {usage}")


@case("a denial names the rule with its file and line")
def rule_origin(bench):
    policy = bench.write("policy.yaml", "version: 1\negress:\n  default: allow\n  deny:\n"
                                        f"    - {net.OTHER4}\n")
    done = bench.good([bench.probe, "connect", net.OTHER4, "80"], policy)
    rule = done.one("flow_denied")["verdict"]["rule"]
    check_equal(rule, {"text": net.OTHER4, "file": str(policy), "line": 5})


@case("a rule of a policy's parent denies, and the log names the parent and its hash")
def parent_origin(bench):
    parent = bench.write("base.yaml", "version: 1\nmode: audit\negress:\n  default: allow\n"
                                      f"  deny: [{net.OTHER4}]\nhosts_file: base-hosts\n")
    hosts = bench.write("base-hosts", f"{net.OTHER4} other.example\n")
    policy = bench.write("policy.yaml", "version: 1\nextends: [base.yaml]\nmode: enforce\n")
    done = bench.good([bench.probe, "connect", net.OTHER4, "80"], policy)
    rule = done.one("flow_denied")["verdict"]["rule"]
    check_equal(rule, {"text": net.OTHER4, "file": str(parent), "line": 5})
    files = [{"file": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
             for path in (policy, parent, hosts)]
    check_equal(done.one("run_start")["policy"]["files"], files)


@case("packets that are no flow are counted")
def strays(bench):
    script = bench.write("stray.py", f"""
import errno, socket
try:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDPLITE)
    sock.sendto(b"x", ("{net.WEB4}", 7))
except OSError as error:
    print(errno.errorcode[error.errno])
""")
    done = bench.good(["python3", str(script)], bench.policy(egress={"default": "allow"}))
    if "EPROTONOSUPPORT" in done.out:
        raise Skipped("no UDP-Lite in this kernel")
    stray = done.one("packets_denied")
    check_equal((stray["dst"], stray["count"]), ({"ip": net.WEB4}, 1))


@case("the summary begins with the policy's name, its mode and the verdict counts")
def summary(bench):
    lines = mixture(bench).summary()
    check(re.match(r"childflow: mixture, enforce: 2 flows allowed, 2 denied; "
                   r"[23] names asked, 1 denied; [0-9.]+ m?s$", lines[0]), f"first line: {lines[0]!r}")
    text = "\n".join(lines)
    for words in (r"allowed\s+web\.lab:80\s+1 flow ", r"denied\s+\S*203\.0\.113\.81:80\s",
                  r"log\s+\S*log-\d+\.jsonl"):
        check(re.search(words, text), f"no line like {words!r} in:\n{text}")


@case("no protection is named as not in force")
def not_in_force(bench):
    done = bench.good(["true"], bench.policy())
    check_equal(done.one("run_start")["not_in_force"], [])
    check("not in force" not in done.err, done.err)


@case("the summary as JSON is one line")
def summary_json(bench):
    done = bench.good(["true"], bench.policy(name="json"), options=["--summary", "json"])
    lines = done.err.splitlines()
    check_equal(len(lines), 1, "lines on stderr")
    check_in("json", json.dumps(json.loads(lines[0])))


@case("a log that cannot be made is 125, and the command does not run")
def log_refused(bench):
    exists = bench.write("exists.jsonl", "")
    for path in ("/proc/no/log.jsonl", "/dev/full", str(exists)):
        done = bench.run(["touch", "ran"], bench.policy(), ["--log", path], log_checked=False)
        check_equal(done.status, 125, f"status with {path}")
        check_in(path.rpartition("/")[0], done.err)
        check(not (bench.folder / "ran").exists(), "the command ran")


@case("a log that fills its disk ends the run with 125, and the tree with it")
def log_full(bench):
    small = bench.folder / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=1777", "small", str(small)],
                   check=True)
    try:
        done = bench.run(["sh", "-c", f"while :; do {bench.probe} connect {net.WEB4} 9; done"],
                         bench.policy(), ["--log", str(small / "log.jsonl")], log_checked=False)
        check_equal(done.status, 125, "status")
        check_in("log.jsonl", done.err)
        for line in (small / "log.jsonl").read_text().splitlines():
            json.loads(line)
    finally:
        subprocess.run(["umount", str(small)], check=True)


# In a folder that is mounted at a second place: the log, as long as it was, with one word changed.
REWRITE = """
import pathlib, sys
log = next(pathlib.Path("twice").glob("*.jsonl"))
text = log.read_bytes()
with log.open("r+b") as file:
    file.write(text.replace(b'"run_start"', b'"run_stXrt"'))
print("done")
"""


@case("a log that is rewritten by another mount of its file system, at the same length, is told, with 125")
def log_rewritten(bench):
    logs, twice = bench.folder / "logs", bench.folder / "twice"
    for folder in (logs, twice):
        folder.mkdir()
        folder.chmod(0o777)
    script = bench.write("rewrite.py", REWRITE)
    subprocess.run(["mount", "--bind", str(logs), str(twice)], check=True)
    try:
        done = bench.run(["python3", str(script)], bench.policy(),
                         ["--log", str(logs / "log.jsonl")], log_checked=False)
    finally:
        subprocess.run(["umount", str(twice)], check=True)
    check_equal(done.out, "done\n")
    check_equal(done.status, 125, "status")
    check_in(f"the log '{logs}/log.jsonl' was changed by another during the run", done.err)


@case("a log whose folder is moved is told with the place where it is, and 125")
def log_moved(bench):
    logs = bench.folder / "logs"
    logs.mkdir()
    logs.chmod(0o777)
    done = bench.run(["mv", "logs", "away"], bench.policy(), ["--log", str(logs / "log.jsonl")],
                     log_checked=False)
    check_equal(done.status, 125, "status")
    check_in(f"it is '{bench.folder}/away/log.jsonl' now", done.err)
    check_in('"run_end"', (bench.folder / "away" / "log.jsonl").read_text())


FIFO = """
import os, sys
try:
    os.write(os.open(sys.argv[1], os.O_WRONLY | os.O_NONBLOCK), b'{"forged":1}\\n')
except OSError as error:
    print(error.strerror)
print("done")
"""


@case("a log that is a FIFO gets the events, and nothing of the command's")
def log_fifo(bench):
    fifo = bench.folder / "log.fifo"
    os.mkfifo(fifo)
    fifo.chmod(0o666)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    script = bench.write("forge.py", FIFO)
    done = bench.run(["python3", str(script), str(fifo)], bench.policy(), ["--log", str(fifo)],
                     log_checked=False)
    got = os.read(reader, 1 << 16).decode()
    os.close(reader)
    check_equal(done.status, 0, done.err)
    check_in("done", done.out)
    check_in('"run_end"', got)
    check("forged" not in got, got)
    check_in(str(fifo), json.loads(got.splitlines()[0])["masked"], "masked")


@case("the log's folders are made, and its placeholders replaced")
def log_pattern(bench):
    policy = bench.policy(name="pattern", audit={"log": "audit/deep/{name}-{run}.jsonl"})
    words = [*bench.identity.prefix, bench.childflow, "-p", str(policy), "--", "true"]
    status, _, err = bench.finish(bench.start(words), b"")
    check_equal(status, 0, f"status ({err})")
    found = [path.name for path in (bench.folder / "audit" / "deep").iterdir()]
    check_equal(len(found), 1, "logs")
    check(re.fullmatch(r"pattern-[0-9a-f]{12}-[0-9a-f]{8}\.jsonl", found[0]), found[0])


@case("the log is flushed while the command runs")
def flushed(bench):
    words, log = bench.words(bench.policy(), ["sh", "-c", f"{bench.probe} connect {net.WEB4} 80; "
                                              "echo waiting; read line"])
    process = bench.start(words)
    check_equal(process.stdout.readline(), b"EHOSTUNREACH\n")
    process.stdout.readline()
    wait_for_text(log, "flow_denied")
    status, _, _ = bench.finish(process, b"\n")
    check_equal(status, 0, "status")


KILLED = f"""
import os, signal, socket
denied = 0
for port in range(1, 41):
    try:
        socket.create_connection(("{net.WEB4}", port), 5)
    except OSError:
        denied += 1
print(denied, flush=True)
os.kill(0, signal.SIGKILL)
"""


@case("what the command was told stands in the log, though it kills its process group at once")
def told(bench):
    script = bench.folder / "killed.py"
    script.write_text(KILLED)
    for _ in range(3):
        words, log = bench.words(bench.policy(), ["python3", str(script)])
        process = bench.start(words)
        denied = int(process.stdout.readline())
        check_equal(process.wait(SECONDS), 128 + signal.SIGKILL, "status")
        lines = log.read_text().splitlines()
        check_equal(sum('"event":"flow_denied"' in line for line in lines), denied, "denials")
        check_in('"run_end"', lines[-1])
