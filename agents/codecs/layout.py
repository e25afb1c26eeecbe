"""Reads a checkout in the layout of TheThingsNetwork/lorawan-devices: makers, devices, radio profiles and codecs.

`vendor/index.yaml` lists makers, `vendor/<maker>/index.yaml` their devices, `<device>.yaml` describes one, and for each
firmware version and region it names a profile and a codec (`<codec>.yaml`, which names JavaScript files).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from agents.codecs.yaml12 import read_yaml

SOURCE_LIMIT = 2 * 1024 * 1024
"""Bytes of a JavaScript file; the largest published one has 0.3 million."""
_PROFILE = ("macVersion", "regionalParametersVersion", "supportsJoin", "supportsClassB", "supportsClassC", "maxEIRP")


@dataclass(frozen=True, slots=True)
class CatalogueDevice:
    """One product of the catalogue."""

    maker: str
    model: str
    maker_name: str
    name: str
    description: str
    sensors: tuple[str, ...]
    firmware: tuple[str, ...]
    regions: Mapping[str, Mapping[str, Any]]
    """Region to the facts of its profile (MAC version, classes …)."""
    product_url: str | None
    decoder: Path | None
    """The file with `decodeUplink`, below the maker's directory."""
    encoder: Path | None
    """The file with `encodeDownlink`; often the same."""
    examples: tuple[Mapping[str, Any], ...] = ()
    """Published examples of the decoder."""
    problems: tuple[str, ...] = field(default=())


def read_layout(root: Path) -> Iterator[CatalogueDevice | str]:
    """Every device of a checkout, and a sentence for everything that could not be read.

    Args:
        root: The checkout, or its `vendor` directory.

    Raises:
        ValueError: There is no `vendor/index.yaml`.
    """
    _mapping.cache_clear()  # files may have changed since an earlier run
    vendors = root / "vendor" if (root / "vendor").is_dir() else root
    index = vendors / "index.yaml"
    if not index.is_file():
        raise ValueError(f"{root} has no vendor/index.yaml: it is no checkout of the layout of lorawan-devices")
    for maker in _mapping(index).get("vendors") or ():
        directory = vendors / str(maker.get("id", ""))
        if directory.parent == vendors and (directory / "index.yaml").is_file():
            yield from _devices(directory, str(maker.get("name") or directory.name))


def _devices(directory: Path, maker_name: str) -> Iterator[CatalogueDevice | str]:
    try:
        models = [str(each) for each in _mapping(directory / "index.yaml").get("endDevices") or ()]
    except (ValueError, OSError) as problem:
        yield f"{directory.name}: {problem}"
        return
    for model in models:
        try:
            yield _device(directory, model, maker_name)
        except (ValueError, OSError, AttributeError, TypeError) as problem:
            yield f"{directory.name}/{model}: {problem}"


def _device(directory: Path, model: str, maker_name: str) -> CatalogueDevice:
    described = _mapping(_inside(directory, f"{model}.yaml"))
    versions = described.get("firmwareVersions") or []
    problems: list[str] = []
    profiles: dict[str, Mapping[str, Any]] = {}
    codec: Mapping[str, Any] = {}
    for version in versions:  # the last one is the newest
        for region, profile in (version.get("profiles") or {}).items():
            profiles[str(region)] = _profile(directory, profile, problems)
            if profile.get("codec"):
                codec = _codec(directory, str(profile["codec"]), problems) or codec
    return CatalogueDevice(
        maker=directory.name,
        model=model,
        maker_name=maker_name,
        name=str(described.get("name") or model),
        description=str(described.get("description") or "").strip(),
        sensors=tuple(str(each) for each in described.get("sensors") or ()),
        firmware=tuple(str(version.get("version")) for version in versions),
        regions=profiles,
        product_url=described.get("productURL"),
        decoder=_source(directory, codec, "uplinkDecoder", problems),
        encoder=_source(directory, codec, "downlinkEncoder", problems),
        examples=_examples(codec),
        problems=tuple(dict.fromkeys(problems)),
    )


def _profile(directory: Path, profile: Mapping[str, Any], problems: list[str]) -> Mapping[str, Any]:
    maker = str(profile.get("vendorID") or directory.name)
    path = directory.parent / maker / f"{profile.get('id')}.yaml"
    try:
        facts = _mapping(_inside(directory.parent, str(path.relative_to(directory.parent))))
    except (ValueError, OSError) as problem:
        problems.append(f"profile {profile.get('id')}: {problem}")
        return {}
    return {name: facts[name] for name in _PROFILE if name in facts}


def _codec(directory: Path, name: str, problems: list[str]) -> Mapping[str, Any]:
    try:
        return _mapping(_inside(directory, f"{name}.yaml"))
    except (ValueError, OSError) as problem:
        problems.append(f"codec {name}: {problem}")
        return {}


def _examples(codec: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    described = codec.get("uplinkDecoder")
    given = described.get("examples") if isinstance(described, Mapping) else None
    return tuple(each for each in given if isinstance(each, Mapping)) if isinstance(given, list) else ()


def _source(directory: Path, codec: Mapping[str, Any], section: str, problems: list[str]) -> Path | None:
    described = codec.get(section)
    name = described.get("fileName") if isinstance(described, Mapping) else None
    if name is None:
        return None
    try:
        path = _inside(directory, str(name))
        if path.stat().st_size <= SOURCE_LIMIT:
            return path
        problems.append(f"{name} has more than {SOURCE_LIMIT} bytes")
    except (ValueError, OSError) as problem:
        problems.append(f"{name}: {problem}")
    return None


def _inside(directory: Path, name: str) -> Path:
    """A path below a directory: a checkout must not name files elsewhere."""
    path = (directory / name).resolve()
    if not path.is_relative_to(directory.resolve()):
        raise ValueError(f"{name} lies outside of {directory.name}")
    return path


@lru_cache(maxsize=512)  # profiles and codecs are shared by many devices
def _mapping(path: Path) -> Mapping[str, Any]:
    value = read_yaml(path.read_text(encoding="utf-8"))
    if not isinstance(value, Mapping):
        raise ValueError(f"{path.name} holds no mapping")
    return value
