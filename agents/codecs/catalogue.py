"""The imported catalogue: device models written in the form of `vendors/`, for the agents to read at start."""

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.codecs import normalized
from agents.codecs.layout import CatalogueDevice, read_layout
from agents.codecs.registry import bundled_models

ENTITY_TYPE = "DeviceMeasurement"
"""Not `Device`: that one tells how the device itself is doing."""
CONTEXT = "https://raw.githubusercontent.com/smart-data-models/dataModel.Device/master/context.jsonld"
MARK = "catalogue.json"
"""Says that a directory was written here and may be replaced."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(slots=True)
class Imported:
    """What an import did."""

    models: int = 0
    """Models written, each with a decoder."""
    without_codec: int = 0
    """Devices of the catalogue that have no decoder, and are listed only."""
    bundled: int = 0
    """Models that came with the platform already, with a mapping; theirs stays in force."""
    mapped: int = 0
    """Models whose codec has a normalizer, and which therefore map to a Smart Data Model."""
    problems: tuple[str, ...] = ()


def import_layout(root: Path, out: Path, began: Callable[[str, int], None] = lambda maker, devices: None) -> Imported:
    """Write every device of a checkout below `out`, replacing what an earlier import wrote.

    Args:
        began: Told of each maker whose devices come next, and how many of others there were.

    Raises:
        ValueError: `root` has not the layout, or `out` holds something else.
        OSError: `out` cannot be written.
    """
    if out.exists() and not (out / MARK).is_file() and any(out.iterdir()):
        raise ValueError(f"{out} holds something else than an imported catalogue: name another directory")
    result = Imported()
    problems: list[str] = []
    fresh = out.with_name(out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    maker = None
    for found in read_layout(root):
        if isinstance(found, str):
            problems.append(found)
            continue
        if found.maker != maker:
            maker = found.maker
            began(found.maker_name, result.models + result.without_codec)
        problems += [f"{found.maker}/{found.model}: {each}" for each in found.problems]
        if not _NAME.fullmatch(found.maker) or not _NAME.fullmatch(found.model):
            problems.append(f"{found.maker}/{found.model}: no identifier of small letters, digits, dots and dashes")
            continue
        result.mapped += _write(found, fresh)
        result.models += found.decoder is not None
        result.without_codec += found.decoder is None
        result.bundled += f"{found.maker}/{found.model}" in bundled_models()
    (fresh / MARK).write_text(json.dumps({"models": result.models, "withoutCodec": result.without_codec}) + "\n")
    _replace(out, fresh)
    result.problems = tuple(problems)
    return result


def listed(directory: Path) -> Iterator[Mapping[str, Any]]:
    """Every device of an imported catalogue: `id`, `makerName`, `name`, `sensors`, `regions`, `codec` …"""
    for path in sorted(directory.glob("*/*/device.json")):
        described = json.loads(path.read_text(encoding="utf-8"))
        yield {"id": f"{path.parent.parent.name}/{path.parent.name}", **described}


def _write(device: CatalogueDevice, out: Path) -> bool:
    """Write one; tells whether it maps to a Smart Data Model."""
    directory = out / device.maker / device.model
    directory.mkdir(parents=True, exist_ok=True)
    description: dict[str, Any] = {
        "description": f"{device.maker_name} {device.name}"[:200],
        "source": device.product_url or "",
        "sensors": list(device.sensors),
        "entityType": ENTITY_TYPE,
        "context": CONTEXT,
        "attributes": [],
        "keepsUnmapped": True,
        "catalogue": {
            "makerName": device.maker_name,
            "name": device.name,
            "text": device.description,
            "firmware": list(device.firmware),
            "regions": device.regions,
        },
    }
    for member, source in (("codec", device.decoder), ("encoder", device.encoder)):
        if source is not None:
            description[member] = _copy(source, out / device.maker)
    description.update(_mapping(device))
    (directory / "device.json").write_text(json.dumps(description, ensure_ascii=False, indent=1), encoding="utf-8")
    return bool(description["attributes"])


def _mapping(device: CatalogueDevice) -> dict[str, Any]:
    """Where the decoder's file has a normalizer, the mapping that follows from it."""
    if device.decoder is None:
        return {}
    source = device.decoder.read_text(encoding="utf-8", errors="replace")
    found = normalized.groups(device.examples, source) if normalized.ROUTINE in source else frozenset()
    words = " ".join((device.name, device.description, *device.sensors))
    return normalized.mapping(found, words) if found else {}


def _copy(source: Path, maker: Path) -> str:
    """Keep a maker's file once, unmodified; its path as seen from a device's directory."""
    target = maker / source.name
    if not target.exists():
        shutil.copyfile(source, target)
    elif target.read_bytes() != source.read_bytes():
        target = maker / f"{source.parent.name}-{source.name}"
        shutil.copyfile(source, target)
    return f"../{target.name}"


def _replace(out: Path, fresh: Path) -> None:
    """Exchange whole catalogues: a broken import must not leave half of one."""
    old = out.with_name(out.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    fresh.rename(out)
    shutil.rmtree(old, ignore_errors=True)
