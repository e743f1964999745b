"""A run that is watched as it goes on: the table of SIGUSR1, the line of --live."""
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time

from lab import internet as net
from lab.case import SECONDS, Done, Reader, case, check, check_equal, check_in

ERASE = "\x1b[K"
WEB = ["web.lab", "203.0.113.0/24"]


def held(bench, *targets, options=(), policy=None, **popen):
    """childflow whose command holds a connection to each target, said 'held', and reads a line."""
    words, log = bench.words(policy or bench.policy(allow=WEB), [bench.probe, "hold", *targets],
                             options)
    process = bench.start(words, **popen)
    check_equal(process.stdout.readline(), b"held\n", "first line")
    return process, log


def table(process, err):
    """Ask for the table; the header, the titles and the rows."""
    os.kill(process.pid, signal.SIGUSR1)
    header = err.until(r"^childflow: (\S+Z), after (.*): (\d+) flows? open, (.*)$")
    rows = []
    if int(header.group(3)):
        err.until(r"^ +flow .*$")
        for _ in range(int(header.group(3))):
            rows.append(err.until(r"^ .*$").group().split())
    return header, rows


def table_saying(process, err, *texts):
    """As table(), once each row has its text: another engine thread passes a byte on, then counts it."""
    deadline = time.monotonic() + SECONDS
    while True:
        header, rows = table(process, err)
        said = [text in " ".join(row) for row, text in zip(rows, texts)]
        if all(said) or time.monotonic() > deadline:
            return header, rows


@case("SIGUSR1 prints the flows that are open, with name, bytes, process and rule")
def flow_table(bench):
    policy = bench.policy(allow=WEB)
    process, log = held(bench, "web.lab", str(net.ECHO), "5", net.WEB4, str(net.ECHO), "1000",
                        policy=policy)
    header, rows = table_saying(process, Reader(process.stderr.fileno()), " 5 B 5 B ",
                                " 1000 B 1000 B ")
    check_in("2.0 KiB, ", header.group(4), "bytes both ways")
    check_in(" 0 denied", header.group(4))
    check_equal([row[0] for row in rows], ["1", "2"], "numbers")
    check_equal([row[1] for row in rows], ["open", "open"], "states")
    text = [" ".join(row) for row in rows]
    check_in(f" web.lab:{net.ECHO} ({net.WEB6}) 5 B 5 B ", text[0])
    check_in(" 1000 B 1000 B ", text[1])
    for row in text:
        check(re.search(r"B \d+ /\S*python3\S* \S*policy-1\.yaml:\d+$", row), row)
    check("open, " not in log.read_text(), "the table is in the log")
    status, _, err = bench.finish(process, b"\n")
    check_equal(status, 0, "status")
    check_in("2 flows allowed", err)
    opened = Done(0, "", "", log).of("flow_open")
    check_equal([str(event["src"]["port"]) for event in opened],
                [re.search(r" (\d+) \S+:7 ", row).group(1) for row in text], "source ports")
    check_equal([event["process"]["pid"] for event in opened],
                [int(re.search(r"B (\d+) /", row).group(1)) for row in text], "pids")


@case("SIGUSR1 with no flow open prints that, each time, and the command does not get it")
def empty_table(bench):
    words, _ = bench.words(bench.policy(), ["sh", "-c", "echo ready; read line; exit 3"])
    process = bench.start(words)
    check_equal(process.stdout.readline(), b"ready\n")
    err = Reader(process.stderr.fileno())
    for _ in range(3):
        header, rows = table(process, err)
        check_equal((header.group(3), rows), ("0", []))
    status, _, _ = bench.finish(process, b"\n")
    check_equal(status, 3, "status")


def blocks_usr1(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        lines = dict(line.split(":\t", 1) for line in file.read().splitlines())
    # What becomes childflow, such as setpriv, may block it for a while too.
    return (lines["Name"].strip() == "childflow"
            and int(lines["SigBlk"], 16) >> (signal.SIGUSR1 - 1) & 1)


@case("SIGUSR1 before a run is up, or at its end, does not end it")
def early_and_late(bench):
    words, _ = bench.words(bench.policy(), ["true"], ["-q", "--log="])
    for _ in range(20):
        process = bench.start(words)
        # Until childflow says so, the signal would end it, as any program that does not know it.
        while process.poll() is None and not blocks_usr1(process.pid):
            pass
        for _ in range(50):
            process.send_signal(signal.SIGUSR1)     # none is sent once it has ended
        status, _, err = bench.finish(process)
        check_equal(status, 0, "status")
        check(all(line.startswith("childflow: ") for line in err.splitlines()), err)


class Terminal(Reader):
    """A terminal of 100 columns with childflow in its foreground."""

    def __init__(self, bench, command, options, stdout=True, **env):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 25, 100, 0, 0))
        modes = termios.tcgetattr(slave)
        modes[3] &= ~termios.ECHO       # what is typed would stand beside the line
        termios.tcsetattr(slave, termios.TCSANOW, modes)
        words, _ = bench.words(bench.policy(allow=WEB), command, options)
        self.process = subprocess.Popen(["setsid", "--ctty", "--wait", *words], stdin=slave,
                                        stdout=slave if stdout else subprocess.PIPE, stderr=slave,
                                        cwd=bench.folder, env=bench.env(**{"TERM": "xterm", **env}))
        bench.started.append(self.process)
        os.close(slave)
        super().__init__(master)

    def type_in(self, text):
        os.write(self.fd, text.encode())

    def end(self, status):
        """All that was printed."""
        check_equal(self.process.wait(60), status, "status")
        text = self.rest()
        os.close(self.fd)
        return text


@case("--live keeps a line on the terminal, which goes before anything else is printed")
def live_line(bench):
    # Of what the command itself prints on the terminal childflow does not know.
    script = (f'"$0" hold web.lab {net.ECHO} 5; "$0" connect nobody.lab 80 >/dev/null; '
              f'"$0" hold web.lab {net.ECHO} 5')
    terminal = Terminal(bench, ["sh", "-c", script, bench.probe], ["--live", "-v"], stdout=False)
    check_equal(terminal.process.stdout.readline(), b"held\n")
    terminal.until(rf"\[Kchildflow: 1 open, 10 B, 2 queries, 0 denied, last web\.lab:{net.ECHO}")
    terminal.type_in("\n")
    terminal.until(r"\[Kchildflow: denied name nobody\.lab")
    check_equal(terminal.process.stdout.readline(), b"held\n")
    terminal.until(rf"\[Kchildflow: 1 open, 20 B, \d+ queries, [1-9] denied, last web\.lab:{net.ECHO}")
    terminal.type_in("\n")
    text = terminal.end(0)
    check_in("flows allowed", text, "summary")
    for line in text.split("\n"):
        drawn = line.split(ERASE)
        check(not re.match(r"childflow: \d+ open", drawn[-1]), f"stays: {line!r}")
        for piece in drawn[:-1]:
            check(len(piece) < 100, f"too long: {piece!r}")


@case("--live leaves the terminal to a shell inside that has taken it")
def live_shell(bench):
    terminal = Terminal(bench, ["bash", "--norc", "--noprofile", "-i"],
                        ["--live", "--summary", "none"], PS1="[$?]> ")
    terminal.until(r"\[0\]> ")
    terminal.type_in(f"{bench.probe} connect web.lab 80 nobody.lab 80; false\n")
    terminal.until(r"\[1\]> ")
    check(" open, " not in terminal.text, terminal.text)
    terminal.type_in("exit 6\n")
    terminal.end(6)


@case("a terminal has no line without --live")
def no_line(bench):
    script = f'"$0" hold web.lab {net.ECHO} 5; "$0" connect nobody.lab 80 >/dev/null; read line'
    terminal = Terminal(bench, ["sh", "-c", script, bench.probe], ["-v"], stdout=False)
    check_equal(terminal.process.stdout.readline(), b"held\n")
    terminal.type_in("\n")
    terminal.until(r"childflow: denied name nobody\.lab")
    terminal.type_in("\n")
    text = terminal.end(0)
    check(" open, " not in text, text)
    check(ERASE not in text, repr(text))


@case("words to a terminal that stops writers in the background do not stop childflow")
def background_writer(bench):
    terminal = Terminal(bench, ["bash", "--norc", "--noprofile", "-i"],
                        ["-v", "--summary", "none"], PS1="[$?]> ")
    terminal.until(r"\[0\]> ")
    terminal.type_in(f"stty tostop; {bench.probe} connect nobody.lab 80; false\n")
    terminal.until(r"childflow: denied name nobody\.lab")
    terminal.until(r"\[1\]> ")
    terminal.type_in("exit 6\n")
    terminal.end(6)


@case("--live without a terminal that can show it refuses the run")
def live_refused(bench):
    done = bench.run(["true"], bench.policy(), ["--live"], log_checked=False)
    check_equal(done.status, 125, "status")
    check_in("childflow: --live: standard error is not a terminal\n", done.err)
    check(not done.log_path.exists(), "there is a log")
    terminal = Terminal(bench, ["true"], ["--live"], TERM="dumb")
    check_in("TERM names no terminal", terminal.end(125))
