"""Programs that people run: each works under a policy as it does without."""
import re
import shutil
import subprocess

from lab import internet as net
from lab.case import Skipped, case, check, check_equal, check_in

WEB = ["web.lab:80,443", "www.lab:80,443"]
MAKEFILE = f"""
FILES = $(addprefix file,$(shell seq 0 {net.FILES - 1}))
all: $(FILES) SHA256SUMS
\tsha256sum --quiet -c SHA256SUMS
$(FILES) SHA256SUMS:
\tcurl -sSf -o $@ http://web.lab/$@
"""


@case("curl over HTTP and HTTPS, IPv4 and IPv6")
def curl(bench):
    policy = bench.policy(allow=WEB)
    for words in (["http://web.lab/"], ["-4", "http://web.lab/"], ["-6", "http://web.lab/"],
                  ["--cacert", str(bench.net.ca), "https://web.lab/"],
                  ["-6", "--cacert", str(bench.net.ca), "https://www.lab/"]):
        done = bench.good(["curl", "-sS", *words], policy)
        check_equal(done.out, "hello from the lab\n", words)
    opened = done.one("flow_open")
    check_equal(opened["dst"], {"ip": net.WEB6, "port": 443})
    check_in("www.lab", str(opened["names"]))
    check_in("www.lab:80,443", opened["verdict"]["rule"]["text"])


@case("wget")
def wget(bench):
    bench.good(["wget", "-q", "http://web.lab/file3"], bench.policy(allow=WEB))
    check((bench.folder / "file3").read_bytes() == bench.net.file("file3"), "file3 differs")


@case("git clone over HTTP")
def git_clone(bench):
    bench.good(["git", "clone", "-q", "http://git.lab/project.git"],
               bench.policy(allow=["git.lab:80"]))
    check_equal((bench.folder / "project" / "README").read_text(), "a project\n")


@case("Python's urllib and http.client")
def python_http(bench):
    script = bench.write("client.py", """
import http.client, urllib.request
print(urllib.request.urlopen("http://web.lab/").read().decode().strip())
connection = http.client.HTTPConnection("web.lab")
for _ in range(3):
    connection.request("GET", "/")
    print(connection.getresponse().read().decode().strip())
""")
    done = bench.good(["python3", str(script)], bench.policy(allow=WEB))
    check_equal(done.out, "hello from the lab\n" * 4)


@case("dig over UDP and TCP, whatever server it asks")
def dig(bench):
    policy = bench.policy(allow=WEB)
    for words in ([], ["+tcp"], ["@198.51.100.7"], ["+tcp", f"@{net.DNS6}"], [f"@{net.DNS4}"]):
        done = bench.good(["dig", "+short", *words, "web.lab", "A"], policy)
        check_equal(done.out, net.WEB4 + "\n", words)
        asked = done.one("dns")
        check_equal(asked["transport"], "tcp" if "+tcp" in words else "udp")
        check_equal((asked["name"], asked["type"], asked["source"]), ("web.lab", "A", "upstream"))


@case("ping, IPv4 and IPv6, of 56 and of 8,000 bytes")
def ping(bench):
    # Both requests at once: after its first reply ping waits for others only as long as two such
    # round trips, or the interval, take. Before it, for as long as -W says.
    for address, text in ((net.WEB4, net.WEB4), (net.WEB6, f"[{net.WEB6}]")):
        for size in ("56", "8000"):
            done = bench.good(["ping", "-n", "-c", "2", "-l", "2", "-W", "20", "-s", size, address],
                              bench.policy(allow=[f"icmp://{text}"]))
            check_in("2 received", done.out)
            check_equal(done.one("flow_open")["proto"], "icmp")


@case("a make with eight jobs that downloads twenty files")
def parallel_make(bench):
    bench.write("Makefile", MAKEFILE)
    done = bench.good(["make", "-s", "-j8"], bench.policy(allow=WEB))
    check_equal(len(done.of("flow_open")), net.FILES + 1, "flows")
    check_equal(len(done.of("flow_close")), net.FILES + 1, "flows closed")


@case("childflow under a make hands its jobserver on")
def jobserver(bench):
    words, _ = bench.words(bench.policy(), ["$(MAKE)", "-f", "inner", "four"])
    command = " ".join(words[len(bench.identity.prefix):])
    bench.write("outer", f"all:\n\t+{command}\n")
    bench.write("inner", "four: a b c d\na b c d:\n\t@echo $@\n")
    done = bench.direct("make", "-s", "-j4", "-f", "outer")
    check_equal(done.status, 0, "status")
    check("jobserver" not in done.err, f"make complains: {done.err}")
    check_equal(sorted(done.out.split()), ["a", "b", "c", "d"])


@case("npm install of a small package from the machine's registry", outside=True)
def npm(bench):
    for tool in ("npm", "curl"):
        if not shutil.which(tool):
            raise Skipped(f"no {tool} here")
    # The caller's own configuration says where: the identity's home is a fresh one.
    registry = subprocess.run(["npm", "config", "get", "registry"], capture_output=True, text=True,
                              check=False).stdout.strip()
    match = re.fullmatch(r"https?://([^/:]+)(?::(\d+))?(/.*)?", registry)
    if not match:
        raise Skipped("npm has no registry")
    answer = bench.direct("curl", "-sSf", "-o", "/dev/null", "--max-time", "15",
                          f"{registry.rstrip('/')}/is-number")
    if answer.status:
        raise Skipped("npm's registry does not answer here")
    bench.write("package.json", {"name": "small", "version": "1.0.0", "private": True})
    bench.good(["npm", "install", "--no-audit", "--no-fund", "is-number"],
               bench.policy(allow=[match.group(1)]), env=bench.env(npm_config_registry=registry))
    check((bench.folder / "node_modules" / "is-number" / "index.js").exists(), "nothing installed")
