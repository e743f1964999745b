"""Namespaces for the lab, as root and as an ordinary user, gone when the lab ends.

How this works: enter() puts the rest of the program behind two forks. The first child makes the
namespaces and waits; the second is PID 1 of the new PID namespace: it reaps what is left to it and
ends with the third, the runner. When any of them dies the kernel ends all that is inside, and mounts
and links go with their namespaces: there is nothing to undo.
"""
import ctypes
import os
import pathlib
import signal
import sys
import traceback

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None, use_errno=True)


def call(name, *args):
    if getattr(libc, name)(*args) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def unshare(flags):
    call("unshare", flags)


def mount(source, target, kind, flags=0, data=None):
    call("mount", *(part if part is None else os.fsencode(part) for part in (source, target, kind)),
         ctypes.c_ulong(flags), data and data.encode())


def die_with_parent():
    call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def map_root():
    """In a new user namespace: uid 0 stands for the caller, and nobody else exists."""
    uid, gid = os.getuid(), os.getgid()
    unshare(CLONE_NEWUSER)
    pathlib.Path("/proc/self/setgroups").write_text("deny")
    pathlib.Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    pathlib.Path("/proc/self/gid_map").write_text(f"0 {gid} 1")


def status_of(raw):
    return os.waitstatus_to_exitcode(raw)


def reap_until(runner):
    """What PID 1 does. Returns the runner's exit status."""
    while True:
        pid, raw = os.wait()
        if pid == runner:
            return status_of(raw)


def make(runs_below):
    """In the first child: namespaces, then PID 1. Returns the status of the lab."""
    try:
        if os.getuid() != 0:
            map_root()
        unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC)
    except OSError as error:
        print(f"Bail out! this machine gives the lab no namespaces: {error}")
        return 77
    init = os.fork()
    if init:
        return status_of(os.waitpid(init, 0)[1])
    die_with_parent()
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    mount("proc", "/proc", "proc")
    runner = os.fork()
    if runner == 0:
        status = 99
        try:
            status = runs_below()
        except Exception:
            traceback.print_exc()
        leave(status)
    return reap_until(runner)


def leave(status):
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if 0 <= status < 256 else 1)


def enter(runs_below):
    """Run a function in namespaces of its own; returns its status (an int)."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return status_of(os.waitpid(child, 0)[1])
    die_with_parent()
    leave(make(runs_below))
