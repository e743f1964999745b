"""A DNS server that lies in the way that the first label of a name says.

Each lie carries the address FORGED. Where the lie comes beside an answer, that one carries RIGHT.
Over TCP the answer is always right, but for the lies that are about its own octets.
"""
import asyncio
import os
import socket
import struct

A, CNAME, SOA, AAAA, HTTPS = 1, 5, 6, 28, 65
POINTER = b"\xc0\x0c"       # to the question's name


def wire_name(name):
    return b"".join(bytes([len(label)]) + label.encode()
                    for label in name.split(".") if label) + b"\0"


def record(kind, data, owner=POINTER, ttl=60):
    return owner + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


class Query:
    """Of a message with one question."""

    def __init__(self, data):
        self.data = data
        self.id, self.flags = struct.unpack("!HH", data[:4])
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode())
            at += 1 + data[at]
        self.lie = labels[0].lower()
        self.question = data[12:at + 5]
        self.kind = struct.unpack("!H", data[at + 1:at + 3])[0]

    def answer(self, records=(), ident=None, flags=0x8180, question=None, count=None, tail=b""):
        """An answer; what is None is as it must be."""
        records = list(records)
        header = struct.pack("!HHHHHH", self.id if ident is None else ident, flags, 1,
                             len(records) if count is None else count, 0, 0)
        return header + (question or self.question) + b"".join(records) + tail


class Liar:
    def __init__(self, address, elsewhere, right, forged, targets):
        """targets: {lie: (type, data of the record)} for lies that are records."""
        self.address = address
        self.elsewhere = elsewhere
        self.right = [record(A, socket.inet_aton(right))]
        self.forged = [record(A, socket.inet_aton(forged))]
        self.records = targets

    def octets(self, query):
        """Lies that are answers; None where the lie is another."""
        forged = self.forged
        loop = 12 + len(query.question) + len(forged[0])
        return {
            "trailing": lambda: query.answer(forged, tail=b"x"),
            "counts": lambda: query.answer(forged, count=2),
            "few": lambda: query.answer(forged, count=0, tail=forged[0]),
            "loop": lambda: query.answer([*forged, record(A, bytes(4),
                                                          struct.pack("!H", 0xc000 | loop))]),
            "circle": lambda: query.answer([record(CNAME, POINTER), *forged]),
            "long": lambda: query.answer([record(CNAME, (b"\x3f" + b"a" * 63) * 5 + b"\0"),
                                          *forged]),
            "short": lambda: query.answer(forged)[:-2],
            "five": lambda: query.answer([record(A, forged[0][-4:] + b"\1")]),
        }.get(query.lie, lambda: None)()

    def before(self, query):
        """Lies that come before the right answer, from where it will come."""
        forged = self.forged
        other = wire_name("other.lab") + query.question[-4:]
        return {
            "id": lambda: [query.answer(forged, ident=query.id ^ 1)],
            "name": lambda: [query.answer(forged, question=other)],
            "type": lambda: [query.answer(forged, question=query.question[:-4] + b"\0\x1c\0\1")],
            "class": lambda: [query.answer(forged, question=query.question[:-2] + b"\0\3")],
            "query": lambda: [query.answer(forged, flags=0x100)],
            "empty": lambda: [b""],
            "noise": lambda: [os.urandom(n) for n in (1, 11, 12, 40, 1400)],
            "ids": lambda: [query.answer(forged, ident=query.id ^ n) for n in range(1, 101)],
        }.get(query.lie, lambda: [])()

    def reply(self, query):
        """The answer itself."""
        if (lie := self.octets(query)) is not None:
            return lie
        if query.lie in self.records:
            kind, data = self.records[query.lie]
            return query.answer([record(kind, data)] if query.kind in (kind, 255) else [])
        return query.answer(self.right if query.kind == A else [])


async def listen(liar):
    def bound(address, port):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((address, port))
        return sock

    async def stream(reader, writer):
        try:
            while True:
                size = struct.unpack("!H", await reader.readexactly(2))[0]
                reply = liar.reply(Query(await reader.readexactly(size)))
                writer.write(struct.pack("!H", len(reply)) + reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def datagram():
        data, peer = sock.recvfrom(65536)
        query = Query(data)
        if query.lie in elsewhere:
            elsewhere[query.lie].sendto(query.answer(liar.forged), peer)
        for message in (*liar.before(query), liar.reply(query)):
            sock.sendto(message, peer)

    # A plain socket: asyncio's own does not send an empty datagram.
    sock = bound(liar.address, 53)
    elsewhere = {"port": bound(liar.address, 5300), "address": bound(liar.elsewhere, 53)}
    asyncio.get_running_loop().add_reader(sock, datagram)
    await asyncio.start_server(stream, liar.address, 53)
