"""Canaries: every way around the resolver that is known, tried in earnest.

How this works. A canary runs a way of `leak`, or a program of the system, with a mark that is made
anew each time, first below childflow, where the tap (lab/tap.py) must see nothing of it, then
without, where it must see it: a canary that cannot sing fails. The control goes to the foreign
resolver's twin: what its connections still have to say when it is over is for an address that no
other canary looks at.
"""
import contextlib
import ctypes
import fcntl
import os
import pathlib
import secrets
import shutil
import struct
import subprocess
import sys
import threading

from lab import internet as net
from lab.case import Skipped, case, check, check_equal
from lab.tap import Tap

FOREIGN = (net.FOREIGN4, net.FOREIGN6)
TWIN = (net.TWIN4, net.TWIN6)
MAPPED = f"::ffff:{net.FOREIGN4}"
CONTROL_SECONDS = 30

# A daemon on the host: the names that it is told, at a unix socket or at a stub's address, it asks
# the foreign resolver for. (At nscd's socket childflow itself asks for the caller's name.)
DAEMON = f"""
import os, select, socket, sys
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
listeners = []
for path in sys.argv[1:]:
    if path.startswith("udp:"):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((path[4:], 53))
    else:
        sock = socket.socket(socket.AF_UNIX)
        sock.bind("\\0" + path[1:] if path[0] == "@" else path)
        sock.listen()
        if path[0] != "@":
            os.chmod(path, 0o777)
    listeners.append(sock)
print("ready", flush=True)
while True:
    ready, _, _ = select.select([sys.stdin, *listeners], [], [])
    if sys.stdin in ready:
        break
    for sock in ready:
        if sock.family == socket.AF_INET:
            data, peer = sock.recvfrom(65536)
            out.sendto(data, ({net.TWIN4!r}, 53))
            sock.sendto(data, peer)
        else:
            peer = sock.accept()[0]
            data = peer.recv(65536)
            if b"lab" in data:
                out.sendto(data, ({net.TWIN4!r}, 53))
            peer.sendall(b"asked")
            peer.close()
"""


@contextlib.contextmanager
def daemon(*paths):
    for path in paths:
        if path[0] == "/":
            os.makedirs(os.path.dirname(path), exist_ok=True)
    process = subprocess.Popen([sys.executable, "-c", DAEMON, *paths], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    try:
        check_equal(process.stdout.readline(), b"ready\n", "the daemon")
        yield
    finally:
        process.communicate(b"")
        for path in paths:
            if path[0] == "/":
                os.unlink(path)


def closed_policy(bench):
    """What a build has: a name and a wildcard."""
    return bench.policy(allow=["v4.lab:80", "*.zone.lab:80"])


def open_policy(bench):
    """All addresses are open, and even so port 53 leads to our resolver."""
    return bench.policy(egress={"default": "allow"}, deny=["**.hidden.lab"])


def of_twin(word):
    for foreign, twin in zip(FOREIGN, TWIN):
        word = word.replace(foreign, twin)
    return word


def try_words(bench, words, policy, mark, **options):
    """Once below childflow and once without; returns the run below childflow."""
    what = " ".join(words[1:3])
    tap = Tap(bench.net, net.ROUTER4)
    try:
        done = bench.run(words, policy, **options)
        check(done.log_path.exists(), "childflow did not run")
        check_equal(tap.leaks(mark, FOREIGN), [], f"{what}: left the host")
        bench.direct(*map(of_twin, words), **options)
        check(tap.waits_for_leak(mark, TWIN, CONTROL_SECONDS),
              f"{what}: not seen without childflow either")
    finally:
        tap.close()
    return done


def new_mark():
    return "mark" + secrets.token_hex(8)


def canary(bench, way, *args, policy=None, **options):
    """One way of `leak`; "MARK" in its arguments is the mark."""
    mark = new_mark()
    words = [bench.program("leak"), way, mark, *(arg.replace("MARK", mark) for arg in args)]
    done = try_words(bench, words, policy or closed_policy(bench), mark, **options)
    check("settled" in done.out, f"{way} did not end: {done}")
    return done


@case("canary: another resolver by UDP, IPv4, IPv6 and IPv4 in IPv6")
def other_udp(bench):
    for host in (*FOREIGN, MAPPED):
        canary(bench, "udp", host)
        done = canary(bench, "udp", host, policy=open_policy(bench))
        denied = [event for event in done.of("dns") if event["verdict"]["action"] == "deny"]
        check_equal([event["asked"]["ip"] for event in denied], [host.replace("::ffff:", "")])


@case("canary: another resolver by TCP, IPv4, IPv6 and IPv4 in IPv6")
def other_tcp(bench):
    for host in (*FOREIGN, MAPPED):
        canary(bench, "tcp", host)
        done = canary(bench, "tcp", host, policy=open_policy(bench))
        denied = [event for event in done.of("dns") if event["verdict"]["action"] == "deny"]
        check_equal([event["transport"] for event in denied], ["tcp"])


@case("canary: a name that is allowed, asked for at another resolver")
def allowed_elsewhere(bench):
    for policy in (closed_policy(bench), open_policy(bench)):
        mark = new_mark()       # nothing carries it: where the packets go is what counts
        words = [bench.program("leak"), "allowed", mark, *FOREIGN]
        done = try_words(bench, words, policy, mark)
        asked = {event["asked"]["ip"] for event in done.of("dns")}
        check(asked >= set(FOREIGN), f"asked {asked}")
        check_equal(done.out.count("octets"), 5, "answers")


@case("canary: a rule that allows the other resolver's address does not open its port 53")
def allowed_address(bench):
    policy = bench.policy(allow=["v4.lab:80", net.FOREIGN4, f"udp://[{net.FOREIGN6}]:53",
                                 f"tcp://[{net.FOREIGN6}]:53"])
    canary(bench, "udp", *FOREIGN, policy=policy)
    canary(bench, "tcp", *FOREIGN, policy=policy)


@case("canary: a question in the SYN")
def fast_open(bench):
    for host in FOREIGN:
        canary(bench, "fast-open", host)


@case("canary: DNS over TLS")
def dot(bench):
    for policy in (closed_policy(bench), open_policy(bench)):
        canary(bench, "dot", *FOREIGN, policy=policy)


@case("canary: DNS over HTTPS by address and by name")
def doh(bench):
    canary(bench, "doh", *FOREIGN)
    for host in (net.FOREIGN4, "{}.hidden.lab"):
        mark = new_mark()
        host = host.format(mark)
        try_words(bench, ["curl", "-sS", "-k", "--max-time", "10", "--doh-insecure", "--doh-url",
                          f"https://{host}/dns-query", f"http://{mark}.example.org/"],
                  closed_policy(bench), mark)


@case("canary: DNS over QUIC and over HTTP/3")
def quic(bench):
    for host in FOREIGN:
        canary(bench, "quic", host)
        canary(bench, "doq", host, policy=open_policy(bench))


@case("canary: resolvers on other ports")
def odd_ports(bench):
    for host in FOREIGN:
        canary(bench, "odd-ports", host)


@case("canary: multicast DNS and LLMNR, IPv4")
def multicast4(bench):
    canary(bench, "multicast4")
    canary(bench, "multicast4", policy=open_policy(bench))


@case("canary: multicast DNS and LLMNR, IPv6")
def multicast6(bench):
    canary(bench, "multicast6")
    canary(bench, "multicast6", policy=open_policy(bench))


@case("canary: broadcasts")
def broadcast(bench):
    canary(bench, "broadcast")
    canary(bench, "broadcast", policy=open_policy(bench))


@case("canary: fragments, IPv4 and IPv6")
def fragments(bench):
    for host in FOREIGN:
        canary(bench, "fragments", host)


@case("canary: names in pings")
def echo(bench):
    for host in FOREIGN:
        canary(bench, "echo", host)


@case("canary: UDP-Lite")
def udp_lite(bench):
    if "EPROTONOSUPPORT" in bench.direct(bench.program("leak"), "udp-lite", "none",
                                         net.CLOSED4).out:
        raise Skipped("no UDP-Lite in this kernel")
    canary(bench, "udp-lite", net.FOREIGN4)
    canary(bench, "udp-lite", net.FOREIGN4, policy=open_policy(bench))


@case("canary: raw sockets and packet sockets", identities=("root",))
def raw(bench):
    for policy in (closed_policy(bench), open_policy(bench)):
        done = canary(bench, "raw", net.FOREIGN4, policy=policy)
        check_equal(done.out.splitlines()[:2], ["EPERM"] * 2)


@case("canary: raw sockets and packet sockets from a user namespace of the command's own")
def raw_of_root_inside(bench):
    mark = new_mark()
    words = ["unshare", "--user", "--map-root-user", bench.program("leak"), "raw", mark, net.FOREIGN4]
    tap = Tap(bench.net, net.ROUTER4)
    try:
        done = bench.run(words, closed_policy(bench))
        leaks = tap.leaks(mark, FOREIGN)
    finally:
        tap.close()
    # The control is the case before: whoever may open them outside gets the same refusal.
    check_equal((done.out.splitlines()[:2], leaks), (["EPERM"] * 2, []))


@case("canary: the C library's resolver, and programs that use it")
def libc(bench):
    for words in ([bench.program("leak"), "libc", "none"], ["getent", "ahosts"], ["curl", "-sS"],
                  ["ping", "-c1"], ["dig", "+tries=1"], ["host"]):
        mark = new_mark()
        try_words(bench, [*words, f"{mark}.lab"], closed_policy(bench), mark)


@case("canary: a module of the name service that asks a daemon outside")
def nss_module(bench):
    folder = pathlib.Path(bench.program("libnss_leak.so.2")).parent
    path = str(bench.folder / "daemon")     # a path that no list knows
    env = bench.env(LD_LIBRARY_PATH=str(folder), LEAK_SOCKET=path)
    mark = new_mark()
    with daemon(path):
        # Two things save us: the module is not asked, and the daemon's socket is not there.
        done = bench.run([bench.program("leak"), "unix", "none", path], closed_policy(bench))
        check("asked" not in done.out, f"the daemon is reached: {done}")
        # getent for its own sake would show the mark to the usual server as well: it may not.
        try_words(bench, ["getent", "ahosts", f"{mark}.lab"], closed_policy(bench), mark, env=env)
        tap = Tap(bench.net, net.ROUTER4)
        try:
            bench.direct("getent", "ahosts", "v4.lab", env=env)
            check(tap.waits_for_leak("nothing-has-this", TWIN, CONTROL_SECONDS),
                  "the module is not asked without childflow either")
        finally:
            tap.close()


@case("canary: nscd, resolved over varlink and D-Bus, avahi, and a socket without a path")
def daemons(bench):
    runtime = f"/run/user/{bench.identity.uid}"
    for path in ("/run/nscd/socket", "/run/systemd/resolve/io.systemd.Resolve",
                 "/run/dbus/system_bus_socket", f"{runtime}/bus", "/run/avahi-daemon/socket",
                 "@org.example.resolver"):
        with daemon(path):
            canary(bench, "unix", path)


@case("canary: nslcd, winbindd, userdb, a daemon that no list knows, and links to its socket")
def daemons_of_any_name(bench):
    runtime = f"/run/user/{bench.identity.uid}"
    folder = bench.folder / "own"
    for path in ("/run/nslcd/socket", "/run/samba/winbindd/pipe",
                 "/run/systemd/userdb/io.systemd.NameServiceSwitch", "/run/unknown/socket",
                 f"{runtime}/unknown", str(folder / "unknown")):
        with daemon(path):
            canary(bench, "unix", path)
    folder.mkdir(exist_ok=True)
    for link in (folder / "link", pathlib.Path(runtime) / "nvim.1.0"):
        with daemon(str(folder / "editor")):
            link.symlink_to(folder / "editor")
            try:
                canary(bench, "unix", str(link))
            finally:
                link.unlink()


@case("canary: daemons that are started, and started anew, while the command runs")
def daemons_later(bench):
    runtime = f"/run/user/{bench.identity.uid}"
    paths = ("/run/nscd/socket", "/run/systemd/resolve/io.systemd.Resolve",
             "/run/dbus/system_bus_socket", f"{runtime}/bus", "/run/avahi-daemon/socket",
             "/run/docker.sock", "/run/made-now.sock")
    mark = new_mark()
    leak = [bench.program("leak"), "unix", mark, *paths]
    with contextlib.ExitStack() as stack:
        tap = stack.enter_context(contextlib.closing(Tap(bench.net, net.ROUTER4)))
        with daemon(*paths[:3]):
            words, _ = bench.words(closed_policy(bench), ["sh", "-c", 'echo in; read x; "$@"', "sh",
                                                          *leak])
            process = bench.start(words)
            check_equal(process.stdout.readline(), b"in\n", "the command")
        shutil.rmtree("/run/nscd")      # its folder is another then, too
        stack.enter_context(daemon(*paths))
        status, out, err = bench.finish(process, b"now\n")
        check_equal(out.split()[:len(paths)], ["ENOENT"] * len(paths), err)
        check_equal(status, 0, "status")
        check_equal(tap.leaks(mark, TWIN), [], "left the host")
        bench.direct(*leak)
        check(tap.waits_for_leak(mark, TWIN, CONTROL_SECONDS), "not seen without childflow either")


@contextlib.contextmanager
def automounter(folder):
    """autofs(5) with the map -hosts, of which the names that it is asked for are kept."""
    libc = ctypes.CDLL(None, use_errno=True)
    asked, ends = [], os.pipe()
    options = f"fd={ends[1]},minproto=5,maxproto=5,indirect"
    if libc.mount(b"-hosts", os.fsencode(folder), b"autofs", 0, options.encode()) < 0:
        for end in ends:
            os.close(end)
        raise Skipped(f"no autofs here: {os.strerror(ctypes.get_errno())}")
    root = os.open(folder, os.O_RDONLY)

    def answer():
        while packet := os.read(ends[0], 304):      # struct autofs_v5_packet
            asked.append(packet[44:].partition(b"\0")[0].decode())
            fcntl.ioctl(root, 0x9361, struct.unpack("I", packet[8:12])[0])     # AUTOFS_IOC_FAIL
    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield asked
    finally:
        os.close(ends[1])
        libc.umount2(os.fsencode(folder), 2)        # MNT_DETACH
        os.close(root)      # with it goes the last end that writes to the pipe
        thread.join(60)
        os.close(ends[0])


@case("canary: an automounter of hosts by name", identities=("root",))
def automounted(bench):
    folder = bench.folder / "hosts"
    folder.mkdir()
    mark = new_mark()
    words = ["ls", "-d", f"{folder}/{mark}.hidden.lab/"]
    with automounter(folder) as asked:
        done = bench.run(words, closed_policy(bench))
        check_equal(asked, [], "what the automounter was asked")
        check(str(folder) in str(done.one("run_start")["masked"]), "not masked")
        bench.direct(*words)
        check(set(asked) == {f"{mark}.hidden.lab"}, f"asked without childflow: {asked}")


@case("canary: the stub resolver on the host's loopback")
def stub(bench):
    with daemon("udp:127.0.0.53"):
        canary(bench, "udp", "127.0.0.53")
        canary(bench, "udp", "127.0.0.53", policy=open_policy(bench))


@case("canary: a static program with a resolver of its own")
def static(bench):
    for policy in (closed_policy(bench), open_policy(bench)):
        for host in FOREIGN:
            mark = new_mark()
            words = [bench.program("static"), host, f"{mark}.hidden.lab"]
            done = try_words(bench, words, policy, mark)
            check_equal(done.out.count("octets"), 2, "answers of ours")


@case("canary: a denied name in every record type")
def types(bench):
    done = canary(bench, "types", "hidden.lab")
    check_equal(done.out.splitlines()[0].split()[0], "settled", "every type is answered")
    done = canary(bench, "types", "b.zone.lab")     # two labels, and the rule has one
    check_equal(done.out.splitlines()[0].split()[0], "settled", "every type is answered")


@case("canary: ANY, AXFR and IXFR of a name that is allowed")
def transfers(bench):
    audit = bench.policy(allow=["v4.lab:80"], mode="audit")     # where a transfer is denied too
    for policy, kinds in ((closed_policy(bench), ("255", "251", "252")),
                          (open_policy(bench), ("255", "251", "252")), (audit, ("251", "252"))):
        done = canary(bench, "transfers", *kinds, policy=policy)
        check_equal(done.out.count("octets"), 4 * len(kinds) + 1, "answers")
        denied = [event for event in done.of("dns") if event["verdict"]["action"] == "deny"]
        check_equal([event["verdict"]["reason"] for event in denied], ["type"] * 4 * len(kinds))


@case("canary: other classes")
def classes(bench):
    canary(bench, "classes")


@case("canary: UPDATE, NOTIFY and every other opcode")
def opcodes(bench):
    canary(bench, "opcodes")


@case("canary: a mark beside a question that is allowed")
def smuggled(bench):
    canary(bench, "smuggled")


@case("canary: options of EDNS beside a question that is allowed")
def options(bench):
    canary(bench, "options")


@case("canary: data in names below an allowed parent goes to the policy's server alone, and is told")
def allowed_tunnel(bench):
    mark = new_mark()
    names = [".".join([mark, *(secrets.token_hex(25) for _ in range(3)), "zone.lab"])
             for _ in range(40)]
    tap = Tap(bench.net, net.ROUTER4)
    try:
        done = bench.run([bench.program("leak"), "names", mark, *names],
                         bench.policy(allow=["**.zone.lab:80", "v4.lab:80"]))
        marked = {packet.target for packet in tap.all() if mark.encode() in packet.data.lower()}
    finally:
        tap.close()
    check_equal(marked, {net.DNS4}, "where the names went")
    told = [line for line in done.summary() if line.split()[0] == "tunnel?"]
    check_equal(len(told), 1, "tunnels")
    check(" lab: 41 different names" in told[0] and " 41 went out" in told[0], told[0])


@case("canary: data in names below a denied parent, below an allowed name, and deeper than a star")
def tunnel(bench):
    data = "x" * 50
    canary(bench, "names", *(f"MARK.{data}{n}.{data}.tunnel.lab" for n in range(20)))
    canary(bench, "names", *(f"MARK{n}.{data}.v4.lab" for n in range(20)))
    canary(bench, "names", *(f"MARK{n}.{data}.zone.lab" for n in range(20)))
