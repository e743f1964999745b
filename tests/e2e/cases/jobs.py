"""The command as a job: its process group is its own, and what it does to it stays there."""
import os
import pty
import shlex
import signal
import socket
import subprocess
import time

from lab.case import SECONDS, Reader, case, check, check_equal, check_in

# Asks for a name, of a server that the policy names and that never answers, and does no more.
ASK = """
import os, signal, socket, sys
question = (b"\\x12\\x34\\x01\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00"
            b"\\x06lonely\\x03lab\\x00\\x00\\x01\\x00\\x01")
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.sendto(question, ("198.18.0.1", 53))
"""


class Silent:
    """A name server of the host's that hears every question and answers none."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(SECONDS)

    def policy(self, bench):
        servers = [f"127.0.0.1:{self.socket.getsockname()[1]}"]
        return bench.policy(allow=["lonely.lab:80"], dns={"servers": servers})

    def heard(self):
        check_in(b"lonely", self.socket.recv(4096))


def start_python(bench, script, policy, **popen):
    file = bench.folder / "script.py"
    file.write_text(script)
    words, log = bench.words(policy, ["python3", str(file)])
    return bench.start(words, **popen), log


def check_ended(bench, process, log, status):
    """It ended by itself, and the question is in its log."""
    check_equal(process.wait(SECONDS), status, "status")
    bench.finish(process)
    text = log.read_text()
    check_in('"name":"lonely.lab"', text, "log")
    check_in('"run_end"', text.splitlines()[-1], "last line")


@case("kill -9 0 ends the command alone, and the log has its end and the question without an answer")
def kill_group(bench):
    server = Silent()
    kill = "os.kill(0, signal.SIGKILL)\n"
    process, log = start_python(bench, ASK + "sys.stdin.read(1)\n" + kill, server.policy(bench))
    server.heard()
    process.stdin.write(b"\n")
    process.stdin.flush()
    check_ended(bench, process, log, 128 + signal.SIGKILL)
    for _ in range(5):      # also one that childflow may not have read when the command is gone
        process, log = start_python(bench, ASK + kill, server.policy(bench))
        check_ended(bench, process, log, 128 + signal.SIGKILL)
        log.unlink()


@case("a question without an answer is in the log of a run that is told to end")
def ended(bench):
    server = Silent()
    process, log = start_python(bench, ASK + "sys.stdin.read()\n", server.policy(bench))
    server.heard()
    process.send_signal(signal.SIGTERM)
    check_ended(bench, process, log, 128 + signal.SIGTERM)


def stat_of(pid):
    """The fields behind the name, as proc_pid_stat(5) has them from the third on."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rpartition(")")[2].split()


def child(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
        return int(file.read().split()[0])


@case("kill -STOP 0 stops the command alone, and SIGCONT to childflow goes on with it")
def stop_group(bench):
    words, _ = bench.words(bench.policy(), ["sh", "-c", "kill -STOP 0; echo on"])
    process = bench.start(words)
    deadline = time.monotonic() + SECONDS
    state = ""
    while state != "T":
        check(time.monotonic() < deadline, f"the command is not stopped but {state!r}")
        try:
            state = stat_of(child(child(process.pid)))[0]
        except (FileNotFoundError, IndexError, ProcessLookupError):
            pass            # it is not there yet
    process.send_signal(signal.SIGUSR1)
    Reader(process.stderr.fileno()).until(r"^childflow: .* 0 flows open")     # it is there
    process.send_signal(signal.SIGCONT)
    check_equal(process.stdout.readline(), b"on\n")
    check_equal(bench.finish(process)[0], 0, "status")


@case("the command's priority is its own, and not that of its process group outside")
def priority(bench):
    script = """
import os, sys
os.setpriority(os.PRIO_PGRP, 0, 19)
print(os.getpriority(os.PRIO_PROCESS, 0), os.getpgrp() == os.getpid(), flush=True)
sys.stdin.read()
"""
    ours = str(os.getpriority(os.PRIO_PROCESS, 0))      # the suite may run at any
    process, _ = start_python(bench, script, bench.policy())
    check_equal(process.stdout.readline(), b"19 True\n")
    check_equal(stat_of(process.pid)[16], ours, "childflow's nice value")
    check_equal(stat_of(child(process.pid))[16], ours, "PID 1's nice value")
    check_equal(bench.finish(process, b"")[0], 0, "status")


class Shell(Reader):
    """An interactive shell of the caller, with job control, on a terminal."""

    def __init__(self, bench):
        master, slave = pty.openpty()
        self.process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *bench.identity.prefix, "bash", "--norc", "--noprofile",
             "--noediting", "-i"], stdin=slave, stdout=slave, stderr=slave, cwd=bench.folder,
            env=bench.env(PS1="[$?]> "))
        bench.started.append(self.process)
        os.close(slave)
        super().__init__(master)
        self.until(r"\[0\]> ")

    def type_in(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        self.type_in("exit 3\n")
        check_equal(self.process.wait(SECONDS), 3, "status of the shell")
        self.rest()
        os.close(self.fd)


@case("^Z, fg, bg, ^C and ^\\ do in the caller's shell what they do without childflow")
def keys(bench):
    words, log = bench.words(bench.policy(), ["sh", "-c", "echo up; exec cat"], ["--summary", "none"])
    command = shlex.join(str(word) for word in words[len(bench.identity.prefix):])
    shell = Shell(bench)
    shell.type_in(f"{command}\n")
    shell.until(r"^up\n")
    shell.type_in("\x1a")
    shell.until(r"Stopped")
    shell.until(r"\[148\]> ")
    shell.type_in("bg; wait\n")     # it reads, and stops again
    shell.until(r"Stopped")
    shell.until(r"\]> ")
    shell.type_in("fg\n")
    shell.until(r"^childflow|/childflow ")
    shell.type_in("again\n")
    shell.until(r"^again\nagain\n")
    shell.type_in("\x03")
    shell.until(r"\[130\]> ")
    check_in('"exit":{"signal":2}', log.read_text().splitlines()[-1])
    log.unlink()
    shell.type_in(f"{command}\n")
    shell.until(r"^up\n")
    shell.type_in("\x1c")
    shell.until(r"\[131\]> ")
    shell.end()
    check_in('"run_end"', log.read_text().splitlines()[-1])


@case("a command that holds the terminal's output up does not hold childflow up")
def held_up(bench):
    # TCOOFF: only who did it, or a program that knows of it, undoes that; ^Q does not.
    script = "import sys, termios\ntermios.tcflow(2, termios.TCOOFF)\n"
    words, log = bench.words(bench.policy(), ["python3", "-c", script])
    master, slave = pty.openpty()
    process = subprocess.Popen(["setsid", "--ctty", "--wait", *words], stdin=slave, stdout=slave,
                               stderr=slave, cwd=bench.folder, env=bench.env())
    bench.started.append(process)
    os.close(slave)
    terminal = Reader(master)
    terminal.until(r"childflow: ")
    check_equal(process.wait(SECONDS), 0, "status")
    check_in(str(log.name), terminal.rest(), "summary")
    os.close(master)
