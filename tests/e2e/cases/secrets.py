"""The password of a proxy: where it comes from, and that nobody sees it."""
import os
import resource
import subprocess

from lab.case import case, check, check_equal, check_in

SECRET = "hunter2 of the lab"
URL = "http://192.0.2.250:3128"     # nothing in these cases goes there


def refused(bench, policy, *parts, **options):
    """A run that is refused before the command starts, and leaves no log."""
    done = bench.run(["sh", "-c", "echo started"], policy, **options)
    check_equal(done.status, 125, "status")
    check_equal(done.out, "", "stdout")
    for part in (*parts, "the command was not run"):
        check_in(part, done.err, "stderr")
    check(SECRET not in done.err, f"the password is told: {done.err!r}")
    check(not done.log_path.exists(), "a log is left")


def write_password(bench, mode=0o600):
    path = bench.write("password", SECRET + "\n")
    path.chmod(mode)
    return path


def from_variable(bench, **keys):
    return bench.policy(proxy={"url": URL, "username": "ci", "password_env": "LAB_PASSWORD", **keys})


def from_file(bench):
    return bench.policy(proxy={"url": URL, "username": "ci", "password_file": "password"})


@case("a password's variable is not in the command's environment, nor anywhere it can look")
def variable_taken(bench):
    script = ("env; cat /proc/self/environ /proc/$PPID/environ /proc/1/environ 2>/dev/null | "
              "tr '\\0' '\\n'; echo end")
    done = bench.good(["sh", "-c", script], from_variable(bench),
                      env=bench.env(LAB_PASSWORD=SECRET, LAB_OTHER="kept"))
    check_in("LAB_OTHER=kept", done.out)
    check_in("end", done.out)
    check("LAB_PASSWORD" not in done.out and SECRET not in done.out, f"it is there: {done.out!r}")
    check(SECRET not in done.err, "it is in the summary")
    check(SECRET not in done.log_path.read_text(), "it is in the log")
    check_equal(done.one("run_start")["proxy"], URL)


@case("without its password a run is refused")
def variable_missing(bench):
    policy = from_variable(bench)
    refused(bench, policy, "proxy.password_env: ", "'LAB_PASSWORD', which is not set")
    refused(bench, policy, "proxy.password_env: ", "got nothing", env=bench.env(LAB_PASSWORD=""))
    refused(bench, policy, "at most 255 bytes", env=bench.env(LAB_PASSWORD=SECRET * 20))
    refused(bench, policy, "expected one line", env=bench.env(LAB_PASSWORD=SECRET + "\nx"))


@case("a password file is empty inside")
def file_hidden(bench):
    path = write_password(bench)
    script = ("cat password; ln password other; cat other; cp -a password third; cat third;"
              f"cat /proc/self/root{path}; mv password fourth; cat fourth; echo end")
    done = bench.good(["sh", "-c", script], from_file(bench))
    check_equal(done.out, "end\n")
    check(SECRET not in done.err + done.log_path.read_text(), "it is told")
    check_in(str(path), done.one("run_start")["masked"], "masked")
    check_equal(path.read_text(), SECRET + "\n", "the file")


@case("a password file is empty at every mount of its file system")
def file_elsewhere(bench):
    path = write_password(bench)
    deep, twice, alone = (bench.folder / name for name in ("deep", "twice", "alone"))
    for folder in (deep, twice):
        folder.mkdir()
    alone.touch()
    mounts = ((bench.folder, twice), (twice, deep), (path, alone))
    mounted = []
    try:
        for source, target in mounts:
            subprocess.run(["mount", "--bind", str(source), str(target)], check=True)
            mounted.insert(0, target)
        done = bench.good(["sh", "-c", "cat password twice/password deep/password alone; echo end"],
                          from_file(bench))
    finally:
        for target in mounted:
            subprocess.run(["umount", str(target)], check=True)
    check_equal(done.out, "end\n")
    for place in (path, twice / "password", deep / "password", alone):
        check_in(str(place), done.one("run_start")["masked"], "masked")


@case("a password file with a second hard link refuses the run")
def file_linked(bench):
    path = write_password(bench)
    os.link(path, bench.folder / "other")
    refused(bench, from_file(bench), str(path), "it has 2 names (hard links)")
    (bench.folder / "other").unlink()
    bench.good(["true"], from_file(bench))


@case("a password file that others can get at refuses the run")
def file_open(bench):
    path = write_password(bench, 0o640)
    refused(bench, from_file(bench), "proxy.password_file: ", str(path), "has mode 0640")
    path.unlink()
    refused(bench, from_file(bench), "proxy.password_file: ", "No such file or directory")


@case("the socket of a proxy cannot be connected to from inside")
def socket_hidden(bench):
    path = bench.folder / "proxy.sock"
    server = bench.start([*bench.identity.prefix, "python3", "-c",
                          "import socket, sys; s = socket.socket(socket.AF_UNIX);"
                          f"s.bind({str(path)!r}); s.listen(); print('up', flush=True);"
                          "sys.stdin.read()"])
    check_equal(server.stdout.readline(), b"up\n")
    connect = ["python3", "-c", "import socket; s = socket.socket(socket.AF_UNIX);"
                                f"print(s.connect_ex({str(path)!r}))"]
    check_equal(bench.direct(*connect).out, "0\n", "directly")
    done = bench.good(connect, bench.policy(proxy={"url": f"socks5+unix:{path}"}))
    check_equal(done.out, "111\n", "ECONNREFUSED")
    check_in(str(path), done.one("run_start")["masked"], "masked")
    bench.finish(server)


@case("while there is a password no core is left of childflow, and the command has its own limit")
def no_core(bench):
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    blocks = "unlimited" if hard == resource.RLIM_INFINITY else hard // 512
    limit = "unlimited" if hard == resource.RLIM_INFINITY else str(blocks * 512)
    script = f"ulimit -S -c {blocks};"
    words, _ = bench.words(from_variable(bench),
                           ["sh", "-c", "grep core /proc/self/limits; read line"])
    # A sanitizer takes the limit away before main(), unless told not to.
    asan = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "disable_coredump=0"]))
    process = bench.start(["sh", "-c", script + 'exec "$@"', "sh", *words],
                          env=bench.env(LAB_PASSWORD=SECRET, ASAN_OPTIONS=asan))
    line = process.stdout.readline()
    check_equal(line.decode().split()[4], limit, "of the command")
    with open(f"/proc/{process.pid}/limits", encoding="ascii") as file:
        own = [line.split()[4] for line in file if "core" in line]
    check_equal(own, ["1"] if hard != 0 else ["0"], "of childflow")
    bench.finish(process, b"go\n")


@case("show and explain want no password, and tell where it comes from")
def shown(bench):
    policy = from_variable(bench)
    for subcommand in (["show"], ["show", "--format", "json"], ["explain"]):
        words = [*bench.identity.prefix, bench.childflow, *subcommand, "-p", str(policy)]
        if subcommand == ["explain"]:
            words.append("tcp://192.0.2.1:443")
        status, out, err = bench.finish(bench.start(words, env=bench.env(LAB_PASSWORD=SECRET)))
        check(status in (0, 77), err)
        check(SECRET not in out + err, "it is told")
        check(subcommand[0] == "explain" or "LAB_PASSWORD" in out, out)
