"""`eclor codec`: test vendors' codecs against their published examples, import a device catalogue, list devices."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from agents.codecs.catalogue import import_layout, listed
from agents.codecs.registry import bundled_models
from agents.codecs.sandbox import CodecSandbox, RoutineCall
from agents.codecs.vectors import Vector, differences, vectors_below, vectors_beside, vectors_for

_DESCRIPTION = "Codecs make a device's bytes into measures, and commands into bytes (JavaScript, LoRa Alliance TS013)."
_EXAMPLES = """\
examples:
  eclor codec test am107.js am107-codec.yaml
                        does the maker's decoder give what the maker's examples say?
  eclor codec import ~/lorawan-devices
                        take every device of a checkout of github.com/TheThingsNetwork/lorawan-devices
  eclor codec list milesight
                        which devices of a maker are known; the first column is the "model" of POST /devices
"""
_TEST = """\
Runs a codec's file, unmodified, on published examples and prints every difference. Examples are a `*-codec.yaml` as in
TheThingsNetwork/lorawan-devices, a JSON file with `examples`, or a `test_decode_*.json` of chirpstack-device-profiles;
or a directory with such files. Given a directory, it tests all codecs that files of examples below it name.
The exit status is 0 when all agree, 1 when one does not, 2 when a file cannot be read.
"""
_IMPORT = """\
Takes the makers, devices and codecs of a checkout in the layout of TheThingsNetwork/lorawan-devices. The agents take
them, also while they run; then a device is registered with nothing but its DevEUI and its model:

  curl http://127.0.0.1:4041/devices -d '{"id": "24e124713c000001", "model": "milesight-iot/am107"}'
"""
_UNREADABLE = 2


def codecs_directory(environment: dict[str, str] | None = None) -> Path:
    """Where imported catalogues are kept: `ECLOR_CODECS_DIR`, else `codecs` in the data directory."""
    given = dict(os.environ) if environment is None else environment
    return Path(given.get("ECLOR_CODECS_DIR") or Path(given.get("ECLOR_DATA_DIR") or ".eclor") / "codecs")


def main(arguments: Sequence[str]) -> int:
    """Run one of the commands; its exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return _UNREADABLE
    try:
        status = _run(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Nobody reads any more (`eclor codec list | head`).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (OSError, ValueError) as problem:
        print(f"eclor codec: {problem}", file=sys.stderr)
        return _UNREADABLE


def _run(options: argparse.Namespace) -> int:
    if options.command == "test":
        return _test(options.file, options.vectors)
    return _import(options.directory, options.place) if options.command == "import" else _list(options)


def _parser() -> argparse.ArgumentParser:
    parser = _command(None, "eclor codec", _DESCRIPTION, _EXAMPLES)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    test = _command(commands, "test", "run a codec against published examples", _TEST)
    test.add_argument("file", type=Path, metavar="FILE", help="the codec, a JavaScript file; or a directory of codecs")
    test.add_argument("vectors", type=Path, nargs="?", metavar="VECTORS", help="the examples; default: those beside it")
    take = _command(commands, "import", "take a catalogue of devices with its codecs", _IMPORT)
    take.add_argument("directory", type=Path, metavar="DIR", help="the checkout")
    _add_directory(take, "--out")
    show = _command(commands, "list", "list the devices at hand", "")
    show.add_argument("words", nargs="*", metavar="WORD", help="only devices in whose line every word occurs")
    show.add_argument("--json", action="store_true", help="one JSON object a line")
    _add_directory(show, "--from")
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser] | None", name: str, text: str, more: str
) -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    if commands is None:
        return argparse.ArgumentParser(prog=name, description=text, epilog=more, formatter_class=form)
    description = text[0].upper() + text[1:] + "."
    return commands.add_parser(name, help=text, description=description, epilog=more, formatter_class=form)


def _add_directory(parser: argparse.ArgumentParser, option: str) -> None:
    default = codecs_directory()
    text = f"where the catalogue is kept (ECLOR_CODECS_DIR; now {default})"
    parser.add_argument(option, dest="place", type=Path, default=default, metavar="DIR", help=text)


def _test(file: Path, given: Path | None) -> int:
    if file.is_dir():
        return _test_directory(file)
    vectors = vectors_beside(file) if given is None else vectors_for(file, given)
    if not vectors:
        raise ValueError(f"{file.parent if given is None else given} holds no examples for {file.name}")
    return 1 if _failed(file, vectors) else 0


def _test_directory(directory: Path) -> int:
    """Every codec below a directory that a file of examples there names."""
    codecs: set[Path] = set()
    wrong = examples = 0
    for file, vectors in vectors_below(directory):
        codecs.add(file.resolve())
        examples, wrong = examples + len(vectors), wrong + _failed(file, vectors)
    if not codecs:
        raise ValueError(f"{directory} holds no codecs with examples")
    print(f"{directory}: {examples - wrong} of {examples} examples of {len(codecs)} codecs agree")
    return 1 if wrong else 0


def _failed(file: Path, vectors: list[Vector]) -> int:
    """Run a codec on its examples and print what differs; how many do not agree."""
    answers = asyncio.run(_answers(file.name, file.read_text(encoding="utf-8"), vectors))
    wrong = 0
    for number, (vector, answer) in enumerate(zip(vectors, answers, strict=True), 1):
        found = differences(vector, answer)
        wrong += bool(found)
        for each in found:
            print(f"{file.name}: example {number}, {vector.routine} ({vector.description}): {each}")
    print(f"{file.name}: {len(vectors) - wrong} of {len(vectors)} examples agree")
    return wrong


async def _answers(name: str, source: str, vectors: list[Vector]) -> list[dict[str, object]]:
    sandbox = CodecSandbox({name: source})
    try:
        return await sandbox.run([RoutineCall(name, each.routine, json.dumps(each.argument)) for each in vectors])
    finally:
        await sandbox.close()


def _import(directory: Path, out: Path) -> int:
    result = import_layout(
        directory, out, lambda maker, devices: print(f"  {devices} devices, now {maker}", flush=True)
    )
    for problem in result.problems:
        print(f"  {problem}", file=sys.stderr)
    print(
        f"{result.models} device models with a codec, {result.without_codec} without, are in {out}"
        f" ({len(result.problems)} could not be read in full)."
    )
    if result.bundled:
        print(f"{result.bundled} of them came with ECLOR already; ECLOR's own, with their mappings, stay in force.")
    if result.mapped:
        print(f"{result.mapped} have a normalizer and report in the words of a Smart Data Model.")
    print("Agents that run take them within seconds. Choose with: eclor codec list MAKER")
    return 0


def _list(options: argparse.Namespace) -> int:
    words = [word.lower() for word in options.words]
    shown = 0
    for row in _rows(options.place):
        line = json.dumps(row, ensure_ascii=False) if options.json else _line(row)
        if all(word in line.lower() for word in words):
            print(line)
            shown += 1
    if not shown:
        print("No device fits. Import a catalogue with: eclor codec import DIR", file=sys.stderr)
    return 0 if shown else 1


def _rows(directory: Path) -> list[dict[str, object]]:
    own = bundled_models()
    rows: list[dict[str, object]] = [
        {"id": each.id, "name": each.description, "entityType": each.entity_type, "sensors": list(each.sensors)}
        for each in own.values()
    ]
    for found in listed(directory):
        if found["id"] not in own:
            name = found["description"] if "codec" in found else f"{found['description']} (no codec)"
            row = {"id": found["id"], "name": name, "entityType": found["entityType"], "sensors": found["sensors"]}
            rows.append({**row, **found.get("catalogue", {}), "name": name})
    return sorted(rows, key=lambda row: str(row["id"]))


def _line(row: dict[str, object]) -> str:
    sensors = row["sensors"]
    measured = ", ".join(map(str, sensors)) if isinstance(sensors, list) else ""
    return f"{row['id']}\t{row['name']}\t{row['entityType']}\t{measured}".expandtabs(4)
