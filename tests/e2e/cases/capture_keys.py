"""capture.tls_keys: the secrets that the command's TLS libraries write, in the capture."""
import os
import shutil
import stat
import struct

from cases.capture import wait_for_growth
from lab.case import Reader, Skipped, case, check, check_equal, check_in

SECRETS = 10            # the type of a block
PLACE = "/run/childflow-tls-keys"


def keys_policy(bench, **capture):
    return bench.policy(allow=["web.lab:80,443"], capture={"tls_keys": True, **capture})


def fetch(bench):
    return f"curl -sS --cacert {bench.net.ca} https://web.lab/"


def run(bench, script, policy, file, **options):
    return bench.good(["sh", "-c", script], policy, options=["-c", str(file)], **options)


def secrets(file):
    """The lines of all blocks of secrets."""
    data, at, found = file.read_bytes(), 0, []
    while at < len(data):
        kind, length = struct.unpack_from("=II", data, at)
        if kind == SECRETS:
            what, size = struct.unpack_from("=II", data, at + 8)
            check_equal(what, 0x544C534B)
            found += data[at + 16:at + 16 + size].decode().splitlines()
        at += length
    return found


def responses(bench, file, *options):
    done = bench.direct("tshark", "-n", *options, "-r", str(file), "-Y", "tls && http.response",
                        "-T", "fields", "-e", "http.response.code")
    check_equal(done.status, 0, "tshark")
    return done.out.split()


def fetch_and_wait(bench, file):
    """One session, whose secrets are in the file while the command runs; returns the log."""
    words, log = bench.words(keys_policy(bench), ["sh", "-c", f"{fetch(bench)}; read line"],
                             ["-c", str(file)])
    process = bench.start(words)
    Reader(process.stdout.fileno()).until("^hello from the lab$")
    wait_for_growth(file, b"CLIENT_")
    check_equal(bench.finish(process, b"\n")[0], 0, "status")
    return log.read_text(encoding="utf-8")


@case("tls_keys: tshark reads a session in the capture, without any other file")
def decrypted(bench):
    if not shutil.which("tshark"):
        raise Skipped("no tshark here")
    for attempt in range(20):       # the command may be kept from writing them for a while
        file = bench.folder / f"{attempt}.pcapng"
        log = fetch_and_wait(bench, file)
        lines = secrets(file)
        keys = bench.write("keys", "".join(line + "\n" for line in lines))
        check_equal(responses(bench, file, "-o", f"tls.keylog_file:{keys}"), ["200"],
                    "with the secrets in a file")
        check(lines and not any(line.split()[2] in log for line in lines), "secrets in the log")
        check_equal(stat.S_IMODE(file.stat().st_mode), 0o600, "mode of the capture")
        if responses(bench, file) == ["200"]:
            break
    else:
        check(False, "the secrets are behind the packets, each time")
    check(not os.path.exists(PLACE), "a file is left behind")


@case("without tls_keys there are no secrets, and SSLKEYLOGFILE is the caller's own")
def off(bench):
    file, own = bench.folder / "a.pcapng", bench.folder / "own"
    policy = bench.policy(allow=["web.lab:443"])
    run(bench, fetch(bench), policy, file, env=bench.env(SSLKEYLOGFILE=str(own)))
    check_equal(secrets(file), [])
    check_in("CLIENT_", own.read_text())


@case("tls_keys: SSLKEYLOGFILE of the caller gives way to the policy, and the log says so")
def caller(bench):
    file, own = bench.folder / "a.pcapng", bench.folder / "own"
    done = run(bench, f"{fetch(bench)}; echo $SSLKEYLOGFILE", keys_policy(bench), file,
               env=bench.env(SSLKEYLOGFILE=str(own)))
    check_equal(done.out, f"hello from the lab\n{PLACE}\n")
    check(not own.exists(), "the caller's file was written to")
    check_in(str(own), done.one("warning")["text"])
    check(secrets(file), "no secrets")


@case("tls_keys: what is no secret is left out, however much it is, and however it is written")
def hostile(bench):
    file = bench.folder / "a.pcapng"
    good = f"CLIENT_RANDOM {'ab' * 32} {'cd' * 48}"
    done = run(bench, f"""
echo '# a comment' >>{PLACE}
printf 'RSA 0011 22\\nCLIENT_RANDOM zz 00\\n{good}' >>{PLACE}
rm -f {PLACE} 2>/dev/null
mv {PLACE} {PLACE}.old 2>/dev/null
echo >>{PLACE}
yes | head -c 20000 | tr -d '\\n' >>{PLACE}
echo 'RSA 33 44' >>{PLACE}
yes 'RSA 55 66 ' | head -c 20000000 >>{PLACE} 2>/dev/null
truncate -s 1T {PLACE}
wc -c <{PLACE}
""", keys_policy(bench), file)
    check_equal(secrets(file), ["RSA 0011 22", good])
    check_in("8 MiB", done.one("warning")["text"])
    check_equal(done.out.strip(), str(1 << 40))


@case("tls_keys: each file of a capture begins with the secrets that are known")
def rotated(bench):
    done = run(bench, f"{fetch(bench)}; curl -sS -o /dev/null http://web.lab/large",
               keys_policy(bench, max_size="1MiB"), bench.folder / "a.pcapng")
    files = sorted((bench.folder / "a").iterdir())
    check_equal(len(files), done.one("capture")["files"])
    check(len(files) > 1, "one file")
    for file in files:
        check_equal(secrets(file), secrets(files[0]), str(file))
        check_equal(stat.S_IMODE(file.stat().st_mode), 0o600, "mode of the capture")
    check(secrets(files[0]), "no secrets")


@case("tls_keys: without a file that takes secrets the policy is refused; with the capture off it is not")
def refused(bench):
    policy = keys_policy(bench)
    for options, part in ((["-c", str(bench.folder / "a.pcap")], "no place for secrets"),
                          ([], "beside 'tls_keys'")):
        done = bench.run(["touch", "ran"], policy, options=options)
        check_equal(done.status, 78)
        check_in(part, done.err)
        check(not (bench.folder / "ran").exists(), "the command ran")
    done = bench.good(["sh", "-c", "echo \"<$SSLKEYLOGFILE>\""], policy, options=["-c", ""])
    check_equal(done.out, "<>\n")
