#!/usr/bin/python3
"""Each row of the tables of doc/dns.md names tests, and each of them exists."""
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGE = TOP / "doc" / "dns.md"
REQUIRED = {"1035", "2181", "2308", "3597", "6891", "7766", "8020", "8482", "9460"}
# Ways around the resolver; some row must speak of each.
WAYS = {"UDP 53", "TCP 53", "DNS over TLS", "DNS over HTTPS", "DNS over QUIC", "mDNS", "LLMNR", "nscd",
        "varlink", "D-Bus", "avahi", "modules of the name service", "static programs", "raw sockets",
        "fragments", "allowed parent", "denied parent", "CNAME", "rebinding", "IPv4-mapped",
        "hints", "ECH", "ANY", "AXFR", "IXFR", "UPDATE", "NOTIFY"}


def keys():
    """The keys of `dns` that a policy may have."""
    table = (TOP / "src" / "policy" / "schema.c").read_text()
    return {f"`{key}`" for key in re.findall(r'\.path = "(dns\.\w+)"', table)}


def unit_tests():
    """Names that some program of tests runs."""
    return {name for path in sorted(TOP.glob("tests/*/test_*.c"))
            for name in re.findall(r"cmocka_unit_test\w*\((\w+)", path.read_text())}


def cases():
    """Titles of the end-to-end tests."""
    return {title
            for path in sorted(TOP.glob("tests/e2e/cases/*.py"))
            for title in re.findall(r'^@case\("([^"]+)"', path.read_text(), re.M)}


def rows(text):
    """The cells of each row that stands in a table whose last column says what shows it."""
    shown = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(" | ")]
        if not line.startswith("|"):
            shown = False
        elif cells[-1].rstrip(" |") == "shown by":
            shown = True
        elif shown and not set(line) <= set("|-"):
            yield [cell.strip("| ") for cell in cells]


def problems(text, units, titles):
    found = list(rows(text))
    numbers, ways, subjects = set(), set(), {cells[0] for cells in found}
    if len(found) < 70 or len(keys()) < 10:
        yield f"only {len(found)} rows and {len(keys())} keys"
    for cells in found:
        shows, _, ends = cells[-1].partition("e2e: ")
        named, cased = re.findall(r"`(\w+)`", shows), re.findall(r"`([^`]+)`", ends)
        numbers |= set(re.findall(r"\d{4}", cells[0]))
        ways |= {way for way in WAYS if way in cells[0]}
        if not named and not cased:
            yield f"{cells[0]}: names no test"
        for name in named:
            if name not in units:
                yield f"{cells[0]}: no test '{name}'"
        for title in cased:
            if title not in titles:
                yield f"{cells[0]}: no case '{title}'"
    for number in sorted(REQUIRED - numbers):
        yield f"RFC {number} has no row"
    for way in sorted(WAYS - ways):
        yield f"'{way}' has no row"
    for key in sorted(keys() - subjects):
        yield f"{key} has no row"


def main():
    text = PAGE.read_text(encoding="utf-8")
    units, titles = unit_tests(), cases()
    found = list(problems(text, units, titles))
    print("1..2")
    for problem in found:
        print(f"# {problem}")
    print(f"{'not ok' if found else 'ok'} 1 - every row of doc/dns.md names tests that exist")
    # Without its tests, each row is a problem.
    blind = list(problems(text, set(), set()))
    seen = len(blind) >= len(list(rows(text)))
    print(f"{'ok' if seen else 'not ok'} 2 - a test that does not exist is found")
    return 1 if found or not seen else 0


sys.exit(main())
