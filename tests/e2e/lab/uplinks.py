"""A host with two ways to the internet, in a namespace of its own.

    eth1 198.51.100.130/26, 2001:db8:4::2/64 ── up1 198.51.100.129, 2001:db8:4::1
    eth2 198.51.100.194/26, 2001:db8:5::2/64 ── up2 198.51.100.193, 2001:db8:5::1

The default route is by eth2; eth1 has one too, which is worse. idle has no carrier, off is down.
Nothing else lives in this namespace, and each next host has the addresses behind these, which a
server that still has connections to the one before does not know: what leaves by an uplink comes
from the case.
"""
import contextlib
import os
import pathlib

from lab import internet as net
from lab import space
from lab.tap import Tap


class Uplink:
    """One of the ways: its names, addresses and MACs. own: which host of the lab's has it."""

    def __init__(self, number, metric, own):
        self.name, self.far = f"eth{number}", f"up{number}"
        self.number, self.metric = number, metric
        self.local4 = f"198.51.100.{66 + 64 * number + own}"
        self.router4 = f"198.51.100.{65 + 64 * number}"
        self.local6 = f"2001:db8:{3 + number}::{2 + own:x}"
        self.router6 = f"2001:db8:{3 + number}::1"
        self.mac, self.router_mac = f"02:00:00:00:0{number}:10", f"02:00:00:00:0{number}:01"


def in_namespace(netns, function, *args):
    """Call a function there (None: in a new namespace), and be back."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if netns is None:
            space.unshare(space.CLONE_NEWNET)
        else:
            space.call("setns", netns, space.CLONE_NEWNET)
        return function(*args)
    finally:
        space.call("setns", home, space.CLONE_NEWNET)
        os.close(home)


class Host:
    """Gone with close(), and its links with it."""

    count = 0

    def __init__(self, internet):
        self.internet = internet
        own = Host.count % 60       # as many as a network has addresses
        Host.count += 1
        self.one, self.two = Uplink(1, 500, own), Uplink(2, 100, own)
        self.netns = in_namespace(None, os.open, "/proc/self/ns/net",
                                  os.O_RDONLY | os.O_CLOEXEC)
        groups = pathlib.Path("/proc/sys/net/ipv4/ping_group_range").read_text()
        self.write("ipv4/ping_group_range", groups)
        for name in ("all", "default"):     # a reply comes by the way that the route does not have
            self.write(f"ipv4/conf/{name}/rp_filter", "0")
        self.tool("link", "set", "lo", "up")
        for uplink in (self.one, self.two):
            self.link(uplink)
        self.tool("link", "add", "idle", "type", "veth", "peer", "name", "off")
        self.tool("link", "set", "idle", "up")

    def write(self, name, text):
        in_namespace(self.netns, pathlib.Path("/proc/sys/net", name).write_text, text)

    def words(self, words):
        """A command line that runs on this host."""
        return ["nsenter", f"--net=/proc/self/fd/{self.netns}", "--", *words]

    def tool(self, *words):
        net.tool(*self.words(["ip", *words]), pass_fds=[self.netns])

    def link(self, uplink):
        """Both ends of one uplink, with addresses and routes."""
        self.tool("link", "add", uplink.name, "address", uplink.mac, "type", "veth",
                  "peer", "name", uplink.far, "address", uplink.router_mac)
        self.move(uplink.far)
        self.internet.inside("ip", "addr", "add", f"{uplink.router4}/26", "dev", uplink.far)
        self.internet.inside("ip", "addr", "add", f"{uplink.router6}/64", "dev", uplink.far, "nodad")
        self.internet.inside("ip", "link", "set", uplink.far, "up")
        for address in (uplink.local4, uplink.local6):
            self.internet.inside("ip", *net.neighbour(address, uplink.mac, uplink.far))
        self.tool("addr", "add", f"{uplink.local4}/26", "dev", uplink.name)
        self.tool("addr", "add", f"{uplink.local6}/64", "dev", uplink.name, "nodad")
        self.tool("link", "set", uplink.name, "up")
        self.routes(uplink)

    def move(self, name):
        net.tool(*self.words(["ip", "link", "set", name, "netns",
                              f"/proc/self/fd/{self.internet.netns}"]),
                 pass_fds=[self.netns, self.internet.netns])

    def routes(self, uplink):
        """What the kernel takes away when the interface goes down."""
        for router in (uplink.router4, uplink.router6):
            self.tool(*net.neighbour(router, uplink.router_mac, uplink.name))
            self.tool("route", "add", "default", "via", router, "dev", uplink.name,
                      "metric", str(uplink.metric))

    def serve(self, port):
        """A server on the loopback of this host that speaks first."""
        in_namespace(self.netns, net.start_servers, [("127.0.0.1", port, False)])

    def tap(self, uplink):
        return Tap(self.internet, uplink.router4, uplink.far)

    def seen(self, tap, resets=True):
        """What has come out of an uplink, without what the kernel says to its neighbours.

        Without resets: a server that has not heard that its connection is over goes on sending. The
        kernel answers by itself, as it knows no such socket, and by its routes (doc/policy.md).
        """
        packets = in_namespace(self.netns, lambda: list(tap.all()))
        return [str(packet) for packet in packets
                if not packet.is_the_kernels() and (resets or not packet.is_reset())]

    def close(self):
        for uplink in (self.one, self.two):
            with contextlib.suppress(RuntimeError):     # it may be gone
                self.tool("link", "del", uplink.name)
        os.close(self.netns)
