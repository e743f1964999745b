"""When something is killed, however it is, nothing stays: listed before and after."""
import os
import pathlib
import select
import signal
import subprocess

from lab import internet as net
from lab.case import SECONDS, case, check, check_equal, check_in

SCRIPT = f"""
{{probe}} crowd {net.WEB4} {net.HOLD} 5
setsid sleep 1000 &
sleep 1000 &
echo ready
exec cat
"""


def has_ended(task):
    """Ended, and waits to be collected; such a task still shows its user and PID namespaces."""
    return (task / "stat").read_text().rpartition(")")[2].split()[0] == "Z"


def namespaces():
    """The inode of each namespace that a task of the lab is in."""
    found = set()
    for link in pathlib.Path("/proc").glob("[0-9]*/task/*/ns/*"):
        try:
            name = os.readlink(link)
            if not has_ended(link.parent.parent):   # asked last: it may end meanwhile
                found.add(name)
        except OSError:
            pass        # ended and collected meanwhile
    return found


def processes():
    """Pids of the lab, without those that have ended and wait to be collected."""
    found = set()
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            if not has_ended(path.parent):
                found.add(path.parent.name)
        except OSError:
            pass        # ended meanwhile
    return found


def state():
    """What childflow could leave behind."""
    files = set()
    for top in ("/tmp", "/run", "/dev/shm", "/dev/mqueue"):
        for folder, folders, names in os.walk(top):
            files.update(os.path.join(folder, name) for name in folders + names)
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    return {
        "processes": processes(),
        "namespaces": namespaces(),
        "interfaces": {line.split(":")[1].strip() for line in links.splitlines()},
        "mounts": set(pathlib.Path("/proc/self/mountinfo").read_text().splitlines()),
        "files": files,
    }


def tree(pid):
    """A process and all below it."""
    found = [pid]
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            found += tree(int(child))
    return found


def wait_all(pidfds):
    """Until each process has ended; bounded."""
    poll = select.poll()
    waiting = set(pidfds)
    for fd in waiting:
        poll.register(fd, select.POLLIN)
    while waiting:
        ready = poll.poll(SECONDS * 1000)
        check(ready, f"{len(waiting)} processes do not end")
        for fd, _ in ready:
            poll.unregister(fd)
            waiting.discard(fd)
            os.close(fd)


def gone(before):
    """The state is as it was."""
    after = state()
    for name, expected in before.items():
        check_equal(sorted(after[name] - expected), [], f"{name} that stayed")


def check_killed(bench, choose, options=()):
    """Start a tree, kill one process of it, wait for all of them, compare."""
    before = state()
    words, log = bench.words(bench.policy(allow=["203.0.113.0/24"]),
                             ["sh", "-c", SCRIPT.format(probe=bench.probe)], options)
    process = bench.start(words)
    check_equal((process.stdout.readline(), process.stdout.readline()), (b"5\n", b"ready\n"))
    pids = tree(process.pid)
    check(len(pids) >= 4, f"a tree of {pids}")
    check(namespaces() - before["namespaces"], "no namespace was made")
    pidfds = [os.pidfd_open(pid) for pid in pids]
    os.kill(choose(pids), signal.SIGKILL)
    wait_all(pidfds)
    status, _, err = bench.finish(process)
    gone(before)
    return status, err, log


@case("kill -9 of childflow ends the tree and leaves nothing")
def kill_childflow(bench):
    status, _, _ = check_killed(bench, lambda pids: pids[0])
    check_equal(status, -signal.SIGKILL, "status")


@case("kill -9 of childflow with several engine threads ends the tree and leaves nothing")
def kill_threads(bench):
    status, _, _ = check_killed(bench, lambda pids: pids[0], ["--engine-threads", "3"])
    check_equal(status, -signal.SIGKILL, "status")
    status, _, log = check_killed(bench, lambda pids: tree(pids[1])[1], ["--engine-threads", "3"])
    check_equal(status, 128 + signal.SIGKILL, "status")
    check_in('"run_end"', log.read_text())


@case("kill -9 of the sandbox's PID 1 ends the run and leaves nothing")
def kill_init(bench):
    status, err, log = check_killed(bench, lambda pids: pids[1])
    check(status not in (0, -signal.SIGKILL), f"status {status}")
    check_in('"run_end"', log.read_text())
    check(err.strip(), "no word about it")


@case("kill -9 of the command ends the run with 137 and leaves nothing")
def kill_command(bench):
    status, _, log = check_killed(bench, lambda pids: tree(pids[1])[1])
    check_equal(status, 128 + signal.SIGKILL, "status")
    check_in('"run_end"', log.read_text())


@case("a run that ends by itself leaves nothing")
def plain_end(bench):
    before = state()
    bench.good(["curl", "-sS", "http://web.lab/"], bench.policy(allow=["web.lab"]))
    gone(before)
