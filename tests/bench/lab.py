"""The lab: network namespaces, what runs in them, and the programs that are compared.

    inner ──────────── host ──────────── server
    198.51.100.2   .1 and .3   192.0.2.2   192.0.2.1

In `host` all that is measured runs as an ordinary user. `inner` stands for the command's
namespace in front of the plain relays, which listen on host's side of its link: their traffic
crosses two links, as that of the others does.
"""
import ctypes
import dataclasses
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import tempfile
import time

USER = 1000
SERVER, HOST, INNER = "192.0.2.1", "192.0.2.2", "198.51.100.2"
SPLICE_AT, COPY_AT = "198.51.100.1", "198.51.100.3"
IPERF_PORT, DNSMASQ_PORT, UNBOUND_PORT = 5201, 5300, 5301
TRAFFIC_PORT, TRAFFIC_PORTS = 7000, 64
CLONE_NEWNET = 0x40000000
THREADS = (1, 2)        # of --engine-threads
DESCRIPTORS = 65536     # for each program; 10,000 flows take two each
DEADLINE = 20           # seconds, for one figure

POLICY = f"""version: 1
name: bench
mode: enforce
dns: {{servers: [{SERVER}], filter: any}}
egress: {{default: allow}}
audit: {{summary: none}}
"""

UNBOUND = f"""server:
  interface: 127.0.0.1@{UNBOUND_PORT}
  module-config: "iterator"
  username: ""
  chroot: ""
  directory: ""
  pidfile: ""
  use-syslog: no
  outgoing-range: 8192
  num-queries-per-thread: 4096
forward-zone:
  name: "."
  forward-addr: {SERVER}
remote-control:
  control-enable: no
"""


def descriptors_raise():
    """As many descriptors as are wanted for each program, or as many as may be had."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        return DESCRIPTORS
    except ValueError:      # a container may not let root do this
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        return most


class Failed(Exception):
    """A figure that could not be had, and why, in a few words."""


class Namespace:
    """A network namespace that lives as long as a process of ours in it."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec cat"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.holder.stdout.readline()
        self.fd = os.open(f"/proc/{self.holder.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.ip("link set lo up")

    def enter(self):
        if ctypes.CDLL(None, use_errno=True).setns(self.fd, CLONE_NEWNET) < 0:
            raise OSError(ctypes.get_errno(), "setns")

    def become(self):
        """Go in as the ordinary user, for good."""
        self.enter()
        os.setgroups([])
        os.setgid(USER)
        os.setuid(USER)

    def ip(self, words):
        subprocess.run(["ip", *words.split()], preexec_fn=self.enter, check=True)

    def end(self):
        self.holder.stdin.close()
        self.holder.wait()


@dataclasses.dataclass
class Contender:
    """One way from a program to the server: what stands before the program, and where it runs."""
    name: str
    space: Namespace
    prefix: list
    server: str = SERVER    # the address that the program is told


class Lab:
    def __init__(self, args):
        self.descriptors = descriptors_raise()
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="childflow-bench-"))
        self.top.chmod(0o755)
        os.chown(self.top, USER, USER)      # build.yaml writes its log below it
        shutil.copy(args.childflow, self.top / "childflow")
        for name in ("traffic", "relay", "slirp", "floor"):
            shutil.copy(args.programs / name, self.top)
        for policy in args.policies.glob("*.yaml"):
            shutil.copy(policy, self.top)
        (self.top / "bench.yaml").write_text(POLICY)
        self.server, self.host, self.inner = Namespace(), Namespace(), Namespace()
        self.services = []
        self.words = (self.top / "services.log").open("wb")
        self.net_make()
        self.services_start()
        self.contenders = self.contenders_list()
        self.floor = Contender("bare hold", self.host, ["./floor"])
        self.threaded = {count: Contender(f"{count} thread{'s' * (count > 1)}", self.host,
                                          ["./childflow", "--engine-threads", str(count), "-p",
                                           "bench.yaml", "--"]) for count in THREADS}
        self.ports_used = 0

    def net_make(self):
        self.server.ip(f"link add eth0 type veth peer name eth0 netns {self.host.holder.pid}")
        self.inner.ip(f"link add eth0 type veth peer name eth1 netns {self.host.holder.pid}")
        for space, link, addresses in ((self.server, "eth0", [SERVER]), (self.host, "eth0", [HOST]),
                                       (self.host, "eth1", [SPLICE_AT, COPY_AT]),
                                       (self.inner, "eth0", [INNER])):
            for address in addresses:
                space.ip(f"addr add {address}/24 dev {link}")
            space.ip(f"link set {link} up")
        self.host.ip(f"route add default via {SERVER}")

    def service(self, enter, *command):
        self.services.append(subprocess.Popen(command, preexec_fn=enter, stdout=self.words,
                                              stderr=self.words))

    def services_start(self):
        quiet = ["--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null",
                 "--pid-file=", "--user=root", "--bind-interfaces", "--dns-forward-max=10000"]
        traffic = [TRAFFIC_PORT + i for i in range(TRAFFIC_PORTS)]
        relayed = list(map(str, [IPERF_PORT, *traffic]))
        self.service(self.server.enter, "iperf3", "--server")
        self.service(self.server.enter, str(self.top / "traffic"), "serve", SERVER,
                     str(TRAFFIC_PORT), str(TRAFFIC_PORTS))
        self.service(self.server.enter, "dnsmasq", *quiet, f"--listen-address={SERVER}",
                     "--address=/bench.example/203.0.113.7", "--local-ttl=3600")
        self.service(self.host.enter, "dnsmasq", *quiet, "--listen-address=127.0.0.1",
                     f"--port={DNSMASQ_PORT}", "--cache-size=10000", f"--server={SERVER}")
        if shutil.which("unbound"):
            (self.top / "unbound.conf").write_text(UNBOUND)
            self.service(self.host.enter, "unbound", "-d", "-c", str(self.top / "unbound.conf"))
            self.wait_for(self.host, "udp", f":{UNBOUND_PORT}")
        for mode, address in (("splice", SPLICE_AT), ("copy", COPY_AT)):
            self.service(self.host.become, str(self.top / "relay"), mode, address, SERVER, *relayed)
            self.wait_for(self.host, "tcp", f"{address}:{traffic[-1]}")
        self.wait_for(self.server, "tcp", f":{IPERF_PORT}")
        self.wait_for(self.server, "tcp", f":{traffic[-1]}")
        self.wait_for(self.server, "udp", ":53")

    def wait_for(self, space, protocol, at):
        """Until a socket waits there; a service that ended is an error."""
        option = "-Hltn" if protocol == "tcp" else "-Hlun"
        while not subprocess.run(["ss", option, f"src = {at}" if at[0] != ":" else f"sport = {at}"],
                                 preexec_fn=space.enter, capture_output=True, check=True).stdout:
            for service in self.services:
                if service.poll() is not None:
                    words = (self.top / "services.log").read_text()
                    raise SystemExit(f"bench: {service.args[0]}: {words}")
            time.sleep(0.01)

    def contenders_list(self):
        # The server is the lab's gateway, an address that pasta else maps to the host's loopback.
        # The MTU of slirp4netns is the one that its manual recommends for speed.
        return {c.name: c for c in (
            Contender("direct", self.host, []),
            Contender("childflow", self.host, ["./childflow", "-p", "bench.yaml", "--"]),
            Contender("pasta", self.host, ["pasta", "--config-net", "--no-map-gw", "--"]),
            Contender("slirp4netns", self.host, ["./slirp"]),
            Contender("splice relay", self.inner, [], SPLICE_AT),
            Contender("copying relay", self.inner, [], COPY_AT),
        )}

    def port(self):
        """A port of the server that the runs before have left alone for long."""
        self.ports_used += 1
        return str(TRAFFIC_PORT + self.ports_used % TRAFFIC_PORTS)

    def spawn(self, space, command, **options):
        return subprocess.Popen(command, preexec_fn=space.become, cwd=self.top, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                start_new_session=True, **options)

    def run(self, space, command, deadline=DEADLINE):
        """What a command prints, as the ordinary user; raises Failed."""
        child = self.spawn(space, command, stdin=subprocess.DEVNULL)
        try:
            output, errors = child.communicate(timeout=deadline)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            raise Failed(f"no end within {deadline} s") from None
        if child.returncode != 0:
            words = " ".join((errors or output).split())
            raise Failed(f"status {child.returncode}: {words[-300:]}")
        return output

    def end(self):
        for service in self.services:
            service.kill()
            service.wait()
        for space in (self.server, self.host, self.inner):
            space.end()
        shutil.rmtree(self.top)
