"""What leaves the host: every frame on the wire between the host and the internet.

How this works. A packet socket on the internet's end of the link sees each frame that the host
sent, whatever is in it: a fragment, a protocol without ports, a packet for an address that nobody
has. A frame is a leak when it goes to the foreign resolver, when it goes to more than one receiver,
or when the canary's mark stands anywhere in it. What the host's own kernel says to its neighbours
is none.
"""
import os
import select
import socket
import struct
import threading
import time

from lab import space

LINK = "up0"
ETH_P_ALL = 3
OUTGOING = 4            # of a frame that our end of the link sent
SO_RCVBUFFORCE = 33
ROOM = 32 << 20
BARRIER_PORT = 9        # nobody listens there
IPV4, IPV6 = 0x0800, 0x86dd
IGMP, TCP, ICMPV6 = 2, 6, 58
RST = 4                 # among the flags of a segment
NEIGHBOURS = range(130, 137), (143, 151, 152, 153)      # types of ICMPv6: RFC 2710, 3810, 4286, 4861


class Packet:
    """Of one frame: where it goes, and what is behind the link's header."""

    def __init__(self, kind, data):
        self.data = data
        if kind == IPV4:
            self.protocol, self.target = data[9], socket.inet_ntop(socket.AF_INET, data[16:20])
            self.body = data[(data[0] & 15) * 4:]
        else:
            self.protocol, self.body = data[6], data[40:]
            self.target = socket.inet_ntop(socket.AF_INET6, data[24:40])
            if self.protocol == 0:      # hop-by-hop options, which MLD has
                self.protocol, self.body = self.body[0], self.body[8 + self.body[1] * 8:]

    def is_for_many(self):
        return self.target.startswith("ff") or self.target == "255.255.255.255" or \
            ("." in self.target and 224 <= int(self.target.split(".")[0]) < 240)

    def is_the_kernels(self):
        if self.protocol == ICMPV6 and self.body:
            return any(self.body[0] in types for types in NEIGHBOURS)
        return self.protocol == IGMP

    def is_reset(self):
        return self.protocol == TCP and len(self.body) >= 14 and self.body[13] & RST

    def __str__(self):
        return f"{len(self.data)} octets to {self.target}, protocol {self.protocol}"


class Tap:
    """Open while a canary sings. net is the lab's Internet, link its end of the wire."""

    def __init__(self, net, router, link=LINK):
        self.router = router
        self.link = link
        self.sock = None
        thread = threading.Thread(target=self.open, args=(net.netns,))
        thread.start()
        thread.join()
        if not self.sock:
            raise RuntimeError("no packet socket in the internet's namespace")

    def open(self, netns):
        """In a thread of its own: only this thread enters the internet's namespace."""
        space.call("setns", netns, space.CLONE_NEWNET)
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        try:
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
        except PermissionError:     # root of a user namespace: as much as the host lets have
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        sock.bind((self.link, ETH_P_ALL))
        self.sock = sock

    def packets(self, seconds):
        """Those that came, until a moment without any; the first may take `seconds`."""
        while select.select([self.sock], [], [], seconds)[0]:
            data, (_, kind, direction, _, _) = self.sock.recvfrom(65536)
            if direction != OUTGOING and kind in (IPV4, IPV6) and len(data) >= 20:
                yield Packet(kind, data)

    def is_leak(self, packet, mark, foreign):
        if mark.lower().encode() in packet.data.lower():
            return True
        if packet.is_the_kernels():
            return False
        return packet.target in foreign or packet.is_for_many()

    def all(self):
        """Every packet up to now. A datagram of our own comes last and says that nothing is missing."""
        last = os.urandom(16)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as barrier:
            barrier.sendto(last, (self.router, BARRIER_PORT))
        for packet in self.packets(30):
            if packet.data.endswith(last):
                self.check_complete()
                return
            yield packet
        raise RuntimeError("the tap lost its last packet")

    def leaks(self, mark, foreign):
        """All leaks up to now, foreign: addresses that nothing may go to."""
        return [str(packet) for packet in self.all() if self.is_leak(packet, mark, foreign)]

    def check_complete(self):
        """PACKET_STATISTICS: how many came and how many found no room."""
        dropped = struct.unpack("II", self.sock.getsockopt(263, 6, 8))[1]
        if dropped:
            raise RuntimeError(f"the tap had no room for {dropped} packets")

    def waits_for_leak(self, mark, foreign, seconds):
        """Whether a leak comes within so many seconds."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            for packet in self.packets(left):
                if self.is_leak(packet, mark, foreign):
                    return True
        return False

    def close(self):
        self.sock.close()
