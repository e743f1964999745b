#!/usr/bin/python3
"""childflow explain: each session in explain/*.txt prints what is written there.

A session is a line '$ childflow explain ...', then what it prints, then its exit status in
brackets. The policies lie beside. Each is also asked for JSON, which has to be what
schema/childflow-explain-v1.schema.json describes (closed: nothing that it does not describe) and to
say the same. After a change: CHILDFLOW_UPDATE_GOLDEN=1 make check TESTS=tests/cli/test_explain.py,
and read the difference.
"""
import copy
import json
import os
import pathlib
import shlex
import subprocess
import sys

try:
    import jsonschema
except ImportError:
    jsonschema = None

HERE = pathlib.Path(__file__).resolve().parent
SESSIONS = HERE / "explain"
SCHEMA = HERE.parents[1] / "schema" / "childflow-explain-v1.schema.json"
CHILDFLOW = os.path.abspath(os.environ.get("CHILDFLOW", "childflow"))
OUTCOMES = {"allowed": "allowed", "partly_allowed": "allowed in part",
            "would_deny": "would be denied, audit mode lets it through", "denied": "denied",
            "never": "never carried, whatever the policy says"}


def run(words, stderr=subprocess.STDOUT):
    done = subprocess.run([CHILDFLOW, *words[1:]], cwd=SESSIONS, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=stderr, check=False, text=True)
    return done.stdout, done.returncode


def sessions(text):
    """(command line, what is expected) of each session of a file."""
    command, lines = None, []
    for line in text.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, "\n".join(lines) + "\n"
            command, lines = line, []
        elif command:
            lines.append(line)
    yield command, "\n".join(lines) + "\n"


def printed(command):
    out, status = run(shlex.split(command[2:]))
    # This line is the same for all, and shorter with each release.
    kept = [line for line in out.splitlines() if not line.startswith("not in force")]
    while kept and not kept[-1]:
        kept.pop()
    return "\n".join([*kept, f"[{status}]", ""]) + "\n"


def closed(node):
    """The same schema with no room for what it does not describe."""
    if isinstance(node, dict):
        if "properties" in node and "required" in node:
            node["additionalProperties"] = False
        for child in node.values():
            closed(child)
    elif isinstance(node, list):
        for child in node:
            closed(child)
    return node


def json_problems(command, text, validator):
    words = shlex.split(command[2:])
    out, _ = run([*words[:2], "--format", "json", *words[2:]], subprocess.DEVNULL)
    if not out:
        return [] if text.endswith(("[125]\n\n", "[78]\n\n")) else ["no JSON"]
    value = json.loads(out)
    problems = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)] \
        if validator else []
    lines = text.splitlines()
    for answer in value["answers"]:
        first = f"{answer['question']}: {OUTCOMES[answer['outcome']]}"
        if first not in lines:
            problems.append(f"the text has no line '{first}'")
        for line in (answer["suggestion"] or "").splitlines():
            if "    " + line not in lines:
                problems.append(f"the text has no line '{line}'")
    return problems


def main():
    files = sorted(SESSIONS.glob("*.txt"))
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    validator = None
    if jsonschema:
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(closed(copy.deepcopy(schema)))
    cases = [(file, list(sessions(file.read_text(encoding="utf-8")))) for file in files]
    print(f"1..{2 * sum(len(found) for _, found in cases)}")
    number = failed = 0
    for file, found in cases:
        written = ""
        for command, expected in found:
            got = printed(command)
            written += f"{command}\n{got}"
            for name, problems in (
                    (f"{file.stem}: {command[2:]}",
                     [] if got.rstrip("\n") == expected.rstrip("\n")
                     else ["expected:", *expected.splitlines(), "got:", *got.splitlines()]),
                    (f"{file.stem}, JSON: {command[2:]}", json_problems(command, got, validator))):
                number += 1
                failed += bool(problems)
                name = ascii(name.replace("#", "."))[1:-1]
                print(f"{'not ok' if problems else 'ok'} {number} - {name}")
                for problem in problems:
                    print("# " + ascii(problem)[1:-1])
        if os.environ.get("CHILDFLOW_UPDATE_GOLDEN"):
            file.write_text(written, encoding="utf-8")
    return 1 if failed else 0


sys.exit(main())
