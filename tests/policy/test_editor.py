#!/usr/bin/python3
"""What an editor makes of the policies that the tree ships: the first line of each leads to the
schema, which knows every key of it, and notices one that is misspelt."""
import json
import pathlib
import re
import sys

try:
    import jsonschema
    import yaml
except ImportError:
    print("1..1\nok 1 - policies against the schema # SKIP no python3-jsonschema or python3-yaml")
    sys.exit(77)

TOP = pathlib.Path(__file__).resolve().parents[2]
SHIPPED = sorted([*(TOP / "policies").glob("*.yaml"), *(TOP / "examples").rglob("*.yaml")])
FIRST_LINE = re.compile(r"# yaml-language-server: \$schema=(\S+)\n")


class Loader(yaml.SafeLoader):
    """A day is a text, as it is in YAML 1.2, which editors read."""


Loader.yaml_implicit_resolvers = {
    first: [row for row in rows if row[0] != "tag:yaml.org,2002:timestamp"]
    for first, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()}


def check(number, name, problems):
    print(f"{'not ok' if problems else 'ok'} {number} - {name}")
    for problem in problems:
        print(f"# {problem}")
    return bool(problems)


def problems_of(path):
    text = path.read_text(encoding="utf-8")
    match = FIRST_LINE.match(text)
    if not match:
        return ["the first line does not lead to a schema"]
    schema = json.loads((path.parent / match.group(1)).read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    policy = yaml.load(text, Loader)
    found = [f"{'.'.join(map(str, error.path))}: {error.message}"
             for error in validator.iter_errors(policy)]
    # The same with a letter too many in each key must not do.
    for keys in [policy, *[value for value in policy.values() if isinstance(value, dict)]]:
        for key in list(keys):
            value = keys.pop(key)
            keys[key + "x"] = value
            if validator.is_valid(policy):
                found.append(f"'{key}x' is not noticed")
            del keys[key + "x"]
            keys[key] = value
    return found


print(f"1..{len(SHIPPED) + 1}")
failed = check(1, "there are policies", [] if len(SHIPPED) > 3 else ["no policies found"])
for number, path in enumerate(SHIPPED, 2):
    failed += check(number, f"{path.relative_to(TOP)} as editors read it", problems_of(path))
sys.exit(1 if failed else 0)
