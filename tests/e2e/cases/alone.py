"""The lab itself, without childflow: when one of these fails, the others say nothing."""
from lab import internet as net
from lab.case import case, check_equal, check_in


@case("the lab answers without childflow")
def lab_answers(bench):
    for url in ("http://web.lab/", f"http://[{net.WEB6}]/", f"http://{net.WEB4}/"):
        check_equal(bench.direct("curl", "-sS", url).out, "hello from the lab\n", url)
    done = bench.direct("curl", "-sS", "--cacert", str(bench.net.ca), "https://web.lab/")
    check_equal(done.out, "hello from the lab\n", "https")
    check_in("a small record", bench.direct("dig", "+short", "TXT", "small.lab").out)
    check_in("NXDOMAIN", bench.direct("dig", "gone.lab").out)


@case("the lab refuses and ignores without childflow")
def lab_refuses(bench):
    def probe(*words):
        return bench.direct(bench.probe, *words).out.strip()

    check_equal(probe("connect", net.WEB4, "9"), "ECONNREFUSED")
    check_equal(probe("connect", net.UNREACHABLE4, "80"), "EHOSTUNREACH")
    check_equal(probe("connect", net.UNREACHABLE6, "80"), "ENETUNREACH")
    check_equal(probe("blackhole", net.HOLE4, "80"), "silent")
    check_equal(probe("udp", net.WEB6, "7", "x"), "x0")
    check_equal(probe("greeting", net.WEB4, "1003"), "220 ready\nhello")
    check_equal(probe("upload", net.WEB4, "1001", "3"), "same")
    check_equal(probe("reset", net.WEB4, "1004"), "ECONNRESET")
    check_equal(probe("crowd", net.WEB4, "1005", "20"), "20")
    check_equal(bench.direct("ping", "-c1", net.WEB4).status, 0, "ping")
    check_equal(bench.direct("ping", "-c1", net.WEB6).status, 0, "ping")
