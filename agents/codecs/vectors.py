"""Published examples of codecs, and whether a codec agrees with them.

Three layouts are read, as YAML or JSON: `*-codec.yaml` of TheThingsNetwork/lorawan-devices (uplinkDecoder,
downlinkEncoder and downlinkDecoder with examples), files with `examples` of the same members, and the lists of `{name,
input, expected}` of chirpstack/chirpstack-device-profiles (`test_decode_*.json`, `test_encode_*.json`). A directory
gives the examples of all its files that name the codec.
"""

import contextlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agents.codecs.yaml12 import read_yaml

_SECTIONS = {
    "uplinkDecoder": "decodeUplink",
    "downlinkEncoder": "encodeDownlink",
    "downlinkDecoder": "decodeDownlink",
}
_KINDS = {
    "uplink": "decodeUplink",
    "uplink-normalize": "normalizeUplink",
    "downlink": "encodeDownlink",
    "downlink-encode": "encodeDownlink",
    "downlink-decode": "decodeDownlink",
}
_OWN_NAME = re.compile(r"^test_(?:de|en)code_|-codec$")
"""What a file of examples adds to the name of its codec."""
_LISTS = ("warnings", "errors")
_CLOSE = 1e-12
"""Relative difference below which two numbers are the same: engines round `Math.pow` differently in the last bit."""


@dataclass(frozen=True, slots=True)
class Vector:
    """One call of a codec and what it is to return."""

    codec_file: str | None
    """Name of the codec's file as the examples have it."""
    routine: str
    description: str
    argument: Mapping[str, Any]
    expected: Mapping[str, Any]


def read_vectors(path: Path) -> list[Vector]:
    """Read a file of examples.

    Raises:
        ValueError: It has none of the three layouts.
        OSError: It cannot be read.
    """
    document = _document(path)
    if isinstance(document, list):
        routine = "encodeDownlink" if "encode" in path.name else "decodeUplink"
        return [vector for each in document for vector in _vectors(None, _routine(each, routine), each)]
    if not isinstance(document, Mapping):
        raise ValueError("it holds neither an object nor a list")
    if isinstance(document.get("examples"), list):
        file = document.get("codecFileName")
        examples = document["examples"]
        return [vector for each in examples for vector in _vectors(file, _routine(each, "decodeUplink"), each)]
    if not any(section in document for section in _SECTIONS):
        raise ValueError(f"it has neither examples nor one of {', '.join(_SECTIONS)}")
    return list(_of_sections(document))


def vectors_for(codec: Path, given: Path) -> list[Vector]:
    """The examples for a codec in a file, or in the files of a directory that name the codec.

    A file names a codec by its file's name, or by its own: `lamp-codec.yaml`, `test_decode_lamp.json`. Of a file that
    names no codec, or only others, all examples are given.

    Raises:
        ValueError: A file has none of the layouts.
        OSError: It cannot be read.
    """
    if given.is_dir():
        return [each for path, each in _within(given) if _codec(path, each).name == codec.name]
    try:
        vectors = read_vectors(given)
    except ValueError as problem:
        raise ValueError(f"{given}: {problem}") from None
    return [each for each in vectors if each.codec_file and _codec(given, each).name == codec.name] or vectors


def vectors_beside(codec: Path) -> list[Vector]:
    """The examples for a codec in its own directory, or in the one above, as makers have it who keep codecs apart."""
    for directory in (codec.parent, codec.parent.parent):
        if found := [each for path, each in _within(directory) if _is(_codec(path, each), codec)]:
            return found
    return []


def vectors_below(directory: Path) -> Iterator[tuple[Path, list[Vector]]]:
    """The codecs that files of examples below a directory name and that are there, each with its examples."""
    for place in (directory, *sorted(each for each in directory.rglob("*") if each.is_dir())):
        found: dict[Path, list[Vector]] = {}
        for path, each in _within(place):
            found.setdefault(_codec(path, each), []).append(each)
        yield from ((codec, found[codec]) for codec in sorted(found) if codec.is_file())


def _within(directory: Path) -> Iterator[tuple[Path, Vector]]:
    """The examples in the files of a directory, each with its file."""
    for path in sorted(directory.glob("*.yaml")) + sorted(directory.glob("*.yml")) + sorted(directory.glob("*.json")):
        # Most files of a vendor's directory describe devices and profiles.
        with contextlib.suppress(ValueError):
            yield from ((path, each) for each in read_vectors(path))


def _codec(path: Path, vector: Vector) -> Path:
    """The codec of an example: the one it names, as seen from its file, else the one of the same name beside it."""
    if vector.codec_file is not None:
        return path.parent / vector.codec_file
    return path.with_name(_OWN_NAME.sub("", path.stem) + ".js")


def _is(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _document(path: Path) -> Any:
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix not in (".yaml", ".yml"):
        try:
            return json.loads(text)
        except ValueError:
            # JSON with numbers in hexadecimal or a comma too many, as some makers publish it, is YAML.
            pass
    return read_yaml(text)


def _routine(example: object, default: str) -> str:
    kind = example.get("type") if isinstance(example, Mapping) else None
    if kind is None:
        return default
    if kind in _KINDS.values():
        return str(kind)
    if kind not in _KINDS:
        raise ValueError(f"the type of an example is one of {', '.join(_KINDS)}, not {kind!r}")
    return _KINDS[kind]


def _of_sections(document: Mapping[str, Any]) -> Iterator[Vector]:
    for section, routine in _SECTIONS.items():
        described = document.get(section) or {}
        for example in described.get("examples") or ():
            yield from _vectors(described.get("fileName"), routine, example)


def _vectors(file: object, routine: str, example: object) -> Iterator[Vector]:
    if not isinstance(example, Mapping) or not isinstance(example.get("input"), Mapping):
        raise ValueError("an example is an object with an input")
    name = file if isinstance(file, str) else None
    expected = example.get("output", example.get("expected"))
    if not isinstance(expected, Mapping):
        raise ValueError("an example has an output (or expected), an object")
    description = str(example.get("description") or example.get("name") or "").strip()
    if routine == "normalizeUplink":
        yield Vector(name, routine, description, example["input"], expected)
        return
    yield Vector(name, routine, description, _argument(example["input"]), expected)
    normalized = example.get("normalizedOutput")
    if normalized is not None and routine == "decodeUplink":
        if not isinstance(normalized, Mapping):
            normalized = {"data": normalized}
        yield Vector(name, "normalizeUplink", f"{description} (normalized)", expected, normalized)


def _argument(given: Mapping[str, Any]) -> dict[str, Any]:
    argument = dict(given)
    if isinstance(argument.get("bytes"), str):
        digits = argument["bytes"].replace("0x", "").replace(",", " ")
        try:
            argument["bytes"] = list(bytes.fromhex(digits))
        except ValueError:
            raise ValueError("the bytes of an input are a list of numbers, or hexadecimal digits") from None
    return argument


def differences(vector: Vector, answer: Mapping[str, Any]) -> list[str]:
    """What an answer of the sandbox (`{"result"}` or `{"error"}`) has otherwise than a vector; empty where they agree.

    A list of warnings or errors that is absent, null or empty is the same, and so is a member that is null or absent.
    What the codec returns beside errors is void (TS013) and compared only where the example shows it.
    """
    expected = _without_nulls(vector.expected)
    if "error" in answer:
        return [f"expected {_shown(expected)}, but {answer['error']}"]
    result = _without_nulls(answer["result"])
    if not isinstance(result, Mapping):
        return [f"expected {_shown(expected)}, got {_shown(result)}"]
    if vector.routine == "normalizeUplink":
        expected, result = _as_measurements(expected), _as_measurements(result)
    failed = bool(result.get("errors"))
    found: list[str] = []
    for name in {**expected, **result}:
        wanted, got = expected.get(name), result.get(name)
        if name in _LISTS:
            wanted, got = wanted or None, got or None
        elif failed and name not in expected:
            continue
        found += _compare(name, wanted, got)
    return found


def _as_measurements(output: Mapping[str, Any]) -> dict[str, Any]:
    """Normalizers return one measurement or a list of them."""
    data = output.get("data")
    return {**output, "data": [data]} if isinstance(data, Mapping) else dict(output)


def _compare(path: str, wanted: Any, got: Any) -> Iterator[str]:
    if isinstance(wanted, Mapping) and isinstance(got, Mapping):
        for name in {**wanted, **got}:
            yield from _compare(f"{path}.{name}", wanted.get(name), got.get(name))
    elif _is_list(wanted) and _is_list(got) and len(wanted) == len(got):
        for at, (one, other) in enumerate(zip(wanted, got, strict=True)):
            yield from _compare(f"{path}[{at}]", one, other)
    elif not _equal(wanted, got):
        yield f"{path}: expected {_shown(wanted)}, got {_shown(got)}"


def _equal(wanted: Any, got: Any) -> bool:
    if _is_number(wanted) and _is_number(got):
        return wanted == got or math.isclose(wanted, got, rel_tol=_CLOSE, abs_tol=_CLOSE)
    if isinstance(wanted, str) and isinstance(got, str):
        return wanted == got or _same_instant(wanted, got)
    return type(wanted) is type(got) and bool(wanted == got)


def _same_instant(wanted: str, got: str) -> bool:
    """A `Date` is written with milliseconds by some engines and without by others."""
    try:
        one, other = datetime.fromisoformat(wanted), datetime.fromisoformat(got)
    except ValueError:
        return False
    return (one.tzinfo is None) == (other.tzinfo is None) and one == other


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _without_nulls(each) for name, each in value.items() if each is not None}
    if _is_list(value):
        return [_without_nulls(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 300 else text[:300] + " …"
