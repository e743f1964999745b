#!/usr/bin/python3
"""Each row of the tables of doc/dns.md names tests, and each of them exists."""
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGE = TOP / "doc" / "dns.md"
REQUIRED = {"1035", "2181", "2308", "3597", "6891", "7766", "8020", "8482", "9460"}


def unit_tests():
    """Names that some program of tests runs."""
    return {name for path in sorted(TOP.glob("tests/*/test_*.c"))
            for name in re.findall(r"cmocka_unit_test\w*\((\w+)", path.read_text())}


def cases():
    """Titles of the end-to-end tests, without the word before a colon."""
    return {title.partition(": ")[2] or title
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
    numbers = set()
    if len(found) < 20:
        yield f"only {len(found)} rows"
    for cells in found:
        shows = cells[-1]
        named = re.findall(r"`(\w+)`", shows)
        numbers |= set(re.findall(r"\d{4}", cells[0]))
        if not named:
            yield f"{cells[0]}: names no test"
        for name in named:
            if name not in units:
                yield f"{cells[0]}: no test '{name}'"
        if "e2e: " in shows and shows.partition("e2e: ")[2] not in titles:
            yield f"{cells[0]}: no case '{shows.partition('e2e: ')[2]}'"
    for number in sorted(REQUIRED - numbers):
        yield f"RFC {number} has no row"


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
