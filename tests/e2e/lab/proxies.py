"""Proxies of the fake internet, all on one address: stubs that do what they are asked.

A stub's port says what it does; see SOCKS and HTTP below. It writes a line for each request to
its log, "PORT HOST:PORT", and what it connects to stays in the internet's namespace: whatever the
host sends anywhere else than to the proxy has gone around it.
"""
import asyncio
import base64
import contextlib
import os
import re
import socket
import ssl
import struct
import threading

from lab import internet as lab
from lab import space

PROXY4, PROXY6 = "203.0.113.90", "2001:db8:2::90"
NAME = "proxy.lab"
USER, PASSWORD = "ci", "hunter2 of the lab"
NAMES = {"web.lab": lab.WEB4, "git.lab": lab.WEB4, "only-there.lab": lab.WEB4, "v6.lab": lab.WEB6}

SOCKS, SOCKS_LOGIN, HTTP, HTTP_LOGIN, HTTP_EARLY = 1080, 1081, 3128, 3129, 3130
HTTPS, HTTPS_OTHER_NAME, HTTPS_HALF, DOWN = 3443, 3444, 3445, 3999
TOR = 9050
UNIX = "proxy.sock"         # in the lab's folder
SOCKS_REPLY = 11000         # and the code
SOCKS_BROKEN = {"method": 12001, "garbage": 12002, "hang": 12003, "close": 12004, "half": 12005,
                "login": 12006, "name": 12007}
SOCKS_UDP = {"refused": 12101, "elsewhere": 12102}
HTTP_STATUS = 20000         # and the status
STATUSES = (403, 404, 407, 502, 503, 504)
HTTP_BROKEN = {"garbage": 13001, "long": 13002, "hang": 13003, "close": 13004, "half": 13005}
HTTP_HOSTILE = 13006
HOSTILE = b"\x1b[31mred\x1b]0;title\x07\x08\xe2\x80\xae\xff {\"seq\":0}\rover"


async def copy(reader, writer):
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.transport.abort()


async def join(reader, writer, far):
    await asyncio.gather(copy(reader, far[1]), copy(far[0], writer))
    far[1].close()
    writer.close()


class Stub:
    """log: a file; each handler is for a port."""

    def __init__(self, log):
        self.log = log

    def say(self, writer, host, port):
        name = writer.get_extra_info("sockname")
        own = "unix" if isinstance(name, str) else name[1]
        os.write(self.log, f"{own} {host}:{port}\n".encode())

    async def method(self, reader, writer, login):
        """RFC 1928, 3 and RFC 1929. Returns whether to go on."""
        _, count = await reader.readexactly(2)
        offered = await reader.readexactly(count)
        wanted = 2 if login else 0
        if wanted not in offered:
            writer.write(b"\5\xff")
            return False
        writer.write(bytes([5, wanted]))
        if login:
            _, length = await reader.readexactly(2)
            user = await reader.readexactly(length)
            password = await reader.readexactly((await reader.readexactly(1))[0])
            good = (user.decode(), password.decode()) == (USER, PASSWORD)
            writer.write(b"\1\0" if good else b"\1\1")
            return good
        return True

    async def request(self, reader):
        _, command, _, kind = await reader.readexactly(4)
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            family, size = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
            host = socket.inet_ntop(family, await reader.readexactly(size))
        return command, host, struct.unpack("!H", await reader.readexactly(2))[0]

    def socks(self, login=False, reply=None, udp="open"):
        async def serve(reader, writer):
            if not await self.method(reader, writer, login):
                return
            command, host, port = await self.request(reader)
            self.say(writer, host if command == 1 else "udp", port)
            if reply is not None:
                writer.write(b"\5" + bytes([reply]) + b"\0\1\0\0\0\0\0\0")
            elif command == 3:
                await self.associate(reader, writer, udp)
            else:
                await self.tunnel(reader, writer, host, port, b"\5\0\0\1\0\0\0\0\0\0",
                                  b"\5\5\0\1\0\0\0\0\0\0")
        return serve

    async def tor(self, reader, writer):
        """
        As tor's SocksPort with SafeSocks and ExtendedErrors has it: any name and password will do,
        addresses are not allowed, no UDP; and commands and reply codes of its own.
        """
        _, count = await reader.readexactly(2)
        method = 2 if 2 in await reader.readexactly(count) else 0
        writer.write(bytes([5, method]))
        if method == 2:
            _, length = await reader.readexactly(2)
            await reader.readexactly(length)
            await reader.readexactly((await reader.readexactly(1))[0])
            writer.write(b"\1\0")
        command, host, port = await self.request(reader)
        words = {0xf0: "resolve:", 0xf1: "resolve:", 3: "udp:"}
        self.say(writer, words.get(command, "") + host, port)
        special = re.fullmatch(r"f([0-7])\.codes\.lab", host)
        if command == 3:
            code = 7
        elif host not in NAMES and not special:
            code = 4 if host[-1].isalpha() else 2
        else:
            code = 0xf0 + int(special[1]) if special else 0
        if code or command != 1:
            writer.write(bytes([5, code]) + b"\0\1\0\0\0\0\0\0")
        else:
            await self.tunnel(reader, writer, host, port, b"\5\0\0\1\0\0\0\0\0\0",
                              b"\5\5\0\1\0\0\0\0\0\0")

    async def tunnel(self, reader, writer, host, port, good, bad):
        try:
            far = await asyncio.open_connection(NAMES.get(host, host), port)
        except OSError:
            writer.write(bad)
            return
        writer.write(good)
        await join(reader, writer, far)

    async def associate(self, reader, writer, udp):
        if udp == "refused":
            writer.write(b"\5\7\0\1\0\0\0\0\0\0")
            return
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: Relay(self, writer),
                                                           local_addr=(PROXY4, 0))
        at = lab.WEB4 if udp == "elsewhere" else PROXY4
        port = transport.get_extra_info("sockname")[1]
        writer.write(b"\5\0\0\1" + socket.inet_aton(at) + struct.pack("!H", port))
        await reader.read()
        transport.close()

    def http(self, login=False, early=False):
        async def serve(reader, writer):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            host, port = head.split()[1].rsplit(":", 1)
            self.say(writer, host.strip("[]"), port)
            token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            if login and f"proxy-authorization: basic {token}\r\n".lower() not in head.lower():
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                             b'Proxy-Authenticate: Basic realm="lab"\r\n\r\n')
                return
            good = b"HTTP/1.1 200 Connection established\r\n\r\n"
            await self.tunnel(reader, writer, host.strip("[]"), int(port),
                              good + b"220 early\r\n" if early else good,
                              b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
        return serve

    def answer(self, data, close=True):
        """Read the first of what is said, give this, and close or wait for nothing."""
        async def serve(reader, writer):
            await reader.read(1024)
            self.say(writer, "answered", 0)
            writer.write(data)
            if not close:
                await reader.read()
        return serve

    async def shut(self, reader, writer):
        """Close before anything is read."""
        del reader, writer

    def handlers(self):
        rows = {SOCKS: self.socks(), SOCKS_LOGIN: self.socks(login=True),
                TOR: self.tor, HTTP: self.http(), HTTP_LOGIN: self.http(login=True),
                HTTP_EARLY: self.http(early=True),
                SOCKS_BROKEN["method"]: self.answer(b"\5\xff"),
                SOCKS_BROKEN["garbage"]: self.answer(b"SSH-2.0-nonsense\r\n"),
                SOCKS_BROKEN["hang"]: self.answer(b"", False),
                SOCKS_BROKEN["close"]: self.shut,
                SOCKS_BROKEN["half"]: self.answer(b"\5"),
                SOCKS_BROKEN["login"]: self.socks(login=True),
                SOCKS_BROKEN["name"]: self.socks(reply=0xf4),
                SOCKS_UDP["refused"]: self.socks(udp="refused"),
                SOCKS_UDP["elsewhere"]: self.socks(udp="elsewhere"),
                HTTP_BROKEN["garbage"]: self.answer(b"220 mail ready\r\n\r\n"),
                HTTP_BROKEN["long"]: self.answer(b"HTTP/1.1 200 OK\r\n"
                                                 + b"X-Long: yes\r\n" * 6000, False),
                HTTP_BROKEN["hang"]: self.answer(b"", False),
                HTTP_BROKEN["close"]: self.shut,
                HTTP_BROKEN["half"]: self.answer(b"HTTP/1.1 200 Conn"),
                HTTP_HOSTILE: self.answer(b"HTTP/1.1 403 " + HOSTILE + b"\r\n\r\n")}
        for code in range(1, 9):
            rows[SOCKS_REPLY + code] = self.socks(reply=code)
        for status in STATUSES:
            rows[HTTP_STATUS + status] = self.answer(
                f"HTTP/1.1 {status} Words of the lab\r\nContent-Length: 0\r\n\r\n".encode())
        return rows


class Relay(asyncio.DatagramProtocol):
    """RFC 1928, 7: the first who speaks is the client."""

    def __init__(self, stub, writer):
        self.stub, self.writer, self.client = stub, writer, None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.client = self.client or addr
        if addr != self.client:
            head = b"\0\0\0\1" + socket.inet_aton(addr[0]) + struct.pack("!H", addr[1])
            self.transport.sendto(head + data, self.client)
            return
        if data[3] == 1:
            host, end = socket.inet_ntoa(data[4:8]), 8
        else:
            end = 5 + data[4]
            host = data[5:end].decode()
        port = struct.unpack("!H", data[end:end + 2])[0]
        self.stub.say(self.writer, f"udp:{host}", port)
        self.transport.sendto(data[end + 2:], (NAMES.get(host, host), port))


async def closing(handler, reader, writer):
    try:
        await handler(reader, writer)
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass
    try:
        if writer.can_write_eof():
            await writer.drain()
        writer.close()
    except OSError:
        pass


def context(top, name):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(top / f"{name}.pem", top / f"{name}.key")
    return made


def half(made, listener):
    """One connection after the other: all of the client's bytes to the far end, its end too, and
    then the answer. asyncio's TLS has no half-close."""
    while True:
        plain, _ = listener.accept()
        with contextlib.suppress(OSError), made.wrap_socket(plain, server_side=True) as sock:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += sock.recv(1)
            host, port = head.split()[1].decode().rsplit(":", 1)
            with socket.create_connection((NAMES.get(host, host), int(port))) as far:
                sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                while data := sock.recv(1 << 16):
                    far.sendall(data)
                far.shutdown(socket.SHUT_WR)
                while data := far.recv(1 << 16):
                    sock.sendall(data)
            sock.unwrap()


def serve_half(top):
    listener = socket.create_server((PROXY4, HTTPS_HALF))
    threading.Thread(target=half, args=(context(top, "proxy"), listener), daemon=True).start()


async def serve(top, log, ready):
    stub = Stub(log)
    for port, handler in stub.handlers().items():
        for address in (PROXY4, PROXY6):
            await asyncio.start_server(lambda r, w, h=handler: closing(h, r, w), address, port)
    for port, name in ((HTTPS, "proxy"), (HTTPS_OTHER_NAME, "web")):
        handler = stub.http()
        await asyncio.start_server(lambda r, w, h=handler: closing(h, r, w), PROXY4, port,
                                   ssl=context(top, name))
    serve_half(top)
    await asyncio.start_unix_server(lambda r, w, h=stub.socks(): closing(h, r, w),
                                    top / UNIX)
    os.chmod(top / UNIX, 0o666)
    os.write(ready, b"1")
    await asyncio.Event().wait()


def certificate(net):
    """For the proxy's name and address, by the lab's authority."""
    top = net.top
    (top / "proxy.ext").write_text(f"subjectAltName=DNS:{NAME},IP:{PROXY4}\n")
    lab.tool("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
             "-nodes", "-subj", f"/CN={NAME}", "-keyout", str(top / "proxy.key"),
             "-out", str(top / "proxy.csr"))
    lab.tool("openssl", "x509", "-req", "-in", str(top / "proxy.csr"), "-days", "2",
             "-CA", str(net.ca), "-CAkey", str(top / "ca.key"), "-CAcreateserial",
             "-extfile", str(top / "proxy.ext"), "-out", str(top / "proxy.pem"))


class Proxies:
    """Of one lab; each proxy is there when the first case that wants it begins."""

    def __init__(self, net):
        self.net = net
        self.path = net.top / "proxy.log"
        self.path.touch()
        net.inside("ip", "addr", "add", f"{PROXY4}/32", "dev", "lo")
        net.inside("ip", "addr", "add", f"{PROXY6}/128", "dev", "lo", "nodad")
        certificate(net)
        self.start_stub()

    def start_stub(self):
        log = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        ready, tell = os.pipe()
        if os.fork() == 0:
            os.close(ready)
            space.die_with_parent()
            space.call("setns", self.net.netns, space.CLONE_NEWNET)
            asyncio.run(serve(self.net.top, log, tell))
            os._exit(0)
        os.close(tell)
        os.close(log)
        if os.read(ready, 1) != b"1":
            raise RuntimeError("a proxy of the lab did not start")
        os.close(ready)

    def asked(self):
        """(port of the proxy, what it was asked for), in order."""
        return [tuple(line.split()) for line in self.path.read_text().splitlines()]


ALL = []


def of(net):
    if not ALL:
        ALL.append(Proxies(net))
    return ALL[0]
