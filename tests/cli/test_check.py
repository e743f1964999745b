#!/usr/bin/python3
"""childflow check: text, JSON and SARIF say the same, and each is what its schema describes.

Every policy of tests/policy/golden is checked in all three formats; the text is that of its .err
file, which tests/policy/test_golden writes. JSON has to be what
schema/childflow-check-v1.schema.json describes (closed: nothing that it does not describe), SARIF
what sarif.schema.json beside this file keeps of the standard.
"""
import copy
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse

try:
    import jsonschema
except ImportError:
    jsonschema = None

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
GOLDEN = ROOT / "tests" / "policy" / "golden"
CHILDFLOW = os.path.abspath(os.environ.get("CHILDFLOW", "childflow"))
failures = []


def check(*words):
    done = subprocess.run([CHILDFLOW, "check", *words], cwd=GOLDEN, stdin=subprocess.DEVNULL,
                          capture_output=True, check=False)
    return done.stdout.decode(), done.stderr.decode(), done.returncode


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


def validator(path):
    schema = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(closed(copy.deepcopy(schema)))


def expect(what, got, expected):
    if got != expected:
        failures.append(f"{what}: expected {expected!r}, got {got!r}")


def as_text(found):
    """The first line that a finding of the JSON has in the text."""
    place = found["file"]
    if found["line"]:
        place += f":{found['line']}:{found['column']}"
    key = f"{found['key']}: " if found["key"] else ""
    return f"{place}: {found['severity']}: {key}{found['message']}"


def as_place(location):
    """(file, line, column) of a SARIF location."""
    physical = location["physicalLocation"]
    region = physical.get("region", {})
    return (urllib.parse.unquote(physical["artifactLocation"]["uri"]), region.get("startLine"),
            region.get("startColumn"))


def check_sarif(name, document, findings):
    rules = document["runs"][0]["tool"]["driver"]["rules"]
    results = document["runs"][0]["results"]
    expect(f"{name}, SARIF: results", len(results), len(findings))
    for result, found in zip(results, findings):
        expect(f"{name}, SARIF: rule", result["ruleId"], found["code"])
        expect(f"{name}, SARIF: index", rules[result["ruleIndex"]]["id"], found["code"])
        expect(f"{name}, SARIF: level", result["level"], found["severity"])
        expect(f"{name}, SARIF: place", as_place(result["locations"][0]),
               (found["file"], found["line"], found["column"]))
        expect(f"{name}, SARIF: related",
               [as_place(one) for one in result.get("relatedLocations", [])],
               [(one["file"], one["line"], one["column"]) for one in found["related"]])
        expect(f"{name}, SARIF: message", result["message"]["text"],
               (f"{found['key']}: " if found["key"] else "") + found["message"])


def check_formats(name, json_schema, sarif_schema):
    text_out, text_err, text_status = check(name)
    json_out, json_err, json_status = check("--format", "json", name)
    sarif_out, sarif_err, sarif_status = check("--format=sarif", name)
    expect(f"{name}: status", (json_status, sarif_status), (text_status, text_status))
    expect(f"{name}: stderr", json_err + sarif_err, "")
    document, sarif = json.loads(json_out), json.loads(sarif_out)
    for schema, value in ((json_schema, document), (sarif_schema, sarif)):
        for error in schema.iter_errors(value) if schema else ():
            failures.append(f"{name}: {error.json_path}: {error.message}")
    policy = document["files"][0]
    expect(f"{name}: ok", policy["ok"], text_status == 0)
    lines = [line for line in text_err.splitlines() if ": error: " in line or ": warning: " in line]
    expect(f"{name}: findings", [as_text(found) for found in policy["findings"]], lines)
    for found in policy["findings"]:
        if found["suggestion"]:
            expect(f"{name}: suggestion", found["message"].endswith(
                f" (did you mean '{found['suggestion']}'?)"), True)
    check_sarif(name, sarif, policy["findings"])
    expect(f"{name}: last line", text_out.startswith(f"{name}: "), True)
    err = (GOLDEN / name).with_suffix(".err")
    expect(f"{name}: text", text_err, err.read_text(encoding="utf-8") if err.exists() else "")
    return {found["code"] for found in policy["findings"]}, sarif


def policies_agree_in_all_formats():
    json_schema = sarif_schema = None
    if jsonschema:
        json_schema = validator(ROOT / "schema" / "childflow-check-v1.schema.json")
        sarif_schema = validator(HERE / "sarif.schema.json")
    met = set()
    for path in sorted(GOLDEN.glob("*.yaml")):
        codes, sarif = check_formats(path.name, json_schema, sarif_schema)
        met |= codes
    known = {rule["id"] for rule in sarif["runs"][0]["tool"]["driver"]["rules"]}
    # The budget is large: tests/profile/test_lint.c makes it small.
    expect("codes that no golden policy has", known - met, {"not-analysed"})


def warnings_are_errors_when_strict():
    expect("warnings", check("doubtful-wider.yaml")[::2],
           ("doubtful-wider.yaml: ok, 3 warnings\n", 0))
    expect("warnings, strict", check("--strict", "doubtful-wider.yaml")[::2],
           ("doubtful-wider.yaml: 3 warnings\n", 78))
    expect("no warnings, strict", check("--strict", "doubtful-not-wider.yaml")[::2],
           ("doubtful-not-wider.yaml: ok\n", 0))
    out, _, status = check("--strict", "--format=json", "doubtful-wider.yaml")
    expect("JSON, strict", (json.loads(out)["files"][0]["ok"], status), (False, 78))


def several_files_are_one_document():
    names = ["ok-minimal.yaml", "missing.yaml", "wrong-empty.yaml"]
    out, err, status = check("--format", "json", *names)
    files = json.loads(out)["files"]
    expect("files", [one["file"] for one in files], names)
    expect("files: ok", [one["ok"] for one in files], [True, False, False])
    expect("files: stderr and status", (err, status), ("", 78))
    expect("a file that is missing", [(one["code"], one["line"]) for one in files[1]["findings"]],
           [("unreadable", None)])
    out, err, status = check(*names)
    expect("files, text", out, "ok-minimal.yaml: ok\nwrong-empty.yaml: 1 error\n")
    expect("a file that is missing, text",
           "childflow: cannot read policy 'missing.yaml'" in err and status == 78, True)


def paths_are_uris():
    out, _, _ = check("--format", "sarif", "no such#file\u00e9.yaml", "/no/such.yaml")
    uris = [one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
            for one in json.loads(out)["runs"][0]["results"]]
    expect("URIs", uris, ["no%20such%23file%C3%A9.yaml", "file:///no/such.yaml"])


def a_name_of_a_file_cannot_act_on_a_terminal():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a\x1b[2J\n\u202e.yaml")
        pathlib.Path(path).write_text("version: 1\nname: a\nmode: x\n", encoding="utf-8")
        out, err, status = check(path)
    shown = folder + r"/a\x1b[2J\x0a\u{202e}.yaml"
    expect("a hostile name", (out, status), (f"{shown}: 1 error\n", 78))
    expect("a hostile name of nothing", check("no\x1b[2J\n.yaml"),
           ("", r"childflow: cannot read policy 'no\x1b[2J\x0a.yaml': No such file or directory"
            "\n", 78))
    expect("a hostile name's finding", err.startswith(f"{shown}:3:7: error: mode: "), True)


def another_format_is_refused():
    expect("format", check("--format", "xml", "ok-minimal.yaml"),
           ("", "childflow: check: --format: expected text, json or sarif, got 'xml'\n", 125))


def main():
    cases = [policies_agree_in_all_formats, warnings_are_errors_when_strict,
             several_files_are_one_document, paths_are_uris,
             a_name_of_a_file_cannot_act_on_a_terminal, another_format_is_refused]
    status = 0
    print(f"1..{len(cases)}")
    for number, case in enumerate(cases, 1):
        failures.clear()
        case()
        print(f"{'not ok' if failures else 'ok'} {number} - {case.__name__}")
        for failure in failures[:20]:
            print("# " + ascii(failure)[1:-1])
        status |= bool(failures)
    return status


sys.exit(main())
