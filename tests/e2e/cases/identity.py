"""What root may do inside, and what neither root nor a user may."""
import os
import pathlib

from lab.case import Skipped, case, check, check_equal, check_in


def whole_range():
    """Skips where only one uid is mapped: the lab was made by an ordinary user."""
    if len(pathlib.Path("/proc/self/uid_map").read_text().split()) == 3 and \
            pathlib.Path("/proc/self/uid_map").read_text().split()[2] == "1":
        raise Skipped("only one uid exists in a lab that an ordinary user makes")


@case("root keeps uid 0 with a full map", identities=("root",))
def root_map(bench):
    done = bench.good(["sh", "-c", "id -u; cat /proc/self/uid_map"], bench.policy())
    check_equal(done.out.split()[0], "0")
    inside = [int(word) for word in done.out.split()[1:]]
    outside = [int(word) for word in pathlib.Path("/proc/self/uid_map").read_text().split()]
    check_equal(inside[2], outside[2], "length of the map")


def may_read_all():
    """Skips where root itself lacks CAP_DAC_READ_SEARCH, as in most containers."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:") and not int(line.split()[1], 16) & 4:
            raise Skipped("no CAP_DAC_READ_SEARCH to give away")


@case("a policy that only a capability opens is read", identities=("root",))
def policy_by_capability(bench):
    whole_range()
    may_read_all()
    policy = bench.policy()
    policy.chmod(0o600)
    bench.folder.chmod(0o777)       # the log is the ordinary user's own
    words, _ = bench.words(policy, ["echo", "read"])
    plain = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    able = [*plain, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--"]
    status, out, err = bench.finish(bench.start([*able, *words]))
    check_equal((status, out), (0, "read\n"), err)
    status, _, err = bench.finish(bench.start([*plain, "--", *words]))
    check_equal(status, 78, err)
    check_in("Permission denied", err)


@case("root can chown and drop to another uid, as package managers do", identities=("root",))
def root_drops(bench):
    whole_range()
    (bench.folder / "dropped").mkdir()
    done = bench.good([bench.probe, "become", "65534"], bench.policy())
    check_equal(done.out.strip(), "65534 65534 65534")
    done = bench.good(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "id", "-u"],
                      bench.policy())
    check_equal(done.out.strip(), "65534")


@case("after a drop of privileges the network is still childflow's", identities=("root",))
def dropped_network(bench):
    whole_range()
    done = bench.good(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                       "curl", "-sS", "http://web.lab/"], bench.policy(allow=["web.lab:80"]))
    check_equal(done.out, "hello from the lab\n")


@case("root unpacks an archive with foreign owners", identities=("root",))
def root_unpacks(bench):
    whole_range()
    script = ("mkdir d && touch d/f && chown 1234:2345 d/f && tar cf a.tar d && rm -r d && "
              "tar xf a.tar && stat -c %u:%g d/f")
    check_equal(bench.good(["sh", "-c", script], bench.policy()).out.strip(), "1234:2345")


@case("an ordinary user's new files are its own", identities=("user",))
def user_files(bench):
    bench.good(["touch", "made"], bench.policy())
    check_equal((bench.folder / "made").stat().st_uid, bench.folder.stat().st_uid)


@case("the log belongs to the caller")
def log_owner(bench):
    done = bench.good(["true"], bench.policy())
    check_equal(done.log_path.stat().st_uid, bench.folder.stat().st_uid)


@case("a new user namespace inside gives no way to the network")
def nested(bench):
    script = ("unshare -Ur ip link set eth0 down 2>/dev/null && echo down; "
              "unshare -Ur ip route flush table main 2>/dev/null && echo flushed; "
              "ip -o link show eth0")
    done = bench.run(["sh", "-c", script], bench.policy())
    check(not {"down", "flushed"} & set(done.out.split()), done.out)
    check_in("UP", done.out)


@case("childflow runs inside childflow, and says why where it cannot")
def childflow_inside(bench):
    inner = bench.policy(allow=["web.lab:80"], name="inner")
    outer = bench.policy(allow=["web.lab:80"], name="outer")
    log = bench.folder / "inner.jsonl"
    done = bench.run([bench.childflow, "-q", "-p", str(inner), "--log", str(log), "--",
                      "curl", "-sS", "http://web.lab/"], outer)
    if bench.identity.name == "root":
        # What root sees of /proc/sys is read-only, or it could change the host; so no sysctl of a
        # namespace can be set either, and that is said.
        check_equal(done.status, 125, "status")
        check_in("/proc/sys must be mounted writable", done.err)
        return
    check_equal(done.status, 0, "status")
    check_equal(done.out, "hello from the lab\n")
    check_equal(len(done.of("flow_open")), 1, "flows of the outer run")
    check_in("flow_open", log.read_text())
    check(os.path.exists(log), "no inner log")
