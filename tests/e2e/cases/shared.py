"""A socket that is handed on, or that several programs have: who is named, and what is judged."""
import pathlib
import shutil
import sys

from lab import internet as net
from lab.case import case, check_equal

# One socket and two programs; each sends what it is told to and says what came back.
SCRIPT = """
import os, socket, subprocess, sys

def send(sock, *address):
    sock.settimeout(30)
    try:
        sock.connect(address)       # else it hears of no denial
        sock.send(b"x")
        print(sock.recv(9).decode(), flush=True)
    except OSError as error:
        print(type(error).__name__, flush=True)

def other(*words, **options):
    return subprocess.Popen([OTHER, __file__, *words], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True, env={"PYTHONHOME": HOME}, **options)

def said(process, word):
    process.stdin.write(word + "\\n")
    process.stdin.flush()
    print(process.stdout.readline(), end="", flush=True)

def helper(fd):
    sock = socket.socket(fileno=int(fd))
    for line in sys.stdin:
        words = line.split()
        if words[0] == "send":
            send(sock, words[1], int(words[2]))
        elif words[0] == "take":
            sock = socket.socket(fileno=socket.recv_fds(sock, 1, 1)[1][0])
            print("taken", flush=True)
        else:
            print("ready", flush=True)
"""


def programs(bench, body):
    """
    Two programs that are not the same, and a script for the first that has the functions above and
    `OTHER`, the path of the second. Returns the command and the path of each as the kernel has it.
    """
    first = pathlib.Path(sys.executable).resolve()
    second = bench.folder / "other"
    shutil.copy(first, second)
    second.chmod(0o755)
    head = SCRIPT + f"\nOTHER, HOME = {str(second)!r}, {sys.base_prefix!r}\n"
    script = bench.write("sockets.py", head + "if sys.argv[1:]:\n    helper(sys.argv[1])\n"
                                              "    sys.exit()\n" + body)
    return [sys.executable, str(script)], str(first), str(second)


def programs_of(events):
    return [event["process"] and event["process"]["exe"] for event in events]


@case("a UDP socket that another program has taken over is that program's")
def taken_over(bench):
    words, first, second = programs(bench, f"""
ours, theirs = socket.socketpair()
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
send(sock, {net.WEB4!r}, {net.ECHO})
b = other(str(theirs.fileno()), pass_fds=[theirs.fileno()])
socket.send_fds(ours, [b"x"], [sock.fileno()])
said(b, "take")
sock.close()
said(b, "send {net.OTHER4} {net.ECHO}")
b.communicate("")
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
send(sock, {net.WEB4!r}, {net.ECHO})
print("exec", flush=True)
os.set_inheritable(sock.fileno(), True)
os.execve(OTHER, [OTHER, __file__, str(sock.fileno())], {{"PYTHONHOME": HOME}})
""")
    policy = bench.policy(allow=[{"to": f"203.0.113.0/24:{net.ECHO}", "exe": first}])
    done = bench.good(words, policy, stdin=f"send {net.OTHER4} {net.ECHO}\n".encode())
    check_equal(done.out.split(), ["x", "taken", "OSError", "x", "exec", "OSError"])
    check_equal(programs_of(done.of("flow_open")), [first, first])
    check_equal(programs_of(done.of("flow_denied")), [second, second])


@case("a socket that several programs have is let through as the one that may least")
def held_by_both(bench):
    words, first, second = programs(bench, f"""
sock, stream = socket.socket(type=socket.SOCK_DGRAM), socket.socket()
fds = [sock.fileno(), stream.fileno()]
b = other(str(sock.fileno()), pass_fds=fds)
said(b, "ready?")
send(sock, {net.WEB4!r}, {net.ECHO})
said(b, "send {net.WEB4} {net.ECHO}")
try:
    stream.connect(({net.WEB4!r}, {net.ECHO}))
    print("connected", flush=True)
except OSError as error:
    print(type(error).__name__, flush=True)
b.communicate("")
send(sock, {net.OTHER4!r}, {net.ECHO})      # which refuses it itself
""")
    allow = [{"to": f"203.0.113.0/24:{net.ECHO}", "exe": first}]
    done = bench.good(words, bench.policy(allow=allow))
    check_equal(done.out.split(), ["ready", *["OSError"] * 3, "ConnectionRefusedError"])
    check_equal(programs_of(done.of("flow_denied")), [second, second])
    check_equal(programs_of(done.of("flow_open")), [first])
    # Rules that let both through, and one that is for all.
    both = [{"to": f"203.0.113.0/24:{net.ECHO}", "exe": second}]
    for rules in (allow + both, [f"203.0.113.0/24:{net.ECHO}"]):
        done = bench.good(words, bench.policy(allow=rules))
        check_equal(done.out.split(), ["ready", "x", "x", "connected", "ConnectionRefusedError"])


@case("a name that is for one program is not told to a socket that another has too")
def held_by_both_asks(bench):
    words, first, second = programs(bench, f"""
import struct
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(30)
def ask():
    name = b"".join(bytes([len(part)]) + part for part in (b"v4", b"lab")) + b"\\0"
    sock.sendto(struct.pack("!6H", 1, 0x100, 1, 0, 0, 0) + name + struct.pack("!2H", 1, 1),
                ({net.FOREIGN4!r}, 53))
    print(sock.recv(512)[3] & 15, flush=True)
b = other(str(sock.fileno()), pass_fds=[sock.fileno()])
said(b, "ready?")
ask()
b.communicate("")
ask()
""")
    done = bench.good(words, bench.policy(allow=[{"to": f"v4.lab:{net.ECHO}", "exe": first}]))
    check_equal(done.out.split(), ["ready", "3", "0"])
    check_equal(programs_of(done.of("dns")), [second, first])
