"""Through a proxy: curl below childflow, which knows of none, beside curl that uses the same one itself.

The proxies are Debian's, on the loopback of `host`, as the ordinary user and each with a
configuration of its own; behind them is a web server in `server`. curl is told an address, so that
nobody resolves names.
"""
import dataclasses
import os
import shutil
import statistics
import subprocess

from lab import SERVER, Failed

WEB_PORT = 8080
AT = "127.0.0.1"
BYTES = 128 << 20       # of each download
CONNECTS = 200          # of each try

NGINX = f"""daemon off;
pid nginx.pid;
worker_processes 1;
error_log stderr;
events {{{{ worker_connections 1024; }}}}
http {{{{
    access_log off;
    sendfile on;
    client_body_temp_path {{top}}/web; proxy_temp_path {{top}}/web; fastcgi_temp_path {{top}}/web;
    uwsgi_temp_path {{top}}/web; scgi_temp_path {{top}}/web;
    server {{{{ listen {SERVER}:{WEB_PORT}; root {{top}}/web; }}}}
}}}}
"""

SQUID = f"""http_port {AT}:4128
https_port {AT}:4443 tls-cert={{top}}/proxy.pem tls-key={{top}}/proxy.key
pid_filename none
coredump_dir {{top}}
cache_log /dev/null
access_log none
cache deny all
memory_cache_shared off
netdb_filename none
pinger_enable off
http_access allow all
shutdown_lifetime 0 seconds
"""

TINYPROXY = f"""Listen {AT}
Port 4130
MaxClients 400
LogFile "{{top}}/tinyproxy.log"
LogLevel Critical
"""

DANTE = f"""errorlog: /dev/null
internal: {AT} port = 4132
external: 192.0.2.2
clientmethod: none
socksmethod: none
client pass {{{{
    from: 0/0 to: 0/0
}}}}
socks pass {{{{
    from: 0/0 to: 0/0
}}}}
"""


@dataclasses.dataclass
class Proxy:
    name: str
    program: str
    scheme: str
    port: int
    words: tuple = ()       # of its command line; none: it is another's port
    text: str = ""          # of its configuration


PROXIES = (
    Proxy("squid", "squid", "http", 4128, ("-N", "-f", "squid.conf"), SQUID),
    Proxy("squid over TLS", "squid", "https", 4443),
    Proxy("tinyproxy", "tinyproxy", "http", 4130, ("-d", "-c", "tinyproxy.conf"), TINYPROXY),
    Proxy("dante", "danted", "socks5", 4132, ("-f", "danted.conf", "-p", "danted.pid"), DANTE),
    Proxy("microsocks", "microsocks", "socks5", 4134, ("-i", AT, "-p", "4134")),
)


def path_of(program):
    return shutil.which(program, path="/usr/sbin:/usr/bin:/bin")


def certificate(top):
    """For the proxy's address, signed by itself: it is its own authority."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=proxy", "-days", "2",
                    "-addext", f"subjectAltName=IP:{AT}", "-keyout", str(top / "proxy.key"),
                    "-out", str(top / "proxy.pem")], check=True, capture_output=True)
    (top / "proxy.key").chmod(0o644)


def start(lab):
    """The web server, and those of the proxies that are installed."""
    for program in ("nginx", "openssl"):
        if not path_of(program):
            raise Failed(f"{program} is not installed")
    web = lab.top / "web"
    web.mkdir(mode=0o777)
    web.chmod(0o777)
    with (web / "zeros").open("wb") as file:
        file.truncate(BYTES)
    (web / "byte").write_text("x")
    (lab.top / "nginx.conf").write_text(NGINX.format(top=lab.top))
    certificate(lab.top)
    lab.service(lab.server.enter, path_of("nginx"), "-p", str(lab.top), "-c", "nginx.conf",
                "-e", "stderr")
    lab.wait_for(lab.server, "tcp", f":{WEB_PORT}")
    for proxy in PROXIES:
        policy_write(lab.top, proxy)
        if not proxy.words or not path_of(proxy.program):
            continue
        if proxy.text:
            (lab.top / f"{proxy.program}.conf").write_text(proxy.text.format(top=lab.top))
        lab.service(lambda: home(lab), path_of(proxy.program), *proxy.words)
        lab.wait_for(lab.host, "tcp", f":{proxy.port}")


def home(lab):
    """In the proxy's process: the ordinary user, in the lab's folder."""
    lab.host.become()
    os.chdir(lab.top)


def policy_write(top, proxy):
    ca = "  ca_file: proxy.pem\n" if proxy.scheme == "https" else ""
    (top / f"by-{proxy.port}.yaml").write_text(
        "version: 1\nname: bench\nmode: enforce\negress: {default: allow}\naudit: {summary: none}\n"
        f"proxy:\n  url: {proxy.scheme}://{AT}:{proxy.port}\n{ca}")


def curl(lab, proxy, below, *words):
    """Run curl by the proxy: its own use of it, or childflow's."""
    if not path_of(proxy.program):
        raise Failed(f"{proxy.program} is not installed")
    ours = ["./childflow", "-p", f"by-{proxy.port}.yaml", "--", "curl"]
    own = ["curl", "--proxytunnel", "--proxy", f"{proxy.scheme}://{AT}:{proxy.port}",
           "--proxy-cacert", "proxy.pem"]
    return lab.run(lab.host, [*(ours if below else own), "-sS", "--noproxy", "", *words])


def download(lab, proxy, below):
    text = curl(lab, proxy, below, "-o", "/dev/null", "-w", "%{speed_download} %{size_download}",
                f"http://{SERVER}:{WEB_PORT}/zeros")
    speed, size = map(float, text.split())
    if size != BYTES:
        raise Failed(f"{size:.0f} bytes of {BYTES}")
    return {"speed": speed * 8 / 1e9}


def connects(lab, proxy, below):
    """From the start of each transfer until curl may send its request."""
    text = curl(lab, proxy, below, "-H", "Connection: close", "-o", "/dev/null",
                "-w", "%{time_pretransfer} %{num_connects}\n",
                f"http://{SERVER}:{WEB_PORT}/byte?[1-{CONNECTS}]")
    rows = [line.split() for line in text.splitlines()]
    if len(rows) != CONNECTS or any(row[1] != "1" for row in rows):
        raise Failed(f"{len(rows)} connections of {CONNECTS}")
    took = sorted(float(row[0]) * 1e6 for row in rows)
    return {"p50": statistics.median(took), "p90": took[len(took) * 9 // 10]}


def measures(lab, make):
    """Each as make(name, figures, functions)."""
    started = []

    def of_both(function, proxy):
        def call(below):
            if not started:
                start(lab)
                started.append(True)
            return function(lab, proxy, below)
        return {"curl itself": lambda: call(False), "childflow": lambda: call(True)}

    for proxy in PROXIES:
        yield make(f"download by {proxy.name}", {"speed": "Gbit/s"}, of_both(download, proxy))
    for proxy in PROXIES:
        yield make(f"connect by {proxy.name}", {"p50": "µs", "p90": "µs"}, of_both(connects, proxy))
