"""The way from a host to the servers, two routers long, with all that can go wrong on it.

    host ─────────────── first router ─────────────── second router ─────────────── world
    192.0.2.10           192.0.2.1      198.51.100.1  198.51.100.2   198.51.100.5  198.51.100.6
    2001:db8:1::10       2001:db8:1::1  2001:db8:a::1 2001:db8:a::2  2001:db8:b::1 2001:db8:b::2

The world has 203.0.113.80 and 2001:db8:2::80, and the same with .90, where the way is narrow. places.h
says which other numbers and ports there are; the first router answers for what is unreachable.
"""
import os
import pathlib
import re
import select
import shutil
import subprocess
import time

from lab import space

PLACES = dict(re.findall(r"#define (\w+) \"?([\w.:]+)\"?",
                         (pathlib.Path(__file__).parent / "places.h").read_text(encoding="utf-8")))
SECONDS = 60        # a bound on what a server tells; nothing waits for it when all is well
HOST4, HOST6 = "192.0.2.10", "2001:db8:1::10"

# place: the first router's answer for IPv4 and for IPv6 (None: IPv6 has no such code)
REJECTS = {
    "NET_UNREACHABLE": ("icmp type net-unreachable", "icmpv6 type no-route"),
    "HOST_UNREACHABLE": ("icmp type host-unreachable", "icmpv6 type addr-unreachable"),
    "PORT_UNREACHABLE": ("icmp type port-unreachable", "icmpv6 type port-unreachable"),
    "ADMIN_PROHIBITED": ("icmp type admin-prohibited", "icmpv6 type admin-prohibited"),
    "NET_PROHIBITED": ("icmp type net-prohibited", None),
    "HOST_PROHIBITED": ("icmp type host-prohibited", None),
}

FIRST_RULES = """
table inet truth {{
    set seen4 {{ type ipv4_addr . inet_service; flags dynamic; size 65535; }}
    set seen6 {{ type ipv6_addr . inet_service; flags dynamic; size 65535; }}
    chain forward {{
        type filter hook forward priority 0;
        tcp dport {loss} tcp flags & (syn|ack) == syn ip saddr . tcp sport != @seen4 \
            add @seen4 {{ ip saddr . tcp sport }} drop
        tcp dport {loss} tcp flags & (syn|ack) == syn ip6 saddr . tcp sport != @seen6 \
            add @seen6 {{ ip6 saddr . tcp sport }} drop
        {rejects}
        ip daddr {hole4} drop
        ip6 daddr {hole6} drop
        ip daddr {resetting4} meta l4proto tcp reject with tcp reset
        ip6 daddr {resetting6} meta l4proto tcp reject with tcp reset
    }}
}}
"""

# What has vanished does not even say so.
WORLD_RULES = """
table inet truth {{
    chain output {{
        type filter hook output priority 0;
        tcp sport {vanish} tcp flags & rst == rst drop
    }}
}}
"""


def place(name):
    number = PLACES[f"PLACE_{name}"]
    return PLACES["PLACE_IPV4"] + number, PLACES["PLACE_IPV6"] + number


def tools_missing():
    return [name for name in ("ip", "nft", "unshare", "setpriv") if not shutil.which(name)]


def tool(*words, text=None):
    """Run a program that must succeed."""
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: status {done.returncode}: "
                           f"{done.stdout}{done.stderr}")


def ip(*lines):
    tool("ip", "-batch", "-", text="\n".join(lines) + "\n")


def settings(**values):
    """Below /proc/sys/net; __ stands for a slash. What this kernel keeps to itself is passed over."""
    for name, value in values.items():
        try:
            pathlib.Path("/proc/sys/net", name.replace("__", "/")).write_text(str(value))
        except (FileNotFoundError, PermissionError):
            pass


def become_router():
    settings(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1, ipv4__icmp_ratelimit=0,
             ipv4__icmp_msgs_per_sec=1000000, ipv4__icmp_msgs_burst=100000,
             ipv6__icmp__ratelimit=0, ipv4__conf__all__rp_filter=0)


def link(far, near, far_netns, far_addresses, near_addresses):
    """A link from this namespace to another, up, with one IPv4 and one IPv6 address on each end."""
    macs = [f"02:00:00:00:{end:02x}:{len(far + near):02x}" for end in (1, 2)]
    ip(f"link add {near} address {macs[0]} type veth peer name {far} address {macs[1]} "
       f"netns /proc/{os.getpid()}/fd/{far_netns}")
    ends = (("", near, near_addresses, far_addresses, macs[1]),
            (far_netns, far, far_addresses, near_addresses, macs[0]))
    for netns, device, own, other, mac in ends:
        enter(netns, "ip", "-batch", "-", text="\n".join([
            "link set lo up", f"link set {device} up", f"addr add {own[0]} dev {device}",
            f"addr add {own[1]} dev {device} nodad"]
            + [f"neigh replace {address.split('/')[0]} lladdr {mac} dev {device} nud permanent"
               for address in other]) + "\n")


def enter(netns, *words, text=None):
    """Run a tool in the namespace of a descriptor; "" is this one."""
    prefix = () if netns == "" else ("nsenter", f"--net=/proc/{os.getpid()}/fd/{netns}")
    tool(*prefix, *words, text=text)


def own_netns():
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


class Server:
    """A truth_world that listens; what it tells comes by lines()."""

    def __init__(self, *words):
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, bufsize=0)
        self.said = b""
        if self.line() != "ready":
            raise RuntimeError(f"{' '.join(words)} did not start")

    def line(self):
        """The next that it tells, or what is wrong with it; it ends also when the server never does."""
        deadline = time.monotonic() + SECONDS
        while b"\n" not in self.said:
            if not select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
                return f"(the server told nothing within {SECONDS} s)"
            data = self.process.stdout.read(65536)
            if not data:
                return "(the server has ended)"
            self.said += data
        line, _, self.said = self.said.partition(b"\n")
        return line.decode()

    def lines(self, count):
        return [self.line() for _ in range(count)]


class Lab:
    """Made by the runner, which moves from the world to the host on the way."""

    def __init__(self, world):
        self.make_world(world)
        world_netns = own_netns()
        space.unshare(space.CLONE_NEWNET)
        become_router()
        link("w0", "r3", world_netns, ("198.51.100.6/30", "2001:db8:b::2/64"),
             ("198.51.100.5/30", "2001:db8:b::1/64"))
        enter(world_netns, "ip", "-batch", "-", text=
              "route add default via 198.51.100.5\nroute add default via 2001:db8:b::1\n")
        ip("route add 203.0.113.0/24 via 198.51.100.6", "route add 2001:db8:2::/64 via 2001:db8:b::2")
        second = own_netns()
        space.unshare(space.CLONE_NEWNET)
        self.make_first_router(second)
        first = own_netns()
        space.unshare(space.CLONE_NEWNET)
        self.make_host(first, world)

    def make_world(self, world):
        ip("link set lo up", *(f"addr add {place(name)[0]}/32 dev lo" for name in
                               ("WORLD", "NARROW")),
           *(f"addr add {place(name)[1]}/128 dev lo nodad" for name in ("WORLD", "NARROW")))
        settings(core__somaxconn=65535, ipv4__tcp_max_syn_backlog=65535, ipv4__icmp_ratelimit=0,
                 ipv4__icmp_msgs_per_sec=1000000, ipv6__icmp__ratelimit=0)
        tool("nft", "-f", "-", text=WORLD_RULES.format(vanish=PLACES["PORT_VANISH"]))
        self.world = Server(world, "servers")

    def make_first_router(self, second):
        become_router()
        link("r2", "r1", second, ("198.51.100.2/30", "2001:db8:a::2/64"),
             ("198.51.100.1/30", "2001:db8:a::1/64"))
        enter(second, "ip", "route", "add", "192.0.2.0/24", "via", "198.51.100.1")
        enter(second, "ip", "route", "add", "2001:db8:1::/64", "via", "2001:db8:a::1")
        narrow = place("NARROW")
        mtu = PLACES["MTU_NARROW"]
        ip("route add 203.0.113.0/24 via 198.51.100.2", "route add 2001:db8:2::/64 via 2001:db8:a::2",
           f"route add {narrow[0]}/32 via 198.51.100.2 mtu lock {mtu}",
           f"route add {narrow[1]}/128 via 2001:db8:a::2 mtu lock {mtu}")
        rejects = []
        for name, (ipv4, ipv6) in REJECTS.items():
            rejects.append(f"ip daddr {place(name)[0]} reject with {ipv4}")
            if ipv6:
                rejects.append(f"ip6 daddr {place(name)[1]} reject with {ipv6}")
        hole, resetting = place("HOLE"), place("RESETTING")
        tool("nft", "-f", "-", text=FIRST_RULES.format(
            loss=PLACES["PORT_LOSS"], rejects="\n        ".join(rejects), hole4=hole[0],
            hole6=hole[1], resetting4=resetting[0], resetting6=resetting[1]))

    def make_host(self, first, world):
        link("r0", "eth0", first, ("192.0.2.1/24", "2001:db8:1::1/64"),
             (f"{HOST4}/24", f"{HOST6}/64"))
        self.group = Server("nsenter", f"--net=/proc/{os.getpid()}/fd/{first}", world, "group", "r0")
        lines = ["route add default via 192.0.2.1", "route add default via 2001:db8:1::1"]
        for name, kind in (("UNREACHABLE", "unreachable"), ("PROHIBITED", "prohibit"),
                           ("NO_ROUTE", "throw")):
            lines += [f"route add {kind} {address}" for address in place(f"LOCAL_{name}")]
        ip(*lines)
        self.keep_ports()

    @staticmethod
    def keep_ports():
        """What the probe binds is given to no connect before: that one would be in its way, even in TIME_WAIT."""
        ports = ",".join(number for name, number in PLACES.items() if name.startswith("PORT_OWN_"))
        pathlib.Path("/proc/sys/net/ipv4/ip_local_reserved_ports").write_text(ports)
