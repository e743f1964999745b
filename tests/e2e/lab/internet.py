"""The fake internet and the fake host: addresses, routes and servers.

    host namespace                           internet namespace
    eth0 192.0.2.10/24, 2001:db8:1::10/64 ── up0 192.0.2.1, 2001:db8:1::1
    lo   a server on 127.0.0.1:5432          lo  the addresses below, and their servers

Everything is set up before the first case, and each server listens before its starter returns.
"""
import asyncio
import hashlib
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess

from lab import liar, space

HOST4, HOST6 = "192.0.2.10", "2001:db8:1::10"
ROUTER4, ROUTER6 = "192.0.2.1", "2001:db8:1::1"
HOST_MAC, ROUTER_MAC = "02:00:00:00:00:10", "02:00:00:00:00:01"
WEB4, WEB6 = "203.0.113.80", "2001:db8:2::80"
DNS4, DNS6 = "203.0.113.53", "2001:db8:2::53"
OTHER4 = "203.0.113.81"       # the same web server, under no name of .lab
PRIVATE4 = "10.20.30.40"      # a private address that answers
UNREACHABLE4, UNREACHABLE6 = "203.0.113.200", "2001:db8:2::200"
PROHIBITED4 = "203.0.113.201"
CLOSED4 = ROUTER4               # answers, but nothing listens there
HOLE4, HOLE6 = "203.0.113.202", "2001:db8:2::202"
FOREIGN4, FOREIGN6 = "198.51.100.53", "2001:db8:3::53"      # a resolver that nobody may use,
TWIN4, TWIN6 = "198.51.100.54", "2001:db8:3::54"            # and where controls reach it
LIAR4, LIAR_TOO4 = "203.0.113.66", "203.0.113.67"           # lab/liar.py

ECHO, DIGEST, GREET, RESET, HOLD, FILL, CLOSED = 7, 1001, 1003, 1004, 1005, 1006, 9
HOST_PORT = 5432
FILES = 20

# Eight records of 200 characters: more than a UDP answer of 1,232 bytes holds.
BIG = "\n".join(f"txt-record=big.lab,{str(n) * 200}" for n in range(1, 9))

# Parameters of an HTTPS record: an address hint, and a key for Encrypted ClientHello.
HINT, ECH = (4, socket.inet_aton(WEB4)), (5, b"a key for ech")


def svcb(*parameters):
    """Data of an SVCB or HTTPS record, in hexadecimal: priority 1, the owner as target."""
    data = b"".join(struct.pack("!HH", key, len(value)) + value for key, value in parameters)
    return (b"\0\1\0" + data).hex()


DNSMASQ = f"""
no-resolv
no-hosts
local-ttl=300
bind-interfaces
user=root
listen-address={DNS4},{DNS6}
local=/lab/
host-record=web.lab,{WEB4},{WEB6}
host-record=git.lab,{WEB4}
host-record=v4.lab,{WEB4}
host-record=v6.lab,{WEB6}
host-record=secret.lab,{WEB4}
host-record=canary.lab,{WEB4}
host-record=private.lab,{PRIVATE4}
host-record=unreachable.lab,{UNREACHABLE4}
host-record=hole.lab,{HOLE4}
host-record=happy.lab,{WEB4},{HOLE6}
host-record=a.zone.lab,{WEB4}
host-record=b.a.zone.lab,{WEB4}
host-record=zone.lab,{WEB4}
cname=www.lab,alias.lab
cname=alias.lab,web.lab
{BIG}
address=/example.com/example.net/example.org/{WEB4}
address=/packages.example.org/{OTHER4}
txt-record=small.lab,"a small record"
mx-host=lab,web.lab,10
cname=to-denied.lab,denied.lab
cname=there-and-back.lab,denied.lab
cname=denied.lab,v4.lab
cname=to-allowed.lab,v4.lab
host-record=mapped.lab,::ffff:{PRIVATE4}
host-record=translated.lab,64:ff9b::{PRIVATE4}
host-record=db.internal,{PRIVATE4}
cname=to-inside.lab,db.internal
dns-rr=ech.lab,65,{svcb(HINT, ECH)}
dns-rr=ech.lab,64,{svcb(HINT, ECH)}
dns-rr=inside-hint.lab,65,{svcb((4, socket.inet_aton(PRIVATE4)))}
address=/dns.google/8888.google/use-application-dns.net/{WEB4}
cname=to-doh.lab,dns.google
"""

# Knows every name.
FOREIGN = f"""
no-resolv
no-hosts
bind-interfaces
user=root
listen-address={FOREIGN4},{FOREIGN6},{TWIN4},{TWIN6}
address=/#/{WEB4}
"""

NGINX = """
daemon on;
user root;
worker_processes 1;
pid {top}/nginx.pid;
error_log {top}/nginx-error.log;
events {{ worker_connections 2048; }}
http {{
    access_log {top}/nginx-access.log;
    client_body_temp_path {top}/tmp; proxy_temp_path {top}/tmp; fastcgi_temp_path {top}/tmp;
    uwsgi_temp_path {top}/tmp; scgi_temp_path {top}/tmp;
    types {{ text/plain txt; }}
    server {{
        listen {web4}:80; listen {other4}:80; listen [{web6}]:80; listen {private4}:80;
        listen {web4}:443 ssl; listen [{web6}]:443 ssl;
        {encrypted}
        ssl_certificate {top}/web.pem; ssl_certificate_key {top}/web.key;
        root {top}/www;
    }}
}}
"""


def tool(*words, **options):
    """Run a program that must succeed; its output is shown only when it does not."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: status {done.returncode}: "
                           f"{done.stdout}{done.stderr}")
    return done.stdout


def neighbour(address, mac, device):
    """For ip: who has the address needs not be asked, nor can the answer be late or lost."""
    return ("neigh", "replace", address, "lladdr", mac, "dev", device, "nud", "permanent")


# Servers of our own: what Debian's cannot be asked to do.

async def echo(reader, writer):
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except ConnectionError:     # a case that ends while its connections are open
        pass
    writer.close()


async def digest(reader, writer):
    """Read to the end, then answer: that works only when a half-close is passed on as one."""
    total, sha = 0, hashlib.sha256()
    try:
        while data := await reader.read(1 << 16):
            total += len(data)
            sha.update(data)
        writer.write(f"{total} {sha.hexdigest()}\n".encode())
        await writer.drain()
    except ConnectionError:     # a limit of the policy has ended it
        pass
    writer.close()


async def greet(reader, writer):
    """Speak first, as mail servers do."""
    writer.write(b"220 ready\r\n")
    await writer.drain()
    await echo(reader, writer)


async def fill(reader, writer):
    """As many bytes as the first line says, though the client has closed its half."""
    try:
        writer.write(bytes(int(await reader.readline())))
        await writer.drain()
    except (ConnectionError, ValueError):
        pass
    writer.close()


async def reset(reader, writer):
    """Answer the first byte with a RST."""
    await reader.read(1)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                               struct.pack("ii", 1, 0))
    writer.transport.abort()


class Hold:
    """Say how many connections are open right now, and keep them open."""
    def __init__(self):
        self.open = 0

    async def __call__(self, reader, writer):
        self.open += 1
        writer.write(f"{self.open}\n".encode())
        await writer.drain()
        await reader.read()
        self.open -= 1
        writer.close()


class UdpEcho(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(data, addr)


def lies():
    """Records that lead where no answer may lead."""
    def octets(text):
        return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)

    hint = b"\0\1\0" + b"\0\4\0\4" + octets(OTHER4)
    ech = b"\0\1\0" + b"\0\5\0\x0c" + b"secret-keys!"
    return {"mapped": (liar.AAAA, octets(f"::ffff:{PRIVATE4}")),
            "mapped-public": (liar.AAAA, octets(f"::ffff:{WEB4}")),
            "private": (liar.A, octets(PRIVATE4)),
            "loopback": (liar.A, octets("127.0.0.1")),
            "metadata": (liar.A, octets("169.254.169.254")),
            "hint": (liar.HTTPS, hint),
            "private-hint": (liar.HTTPS, b"\0\1\0" + b"\0\4\0\4" + octets(PRIVATE4)),
            "ech": (liar.HTTPS, ech)}


async def serve(listeners, ready):
    hold = Hold()
    handlers = {ECHO: echo, DIGEST: digest, GREET: greet, RESET: reset, HOLD: hold, FILL: fill,
                HOST_PORT: greet}
    loop = asyncio.get_running_loop()
    for address, port, udp in listeners:
        if address == LIAR4:
            await liar.listen(liar.Liar(LIAR4, LIAR_TOO4, WEB4, OTHER4, lies()))
        elif udp:
            await loop.create_datagram_endpoint(UdpEcho, local_addr=(address, port))
        else:
            await asyncio.start_server(handlers[port], address, port, backlog=4096)
    os.write(ready, b"1")
    await asyncio.Event().wait()


def start_servers(listeners):
    """A process with servers of our own; returns when all of them listen."""
    ready, tell = os.pipe()
    if os.fork() == 0:
        os.close(ready)
        space.die_with_parent()
        asyncio.run(serve(listeners, tell))
        os._exit(0)
    os.close(tell)
    if os.read(ready, 1) != b"1":
        raise RuntimeError("a server of the lab did not start")
    os.close(ready)


class Internet:
    """Made by the runner, which moves from the internet's namespace to the host's on the way."""

    def __init__(self, top):
        self.top = pathlib.Path(top)
        self.www = self.top / "www"
        self.ca = self.top / "ca.pem"
        self.dns_log = self.top / "names.log"
        self.www.mkdir(parents=True)
        (self.top / "tmp").mkdir()
        self.addresses()
        self.content()
        self.certificates()
        self.servers()
        self.netns = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        space.unshare(space.CLONE_NEWNET)
        self.link()

    def addresses(self):
        tool("ip", "link", "set", "lo", "up")
        for address in (WEB4, OTHER4, DNS4, PRIVATE4, FOREIGN4, TWIN4, LIAR4, LIAR_TOO4):
            tool("ip", "addr", "add", f"{address}/32", "dev", "lo")
        for address in (WEB6, DNS6, FOREIGN6, TWIN6):
            tool("ip", "addr", "add", f"{address}/128", "dev", "lo", "nodad")
        for kind, address in (("unreachable", UNREACHABLE4), ("unreachable", UNREACHABLE6),
                              ("prohibit", PROHIBITED4), ("blackhole", HOLE4),
                              ("blackhole", HOLE6)):
            tool("ip", "route", "add", kind, address)
        for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            pathlib.Path("/proc/sys/net", name).write_text("1")
        # Each error is told, however many the cases ask for at once. Some kernels have one for the host.
        for name, value in (("ipv4/icmp_ratelimit", "0"), ("ipv6/icmp/ratelimit", "0"),
                            ("ipv4/icmp_msgs_per_sec", "100000"), ("ipv4/icmp_msgs_burst", "10000")):
            setting = pathlib.Path("/proc/sys/net", name)
            if setting.exists():
                setting.write_text(value)

    def content(self):
        (self.www / "index.html").write_text("hello from the lab\n")
        sums = []
        for number in range(FILES):
            data = hashlib.shake_128(str(number).encode()).digest(10_000 + number * 7_919)
            (self.www / f"file{number}").write_bytes(data)
            sums.append(f"{hashlib.sha256(data).hexdigest()}  file{number}\n")
        (self.www / "SHA256SUMS").write_text("".join(sums))
        with open(self.www / "large", "wb") as large:
            for _ in range(50):
                large.write(os.urandom(1 << 20))
        self.repository()

    def repository(self):
        """A git repository that a plain web server can serve."""
        work, bare = self.top / "work", self.www / "project.git"
        env = dict(os.environ, HOME=str(self.top), GIT_CONFIG_NOSYSTEM="1",
                   GIT_AUTHOR_NAME="lab", GIT_AUTHOR_EMAIL="lab@example.com",
                   GIT_COMMITTER_NAME="lab", GIT_COMMITTER_EMAIL="lab@example.com")
        tool("git", "init", "-q", "-b", "main", str(work), env=env)
        (work / "README").write_text("a project\n")
        tool("git", "-C", str(work), "add", "README", env=env)
        tool("git", "-C", str(work), "commit", "-q", "-m", "a project", env=env)
        tool("git", "clone", "-q", "--bare", str(work), str(bare), env=env)
        tool("git", "-C", str(bare), "update-server-info", env=env)

    def certificates(self):
        """A certification authority of this run, and a certificate for the web server."""
        names = "subjectAltName=DNS:web.lab,DNS:www.lab,DNS:*.zone.lab"
        (self.top / "ext").write_text(names + "\n")
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        tool("openssl", "req", "-x509", *key, "-subj", "/CN=lab authority", "-days", "2",
             "-keyout", str(self.top / "ca.key"), "-out", str(self.ca))
        tool("openssl", "req", *key, "-subj", "/CN=web.lab",
             "-keyout", str(self.top / "web.key"), "-out", str(self.top / "web.csr"))
        tool("openssl", "x509", "-req", "-in", str(self.top / "web.csr"), "-days", "2",
             "-CA", str(self.ca), "-CAkey", str(self.top / "ca.key"), "-CAcreateserial",
             "-extfile", str(self.top / "ext"), "-out", str(self.top / "web.pem"))

    def servers(self):
        conf = self.top / "nginx.conf"
        encrypted = " ".join(f"listen {address}:{port} ssl;" for port in (443, 853)
                             for address in (FOREIGN4, f"[{FOREIGN6}]", TWIN4, f"[{TWIN6}]"))
        conf.write_text(NGINX.format(top=self.top, web4=WEB4, web6=WEB6, other4=OTHER4,
                                     private4=PRIVATE4, encrypted=encrypted))
        # nginx goes to the background once it listens.
        tool("nginx", "-q", "-c", str(conf), "-e", str(self.top / "nginx-error.log"))
        self.name_server("names", DNSMASQ)
        self.name_server("foreign", FOREIGN)
        start_servers([(address, port, False) for address in (WEB4, WEB6)
                       for port in (ECHO, DIGEST, GREET, RESET, HOLD, FILL)]
                      + [(address, port, True) for address in (WEB4, WEB6) for port in (ECHO, 443)]
                      + [(address, port, True) for address in (FOREIGN4, FOREIGN6, TWIN4, TWIN6)
                         for port in (443, 853, 5353, 5355)]
                      + [(LIAR4, 53, False)])

    def name_server(self, name, text):
        """dnsmasq in the foreground: in the background it drops groups, which only root may."""
        conf, log = self.top / f"{name}.conf", self.top / f"{name}.log"
        conf.write_text(text)
        server = subprocess.Popen(["dnsmasq", "--no-daemon", f"--conf-file={conf}", "--log-queries",
                                   f"--log-facility={log}"],
                                  stderr=subprocess.PIPE, text=True)
        while "started" not in (line := server.stderr.readline()):
            if not line:
                raise RuntimeError(f"dnsmasq: {log.read_text()}")
        subprocess.Popen(["cat"], stdin=server.stderr, stdout=subprocess.DEVNULL)
        server.stderr.close()

    def inside(self, *words):
        """Run a tool in the internet's namespace."""
        return tool("nsenter", f"--net=/proc/self/fd/{self.netns}", *words, pass_fds=[self.netns])

    def link(self):
        """From here on the runner is on the host."""
        tool("ip", "link", "set", "lo", "up")
        tool("ip", "link", "add", "eth0", "address", HOST_MAC, "type", "veth",
             "peer", "name", "up0", "address", ROUTER_MAC,
             "netns", f"/proc/{os.getpid()}/fd/{self.netns}")
        self.inside("ip", "addr", "add", f"{ROUTER4}/24", "dev", "up0")
        self.inside("ip", "addr", "add", f"{ROUTER6}/64", "dev", "up0", "nodad")
        self.inside("ip", "link", "set", "up0", "up")
        for address in (HOST4, HOST6):
            self.inside("ip", *neighbour(address, HOST_MAC, "up0"))
        tool("ip", "addr", "add", f"{HOST4}/24", "dev", "eth0")
        tool("ip", "link", "set", "eth0", "up")
        tool("ip", *neighbour(ROUTER4, ROUTER_MAC, "eth0"))
        tool("ip", "route", "add", "default", "via", ROUTER4)
        self.ipv6(True)
        start_servers([("127.0.0.1", HOST_PORT, False)])

    def ipv6(self, on):
        """Give the host its IPv6 address and route, or take them away."""
        setting = pathlib.Path("/proc/sys/net/ipv6/conf/eth0/disable_ipv6")
        setting.write_text("0" if on else "1")
        if on:
            tool("ip", "addr", "add", f"{HOST6}/64", "dev", "eth0", "nodad")
            tool("ip", *neighbour(ROUTER6, ROUTER_MAC, "eth0"))
            tool("ip", "route", "add", "default", "via", ROUTER6)

    def asked(self):
        """Names that reached the DNS server, whatever the case of their letters (0x20)."""
        return {line.split()[-3].lower() for line in self.dns_log.read_text().splitlines()
                if " query[" in line}

    def file(self, name):
        return (self.www / name).read_bytes()


def tools_missing():
    """Programs that the lab cannot do without."""
    return [name for name in ("nginx", "dnsmasq", "ip", "openssl", "git", "nsenter", "unshare",
                              "setpriv") if not shutil.which(name)]


def describe():
    """The lab's addresses as JSON, for `run --shell`."""
    return json.dumps({name: value for name, value in globals().items()
                       if name.isupper() and isinstance(value, (str, int)) and len(str(value)) < 40})
