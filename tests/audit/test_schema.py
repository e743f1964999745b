#!/usr/bin/python3
"""Check the samples of each event against schema/childflow-audit-v1.schema.json.

The schema lets readers meet fields that a later release adds. What this release writes must be in
it, so the samples are checked against a closed copy: no field that it does not describe, no event
that it does not know. Each sample must also fail when one of its fields is taken away.
"""
import copy
import json
import pathlib
import sys

try:
    import jsonschema
except ImportError:
    print("1..1\nok 1 - samples against the schema # SKIP python3-jsonschema is not installed")
    sys.exit(77)

HERE = pathlib.Path(__file__).resolve().parent
SCHEMA = HERE.parents[1] / "schema" / "childflow-audit-v1.schema.json"
SAMPLES = HERE / "samples.jsonl"
# Left out where they say nothing.
OPTIONAL = {"name_unicode", "names_unicode", "would_deny", "member", "sni", "http_host", "alpn"}


def closed(schema):
    """The same schema with no room for what it does not describe."""
    schema = copy.deepcopy(schema)

    def close(node):
        if isinstance(node, dict):
            if node.get("type") == "object" and "properties" in node and "required" in node:
                node["unevaluatedProperties"] = False
            for child in node.values():
                close(child)
        elif isinstance(node, list):
            for child in node:
                close(child)

    # An event is put together from several objects: only their sum is closed.
    events = [branch["then"]["$ref"].rsplit("/", 1)[1] for branch in schema["allOf"]]
    for name, definition in schema["$defs"].items():
        if name in events or name == "flow":
            for part in definition["allOf"]:
                for child in part.get("properties", {}).values():
                    close(child)
        elif name != "by_process":
            close(definition)
    schema["properties"]["event"] = {"enum": events}
    schema["unevaluatedProperties"] = False
    return schema, events


def without_one_field(value):
    """Every copy of value that lacks one field, with that field's path."""
    if isinstance(value, dict):
        for key in value:
            less = dict(value)
            del less[key]
            yield key, less
            for path, changed in without_one_field(value[key]):
                yield f"{key}.{path}", {**value, key: changed}
    elif isinstance(value, list):
        for i, item in enumerate(value):
            for path, changed in without_one_field(item):
                yield f"{i}.{path}", value[:i] + [changed] + value[i + 1:]


def main():
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    strict, events = closed(schema)
    validator = jsonschema.Draft202012Validator(strict)
    lines = SAMPLES.read_text(encoding="utf-8").splitlines()
    samples = [json.loads(line) for line in lines]
    failed = 0

    def case(text, problems):
        nonlocal failed
        case.number += 1
        failed += bool(problems)
        print(f"{'not ok' if problems else 'ok'} {case.number} - {text}")
        for problem in problems:
            print(f"# {problem}")

    case.number = 0
    print(f"1..{len(samples) + 4}")
    for sample in samples:
        problems = [f"{error.json_path}: {error.message}"
                    for error in validator.iter_errors(sample)]
        case(f"sample {sample['seq']} ({sample['event']}) is what the schema says", problems)
    case("the schema knows the events that have samples, and no others",
         sorted(set(events) ^ {sample["event"] for sample in samples}))
    case("no field of a sample can be left out", [
        f"sample {sample['seq']}: {path}"
        for sample in samples for path, less in without_one_field(sample)
        if path.rsplit(".", 1)[-1] not in OPTIONAL
        and (sample["event"], path) != ("flow_close", "proxy") and validator.is_valid(less)])
    case("a field that the schema does not describe is noticed", [
        f"sample {sample['seq']}" for sample in samples
        if validator.is_valid({**sample, "undescribed": 1})])
    reader = jsonschema.Draft202012Validator(schema)
    case("a reader may meet fields and events of a later release", [
        str(later) for later in [{**sample, "later": 1} for sample in samples] +
        [{**samples[0], "event": "later"}] if not reader.is_valid(later)])
    return 1 if failed else 0


sys.exit(main())
