"""Proxies from Debian, in the internet's namespace, each with a configuration of its own.

How this works. A proxy is started when the first case that wants it begins, listens when start()
returns, and goes on until the lab ends or a case kills it. It runs as the lab's ordinary user, in a
mount namespace of its own where /dev/shm is empty (squid would leave files there), and has all its
files in a folder of the lab. dante asks the system about passwords: that one is root of the lab and
has a passwd and a shadow of its own.

All of them listen at the addresses of lab/proxies.py, so that whatever the host sends anywhere else
has gone around the proxy. None of them forgets what it was asked: said() is its own log.
"""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import time

from lab import internet as lab
from lab import proxies
from lab.case import SECONDS, USER, Identity, Skipped, identity_of, wait_for_text
from lab.proxies import PROXY4, PROXY6

LOGIN_USER, PASSWORD = "ci", "hunter2"
DENIED, DENIED4 = "packages.example.org", lab.OTHER4    # what their own rules refuse
NOWHERE = "nowhere.lab"
SILENT4, SILENT_MAC = "203.0.113.203", "02:00:00:00:00:99"      # on the wire, and nobody's
SECONDS_OF_CONNECT = 1      # until a proxy gives a destination up, where it can be told

SQUID_PORT, SQUID_LOGIN = 4128, 4129
TLS_PORTS = {"proxy": 4443, "web": 4444, "late": 4445, "stranger": 4446}
TINY_PORT, TINY_LOGIN = 4130, 4131
DANTE_PORT, DANTE_LOGIN, DANTE_TELLING = 4132, 4133, 4136
MICRO_PORT, MICRO_LOGIN = 4134, 4135

SQUID = f"""
http_port {PROXY4}:{SQUID_PORT}
http_port [{PROXY6}]:{SQUID_PORT}
http_port {PROXY4}:{SQUID_LOGIN} name=login
{{tls_ports}}
pid_filename none
coredump_dir {{folder}}
cache_log {{folder}}/cache.log
access_log stdio:{{log}}
cache deny all
memory_cache_shared off
netdb_filename none
pinger_enable off
hosts_file none
visible_hostname {proxies.NAME}
dns_nameservers {lab.DNS4}
connect_timeout {SECONDS_OF_CONNECT} seconds
shutdown_lifetime 0 seconds
auth_param basic program /usr/lib/squid/basic_ncsa_auth {{folder}}/passwords
auth_param basic children 1 startup=0 idle=1
acl at_login myportname login
acl known proxy_auth REQUIRED
acl denied dstdomain -n {DENIED}
acl denied_addresses dst -n {DENIED4}
http_access deny denied
http_access deny denied_addresses
http_access deny at_login !known
http_access allow all
"""

TINYPROXY = f"""
Listen {PROXY4}
Listen {PROXY6}
Port {{port}}
{{login}}
Timeout 60
MaxClients 400
LogFile "{{log}}"
LogLevel Info
Filter "{{folder}}/denied"
"""

DANTE = f"""
logoutput: {{log}}
internal: {PROXY4} port = {{port}}
internal: {PROXY6} port = {{port}}
external: {PROXY4}
external: {PROXY6}
clientmethod: none
{{settings}}
timeout.connect: {SECONDS_OF_CONNECT}
client pass {{{{
    from: 0/0 to: 0/0
}}}}
socks block {{{{
    from: 0/0 to: {DENIED4}/32
    log: connect error
}}}}
socks pass {{{{
    from: 0/0 to: 0/0
    log: connect error
}}}}
"""


def write(path, text, *values, **named):
    path.write_text(text.format(*values, **named))


def hashed(kind):
    return lab.tool("openssl", "passwd", kind, PASSWORD).strip()


def certificate(folder, top, name, host, days, own=False):
    """A key and a certificate for `host`, by the lab's authority, or by one that nobody knows."""
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    (folder / f"{name}.ext").write_text(f"subjectAltName=DNS:{host},IP:{PROXY4}\n")
    signer = [str(top / "ca.pem"), str(top / "ca.key")]
    if own:
        signer = [str(folder / "stranger-ca.pem"), str(folder / "stranger-ca.key")]
        lab.tool("openssl", "req", "-x509", *key, "-subj", "/CN=a stranger", "-days", "2",
                 "-out", signer[0], "-keyout", signer[1])
    lab.tool("openssl", "req", *key, "-subj", f"/CN={host}", "-keyout", str(folder / f"{name}.key"),
             "-out", str(folder / f"{name}.csr"))
    lab.tool("openssl", "x509", "-req", "-in", str(folder / f"{name}.csr"), "-days", str(days),
             "-set_serial", str(os.getpid() + days), "-CA", signer[0], "-CAkey", signer[1],
             "-extfile", str(folder / f"{name}.ext"), "-out", str(folder / f"{name}.pem"))


class Daemon:
    """One proxy; each kind below knows its program, its ports and its files."""

    program, scheme, port, login_port = "", "", 0, 0

    def __init__(self, net):
        self.net = net
        self.folder = net.top / type(self).__name__.lower()
        self.log = self.folder / "log"
        self.process = None
        self.folder.mkdir()
        self.log.touch()
        self.configure()

    def configure(self):
        """Write the files that start() needs."""

    def options(self):
        """Its arguments."""
        raise NotImplementedError

    def prefix(self):
        """Who runs it: the ordinary user."""
        user = Identity("user", USER, USER, [])
        identity = identity_of("user", user.owner() is not None, False)
        for path in (self.folder, *self.folder.iterdir()):
            identity.own(path)
        return identity.prefix

    def mounts(self):
        return ["mount -t tmpfs none /dev/shm"]

    def start(self):
        script = " && ".join([*self.mounts(), 'exec "$@"'])
        words = ["nsenter", f"--net=/proc/self/fd/{self.net.netns}", "--", "unshare", "--mount", "sh",
                 "-c", script, "sh", *self.prefix(), path_of(self.program), *self.options()]
        with self.log.open("ab") as log, (self.folder / "errors").open("ab") as errors:
            self.process = subprocess.Popen(words, pass_fds=[self.net.netns], cwd=self.folder,
                                            stdin=subprocess.DEVNULL, start_new_session=True,
                                            stdout=errors, stderr=self.errors(log, errors))
        deadline = time.monotonic() + SECONDS
        while not self.listens():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.01)
                break
            if time.monotonic() > deadline:
                break
        if not self.listens():
            raise RuntimeError(f"{self.program} does not listen: {self.words_of_failure()}")

    def errors(self, log, errors):
        """Where what it says on standard error goes."""
        del log
        return errors

    def words_of_failure(self):
        return "".join(path.read_text(errors="replace")[-1000:] for path in
                       (self.folder / "errors", self.log))

    def listens(self):
        """Whether a socket waits at its last port: by /proc, so that it hears nothing of this."""
        wanted = f":{self.last_port():04X} "
        for name in ("tcp", "tcp6"):
            with contextlib.suppress(OSError):
                table = pathlib.Path(f"/proc/{self.process.pid}/net/{name}").read_text()
                if any(row.split()[3] == "0A" and f"{row.split()[1]} ".endswith(wanted)
                       for row in table.splitlines()[1:]):
                    return True
        return False

    def last_port(self):
        return self.port

    def kill(self):
        """All of its processes at once, without a word."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def said(self):
        return self.log.read_text(errors="replace")

    def named(self, host, port):
        """What its log has when it was asked for this."""
        raise NotImplementedError

    @contextlib.contextmanager
    def says(self, *parts):
        """What is done below must end in these words of its log, each."""
        before = [self.said().count(part) for part in parts]
        yield
        for part, count in zip(parts, before):
            wait_for_text(self.log, part, count + 1)


class Squid(Daemon):
    program, scheme, port, login_port = "squid", "http", SQUID_PORT, SQUID_LOGIN

    def configure(self):
        certificate(self.folder, self.net.top, "proxy", proxies.NAME, 2)
        certificate(self.folder, self.net.top, "late", proxies.NAME, -1)
        certificate(self.folder, self.net.top, "stranger", proxies.NAME, 2, own=True)
        for end in ("key", "pem"):
            shutil.copy(self.net.top / f"web.{end}", self.folder)
        tls = "\n".join(f"https_port {PROXY4}:{port} tls-cert={self.folder}/{name}.pem "
                        f"tls-key={self.folder}/{name}.key" for name, port in TLS_PORTS.items())
        write(self.folder / "conf", SQUID, folder=self.folder, log=self.log, tls_ports=tls)
        (self.folder / "passwords").write_text(f"{LOGIN_USER}:{hashed('-apr1')}\n")

    def options(self):
        return ["-N", "-f", str(self.folder / "conf")]

    def last_port(self):
        return list(TLS_PORTS.values())[-1]

    def named(self, host, port):
        return f"CONNECT [{host}]:{port} " if ":" in host else f"CONNECT {host}:{port} "


class Tinyproxy(Daemon):
    program, scheme, port, login_port = "tinyproxy", "http", TINY_PORT, TINY_LOGIN
    login = ""

    def configure(self):
        write(self.folder / "conf", TINYPROXY, folder=self.folder, log=self.log,
              port=self.last_port(), login=self.login)
        (self.folder / "denied").write_text(f"^{DENIED}$\n^{DENIED4}$\n")

    def options(self):
        return ["-d", "-c", str(self.folder / "conf")]

    def named(self, host, port):
        return f"CONNECT [{host}]:{port} HTTP" if ":" in host else f"CONNECT {host}:{port} HTTP"


class TinyproxyLogin(Tinyproxy):
    login = f"BasicAuth {LOGIN_USER} {PASSWORD}"

    def last_port(self):
        return self.login_port


class Microsocks(Daemon):
    program, scheme, port, login_port = "microsocks", "socks5h", MICRO_PORT, MICRO_LOGIN

    def options(self):
        return ["-i", "::", "-p", str(self.port)]

    def errors(self, log, errors):
        return log

    def named(self, host, port):
        return f"connected to {host}:{port}\n"


class MicrosocksLogin(Microsocks):
    def options(self):
        return ["-i", "::", "-p", str(self.login_port), "-u", LOGIN_USER,
                "-P", PASSWORD]

    def last_port(self):
        return self.login_port


class Dante(Daemon):
    program, scheme, port, login_port = "danted", "socks5h", DANTE_PORT, DANTE_LOGIN
    settings = "socksmethod: none"

    def configure(self):
        write(self.folder / "conf", DANTE, log=self.log, port=self.last_port(),
              settings=self.settings)

    def options(self):
        return ["-f", str(self.folder / "conf"), "-p", str(self.folder / "pid")]


class DanteTelling(Dante):
    """With a log that has what was asked for, before dante looks names up."""
    port = DANTE_TELLING
    settings = "socksmethod: none\ndebug: 1"

    def named(self, host, port):
        kind = 4 if ":" in host else 3 if host[-1].isalpha() else 1
        return f"Packet: VER: 5 CMD: 1 FLAG: 0 ATYP: {kind} address: {host}.{port} "


class DanteLogin(Dante):
    """Root of the lab, with passwords of its own."""
    settings = "socksmethod: username\nuser.privileged: root\nuser.unprivileged: root"

    def configure(self):
        super().configure()
        passwd = pathlib.Path("/etc/passwd").read_text()
        (self.folder / "passwd").write_text(f"{passwd}{LOGIN_USER}:x:0:0::/:/bin/false\n")
        (self.folder / "shadow").write_text(f"{LOGIN_USER}:{hashed('-6')}:19000:0:99999:7:::\n")

    def prefix(self):
        return []

    def mounts(self):
        return [*super().mounts(), *(f"mount --bind {self.folder}/{name} /etc/{name}"
                                     for name in ("passwd", "shadow"))]

    def last_port(self):
        return self.login_port


ALL = {}


def path_of(program):
    """Where Debian has it, whatever the caller's PATH is; None where it is not installed."""
    return shutil.which(program, path="/usr/sbin:/usr/bin:" + os.environ.get("PATH", ""))


def of(net, kind):
    """The proxy of that kind, which runs and listens; skips the case where it is not installed."""
    if not path_of(kind.program):
        raise Skipped(f"no {kind.program}: `quickstart test` installs it")
    proxies.of(net)
    if not ALL:
        net.inside("ip", "route", "add", SILENT4, "dev", "up0")
        net.inside("ip", *lab.neighbour(SILENT4, SILENT_MAC, "up0"))
    if kind not in ALL:
        ALL[kind] = kind(net)
    if ALL[kind].process is None or ALL[kind].process.poll() is not None:
        ALL[kind].start()
    return ALL[kind]
