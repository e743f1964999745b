"""The command as a process: its signals, its terminal, its descriptors, what it leaves behind."""
import os
import pty
import signal
import subprocess

from lab.case import Reader, case, check, check_equal, check_in


def started(bench, script, policy=None, options=(), **popen):
    """childflow with a shell script that says 'ready'; returns the process and its log's path."""
    words, log = bench.words(policy or bench.policy(), ["sh", "-c", script], options)
    process = bench.start(words, **popen)
    check_equal(process.stdout.readline(), b"ready\n", "first line")
    return process, log


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
        return [int(word) for word in file.read().split()]


def childflow_pid(process):
    """The prefix of an identity execs, so childflow is the process that was started."""
    with open(f"/proc/{process.pid}/comm", encoding="utf-8") as file:
        check_equal(file.read().strip(), "childflow", "comm")
    return process.pid


@case("TERM, HUP, USR2 and INT to childflow reach the command")
def signals_forwarded(bench):
    for name in ("TERM", "HUP", "USR2", "INT"):
        # A read in the shell ends when a trapped signal comes.
        script = f"trap 'echo got {name}; exit 5' {name}; echo ready; read line; read line"
        process, _ = started(bench, script)
        os.kill(childflow_pid(process), getattr(signal, f"SIG{name}"))
        out = process.stdout.readline()
        check_equal(out, f"got {name}\n".encode())
        status, _, _ = bench.finish(process, b"")
        check_equal(status, 5, "status")


@case("a signal that the command does not catch ends it, and childflow says 128 and the number")
def signal_kills(bench):
    process, _ = started(bench, "echo ready; exec cat")
    os.kill(childflow_pid(process), signal.SIGTERM)
    check_equal(process.wait(60), 128 + signal.SIGTERM, "status")
    bench.finish(process)


@case("what the command leaves behind is ended and reported")
def left_behind(bench):
    script = "setsid sleep 1000 >/dev/null 2>&1 & echo $! >pid; exit 4"
    done = bench.run(["sh", "-c", script], bench.policy())
    check_equal(done.status, 4, "status")
    check_in("1 process", done.one("warning")["text"])
    check(not named("sleep 1000"), "it still runs")


def named(words):
    """Pids of processes with exactly this command line."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                if entry.isdigit() and file.read().replace(b"\0", b" ").strip() == words.encode():
                    found.append(int(entry))
        except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
            pass
    return found


@case("no descriptor of childflow's leaks into the command, the caller's pass")
def descriptors(bench):
    read, write = os.pipe()
    words, _ = bench.words(bench.policy(), [bench.probe, "descriptors"])
    status, out, _ = bench.finish(bench.start(words, pass_fds=[read, write]), b"")
    check_equal(status, 0, "status")
    found = dict(line.split(" ", 1) for line in out.splitlines())
    check_equal(set(found), {"0", "1", "2", str(read), str(write)}, "descriptors")
    check_in("pipe:", found[str(read)])
    os.close(read)
    os.close(write)


@case("the command sees the caller's ids, folder, hostname and files")
def same_world(bench):
    script = "id -u; id -g; pwd; hostname; cat note; umask"
    bench.write("note", "a note\n")
    inside = bench.good(["sh", "-c", script], bench.policy()).out
    check_equal(inside, bench.direct("sh", "-c", script).out)


@case("the command has no capabilities over its network, and no new privileges")
def no_privileges(bench):
    done = bench.good([bench.probe, "status", "NoNewPrivs", "CapEff", "Uid"], bench.policy())
    check_in("NoNewPrivs 1", done.out)
    if bench.identity.name == "user":
        check_in("CapEff 0000000000000000", done.out)
    for words in (["ip", "link", "set", "eth0", "down"], ["ip", "addr", "flush", "dev", "eth0"],
                  ["ip", "route", "add", "203.0.113.0/24", "dev", "lo"],
                  ["nft", "add", "table", "t"]):
        done = bench.run(words, bench.policy())
        check(done.status != 0, f"{words} worked")


@case("the command cannot see or enter what is outside")
def no_way_out(bench):
    # All the processes that it sees are its own tree's; PID 1 is ours, and not to be looked into.
    script = ("for p in /proc/[0-9]*; do cat $p/comm; done; "
              "nsenter --net=/proc/1/ns/net true || echo refused net; "
              "nsenter --user=/proc/1/ns/user true || echo refused user")
    done = bench.good(["sh", "-c", script], bench.policy())
    check_in("refused net", done.out + ("refused net" if same_net(bench) else ""))
    check_in("refused user", done.out)
    names = set(done.out.split()) - {"refused", "net", "user"}
    check(not names & {"nginx", "dnsmasq", "python3"}, f"sees {names}")


def same_net(bench):
    """True when /proc/1/ns/net is the command's own and no way out."""
    done = bench.run(["sh", "-c", "[ /proc/1/ns/net -ef /proc/self/ns/net ] && echo same"],
                     bench.policy())
    return "same" in done.out


@case("sockets that lead around the network namespace are masked")
def masked(bench):
    paths = ["/run/nscd/socket", "/run/systemd/resolve/io.systemd.Resolve",
             "/run/avahi-daemon/socket", "/run/dbus/system_bus_socket"]
    for path in paths:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    listener = subprocess.Popen(
        ["python3", "-c", "import socket, sys, os\n"
         "s = [socket.socket(socket.AF_UNIX) for _ in sys.argv[1:]]\n"
         "[(x.bind(p), x.listen(), os.chmod(p, 0o777)) for x, p in zip(s, sys.argv[1:])]\n"
         "print('ready', flush=True)\n"
         "sys.stdin.read()", *paths], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    listener.stdout.readline()
    try:
        check_equal(bench.direct(bench.probe, "unix", *paths).out.split(), ["ok"] * 4, "outside")
        done = bench.good([bench.probe, "unix", *paths], bench.policy())
        for path, answer in zip(paths, done.out.split()):
            check(answer != "ok", f"{path} answers inside")
        listed = done.one("run_start")["masked"]
        for path in paths:
            check(any(path == mask or path.startswith(mask + "/") for mask in listed),
                  f"{path} is not among the masked {listed}")
    finally:
        listener.communicate(b"")
        for path in paths:
            os.unlink(path)


@case("an interactive shell under childflow has job control")
def job_control(bench):
    words, _ = bench.words(bench.policy(), ["bash", "--norc", "--noprofile", "-i"],
                           ["--summary", "none"])
    master, slave = pty.openpty()
    process = subprocess.Popen(["setsid", "--ctty", "--wait", *words], stdin=slave, stdout=slave,
                               stderr=slave, cwd=bench.folder, env=bench.env(PS1="[$?]> "))
    os.close(slave)
    terminal = Reader(master)

    def type_in(text):
        os.write(master, text.encode())

    terminal.until(r"\[0\]> ")
    check("no job control" not in terminal.text, terminal.text)
    type_in("sh -c 'echo go; exec cat'\n")
    terminal.until(r"^go\n")
    type_in("over there\n")
    terminal.until(r"^over there\nover there\n")        # the terminal's echo, then cat's
    type_in("\x1a")                                     # ^Z
    terminal.until(r"Stopped")
    terminal.until(r"\[148\]> ")
    type_in("jobs\n")
    terminal.until(r"Stopped +sh -c")
    type_in("fg\n")
    terminal.until(r"^sh -c .*\n")
    type_in("again\n")
    terminal.until(r"^again\nagain\n")
    type_in("\x03")                                     # ^C
    terminal.until(r"\[130\]> ")
    type_in("exit 6\n")
    check_equal(process.wait(60), 6, "status")
    terminal.rest()
    os.close(master)


@case("the terminal's ^C ends the command and then childflow, with the log whole")
def interrupt(bench):
    words, log = bench.words(bench.policy(), ["sh", "-c", "echo ready; exec cat"])
    master, slave = pty.openpty()
    process = subprocess.Popen(["setsid", "--ctty", "--wait", *words], stdin=slave, stdout=slave,
                               stderr=slave, cwd=bench.folder, env=bench.env())
    os.close(slave)
    terminal = Reader(master)
    terminal.until(r"ready")
    os.write(master, b"\x03")
    check_equal(process.wait(60), 130, "status")
    check_in('"run_end"', log.read_text())
    terminal.rest()
    os.close(master)


@case("childflow that nobody reads from does not hang")
def closed_streams(bench):
    words, log = bench.words(bench.policy(), ["true"])
    done = bench.direct("sh", "-c", '"$@" <&- >&- 2>&-', "sh", *words[len(bench.identity.prefix):])
    check_equal(done.status, 0, "status")
    check_in('"run_end"', log.read_text())
