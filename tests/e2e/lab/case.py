"""A case, what it may use, and what it found.

A case is a function with a sentence for a name; it gets a Bench, runs childflow with it and says
what it expects with the check functions. A failed check ends the case.
"""
import json
import os
import pathlib
import re
import select
import shlex
import signal
import subprocess
import time

from lab import space

CASES = []
SECONDS = 60    # a bound on each command; nothing waits for it when all is well
USER = 1000     # the ordinary user of a lab that root makes; it needs no entry in passwd


class Failed(Exception):
    """A check did not hold."""


class Skipped(Exception):
    """This machine cannot tell; the text says why."""


class Case:
    def __init__(self, name, function, outside, identities):
        self.name = name
        self.function = function
        self.outside = outside          # in the machine's own namespaces, not in the lab
        self.identities = identities


def case(name, outside=False, identities=("root", "user")):
    def register(function):
        CASES.append(Case(name, function, outside, identities))
        return function
    return register


def end_of_log(path):
    """The last events of a log, short, for who looks for the cause of a failure."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        return [str(error)]
    return [re.sub(r'"(v|run)":[^,]*,', "", line)[:360] for line in lines[-8:]]


def check(condition, text):
    if not condition:
        raise Failed(text)


def check_equal(found, expected, what=""):
    check(found == expected, f"{what or 'found'}: {found!r}, expected {expected!r}")


def check_in(part, whole, what=""):
    check(part in whole, f"{what or 'text'}: no {part!r} in {whole!r}")


class Identity:
    """Who runs childflow, and how a command becomes that."""

    def __init__(self, name, uid, gid, prefix):
        self.name = name
        self.uid = uid
        self.gid = gid
        self.prefix = prefix

    def own(self, path):
        """Give a path to this identity."""
        if os.getuid() == 0 and self.owner() is not None:
            os.chown(path, self.uid, self.gid)

    def owner(self):
        """The uid that files of this identity have here; None when it is not mapped."""
        mapped = pathlib.Path("/proc/self/uid_map").read_text().split("\n")
        for row in mapped:
            if row and int(row.split()[0]) <= self.uid < int(row.split()[0]) + int(row.split()[2]):
                return self.uid
        return None


def identity_of(name, privileged, outside):
    """How a command becomes root or an ordinary user, from where the runner is."""
    caller = (os.getuid(), os.getgid())
    if privileged and name == "root":
        return Identity("root", 0, 0, [])
    if privileged:
        return Identity("user", USER, USER, ["setpriv", f"--reuid={USER}", f"--regid={USER}",
                                             "--clear-groups", "--"])
    # The caller is an ordinary user. Outside it is itself; in the lab it is mapped to 0.
    if outside and name == "user":
        return Identity("user", *caller, [])
    if outside:
        return Identity("root", 0, 0, ["unshare", "--user", "--map-root-user", "--"])
    if name == "root":
        return Identity("root", 0, 0, [])
    return Identity("user", USER, USER, ["unshare", "--user", f"--map-user={USER}",
                                         f"--map-group={USER}", "--"])


class Done:
    """A run that ended."""

    def __init__(self, status, out, err, log):
        self.status = status
        self.out = out
        self.err = err
        self.log_path = log
        self._events = None

    @property
    def events(self):
        if self._events is None:
            lines = self.log_path.read_text(encoding="utf-8").splitlines()
            self._events = [json.loads(line) for line in lines]
        return self._events

    def of(self, *kinds):
        return [event for event in self.events if event["event"] in kinds]

    def one(self, kind):
        found = self.of(kind)
        check_equal(len(found), 1, f"events '{kind}'")
        return found[0]

    def summary(self):
        """The lines that childflow printed, from its first on."""
        lines = self.err.splitlines()
        starts = [n for n, line in enumerate(lines) if line.startswith("childflow: ")]
        check(starts, f"no summary on stderr: {self.err!r}")
        return lines[starts[-1]:]

    def __str__(self):
        return f"status {self.status}\n--- stdout\n{self.out[-1500:]}\n--- stderr\n{self.err[-1500:]}"


class Bench:
    """What one case works with: a folder of its own, childflow, the lab."""

    def __init__(self, folder, childflow, identity, probe, schema, internet, shipped):
        self.folder = folder
        self.childflow = str(childflow)
        self.identity = identity
        self.probe = str(probe)
        self.schema = schema        # a validator of one event, or None
        self.net = internet         # None outside of the lab
        self.shipped = shipped      # {path in the tree: (content, mode)}: policies and examples
        self.runs = 0
        self.last = None            # what a failed case shows
        self.started = []           # processes that a failed case may have left

    def program(self, name):
        """The path of a program that the runner installed; one that was not built skips the case."""
        path = pathlib.Path(self.probe).with_name(name)
        if not path.exists():
            raise Skipped(f"no {name}: `make check` builds it beside childflow")
        return str(path)

    def home(self):
        home = self.folder / "home"
        if not home.exists():
            home.mkdir()
            self.identity.own(home)
        return home

    def last_log(self):
        """The end of the log of the run that was started last, if it wrote one."""
        logs = sorted(self.folder.glob("log-*.jsonl"), key=lambda path: path.stat().st_mtime_ns)
        return "\n".join(["--- log", *end_of_log(logs[-1])]) if logs else ""

    def env(self, **extra):
        keep = {name: value for name, value in os.environ.items()
                if name in ("LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")
                or self.net is None}
        return {**keep, "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME": str(self.home()), "TERM": "dumb", "GIT_CONFIG_NOSYSTEM": "1", **extra}

    def write(self, name, content):
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
        self.identity.own(path)
        return path

    def unpack(self):
        """This case's own copy of what the tree ships for users; returns its top folder."""
        top = self.folder / "shipped"
        for path, (content, mode) in self.shipped.items():
            file = top / path
            for folder in [*reversed(file.relative_to(self.folder).parents)][1:]:
                if not (self.folder / folder).exists():
                    (self.folder / folder).mkdir()
                    self.identity.own(self.folder / folder)
            file.write_bytes(content)
            file.chmod(mode)
            self.identity.own(file)
        return top

    def policy(self, allow=(), deny=(), **keys):
        """A policy file (JSON is YAML); keys such as egress={} are merged into it."""
        policy = {"version": 1, "name": "case",
                  "egress": {"default": "deny", "allow": list(allow), "deny": list(deny)}}
        for key, value in keys.items():
            if isinstance(value, dict):
                policy.setdefault(key, {}).update(value)
            else:
                policy[key] = value
        self.runs += 1
        return self.write(f"policy-{self.runs}.yaml", policy)

    def words(self, policy, command, options=()):
        """childflow's command line with a log of its own; returns it and the log's path."""
        self.runs += 1
        log = self.folder / f"log-{self.runs}.jsonl"
        options = list(options)
        if not any(word.startswith("--log") for word in options):
            options += ["--log", str(log)]
        if policy is not None:
            options += ["-p", str(policy)]
        return [*self.identity.prefix, self.childflow, *options, "--", *command], log

    def start(self, words, **options):
        """A process of this identity with pipes; the caller ends it with finish()."""
        options.setdefault("env", self.env())
        options.setdefault("cwd", self.folder)
        for stream in ("stdin", "stdout", "stderr"):
            options.setdefault(stream, subprocess.PIPE)
        process = subprocess.Popen(words, start_new_session=True, **options)
        self.started.append(process)
        return process

    def close(self):
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def finish(self, process, stdin=None):
        try:
            out, err = process.communicate(stdin, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            raise Failed(f"not done after {SECONDS} s: {shlex.join(process.args)}\n"
                         f"{out[-2000:]!r}\n{err[-2000:]!r}") from None
        status = process.returncode
        return status, (out or b"").decode("utf-8", "replace"), (err or b"").decode("utf-8",
                                                                                    "replace")

    def run(self, command, policy=None, options=(), stdin=b"", log_checked=True, **popen):
        """childflow from start to end."""
        words, log = self.words(policy, command, options)
        status, out, err = self.finish(self.start(words, **popen), stdin)
        self.last = done = Done(status, out, err, log)
        if log_checked and log.exists():
            self.check_log(done)
        return done

    def direct(self, *words, stdin=b"", **popen):
        """The same identity without childflow."""
        status, out, err = self.finish(self.start([*self.identity.prefix, *words], **popen), stdin)
        self.last = done = Done(status, out, err, None)
        return done

    def good(self, command, policy=None, **options):
        """A run whose command must succeed."""
        done = self.run(command, policy, **options)
        check_equal(done.status, 0, "status")
        return done

    def ask(self, *words, policy=None, status=0, **options):
        """Run the probe inside; returns what it printed."""
        done = self.run([self.probe, *words], policy, **options)
        check_equal(done.status, status, "status")
        return done.out.strip()

    def check_log(self, done):
        """What holds for every log: numbered without a gap, from run_start to run_end, valid."""
        events = done.events
        check(events, "the log is empty")
        check_equal([event["seq"] for event in events], list(range(len(events))), "seq")
        check_equal(events[0]["event"], "run_start")
        check_equal(events[-1]["event"], "run_end")
        check_equal(len({event["run"] for event in events}), 1, "runs in one log")
        if self.schema:
            for event in events[:100] + events[100:][-100:]:
                problem = self.schema(event)
                check(problem is None, f"not as the schema has it: {problem}: {event}")


class Reader:
    """Reads a descriptor until what is waited for has come; bounded."""

    def __init__(self, fd):
        self.fd = fd
        self.text = ""
        self.taken = 0

    def until(self, pattern, seconds=SECONDS):
        deadline = time.monotonic() + seconds
        while not (match := re.compile(pattern, re.M).search(self.text, self.taken)):
            ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
            check(ready, f"no {pattern!r} within {seconds} s in {self.text!r}")
            try:
                data = os.read(self.fd, 65536)
            except OSError:     # a terminal whose other side is gone
                data = b""
            check(data, f"ended before {pattern!r}: {self.text!r}")
            self.text += data.decode("utf-8", "replace").replace("\r", "")
        self.taken = match.end()
        return match

    def rest(self):
        while True:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            if not data:
                return self.text
            self.text += data.decode("utf-8", "replace").replace("\r", "")


def wait_for_text(path, part, times=1, seconds=SECONDS):
    """Until a file that grows holds `part` so many times; woken by inotify."""
    watch = space.libc.inotify_init1(os.O_CLOEXEC)
    try:
        space.call("inotify_add_watch", watch, os.fsencode(path), 0x2)     # IN_MODIFY
        deadline = time.monotonic() + seconds
        while path.read_text(encoding="utf-8").count(part) < times:
            ready, _, _ = select.select([watch], [], [], max(0, deadline - time.monotonic()))
            check(ready, f"no {part!r} within {seconds} s in {path}")
            os.read(watch, 65536)
    finally:
        os.close(watch)
