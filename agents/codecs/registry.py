"""The device models at hand: each directory `vendors/<maker>/<model>` with its description and its codec."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import ClassVar

from agents.core.describe import device_model
from agents.core.errors import InvalidDescription
from agents.core.model import DeviceModel

VENDORS = Path(__file__).parent / "vendors"


@cache
def bundled_models() -> Mapping[str, DeviceModel]:
    """The models that come with the platform, by `<maker>/<model>`.

    Raises:
        InvalidDescription: One of the descriptions is wrong; better at start than at the first uplink.
    """
    return read_models(VENDORS)


def models_at(directory: Path | None) -> Mapping[str, DeviceModel]:
    """The bundled models and those of an imported catalogue; a bundled one, which has a mapping, goes before.

    Raises:
        InvalidDescription: One of the descriptions is wrong.
    """
    if directory is None or not directory.is_dir():
        return bundled_models()
    return {**read_models(directory), **bundled_models()}


def read_models(directory: Path) -> dict[str, DeviceModel]:
    """Read every `<maker>/<model>/device.json` below a directory, with the codec beside it.

    Raises:
        InvalidDescription: A description is wrong or its codec is missing.
    """
    models: dict[str, DeviceModel] = {}
    _read.cache_clear()  # another catalogue may have taken the place of the one read before
    for path in sorted(directory.glob("*/*/device.json")):
        identifier = f"{path.parent.parent.name}/{path.parent.name}"
        description = json.loads(path.read_text(encoding="utf-8"))
        model = device_model(identifier, description, _source(path.parent, description.get("codec")))
        encoder = _source(path.parent, description.get("encoder"))
        models[identifier] = replace(model, encoder=encoder) if encoder is not None else model
    return models


def _source(directory: Path, name: str | None) -> str | None:
    if name is None:
        return None
    path = (directory / name).resolve()
    # The maker's directory holds files that several of its models share.
    if not path.is_relative_to(directory.parent.resolve()) or not path.is_file():
        raise InvalidDescription(f"{directory.parent.name}/{directory.name}: its codec {name} is missing")
    return _read(path)


@lru_cache(maxsize=4096)
def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def sources(models: Mapping[str, DeviceModel]) -> dict[str, str]:
    """What the sandbox is to know: decoders by the model's id, encoders in files of their own by `encoder_key`."""
    known = {name: model.codec for name, model in models.items() if model.codec is not None}
    known |= {encoder_key(model): model.encoder for model in models.values() if model.encoder is not None}
    return known


def encoder_key(model: DeviceModel) -> str:
    """Under which name the sandbox knows the codec that encodes for a model."""
    return f"{model.id}#encoder" if model.encoder is not None else model.id


class LorawanModels(Mapping[str, str]):
    """What `data_model` of FIWARE's LoRaWAN agent means: its own two names, and any `<maker>/<model>` besides.

    A view: models that are added later are in it.
    """

    _OWN: ClassVar[Mapping[str, str]] = {"cayennelpp": "generic/cayenne-lpp", "cbor": "generic/cbor"}

    def __init__(self, models: Mapping[str, DeviceModel]) -> None:
        self._models = models

    def __getitem__(self, name: str) -> str:
        """The model's id. Raises KeyError."""
        if name in self._models:
            return name
        return self._OWN[name]

    def __iter__(self) -> Iterator[str]:
        """All names."""
        return iter((*self._models, *self._OWN))

    def __len__(self) -> int:
        """How many."""
        return len(self._models) + len(self._OWN)


def lorawan_models(models: Mapping[str, DeviceModel]) -> Mapping[str, str]:
    """What `data_model` of FIWARE's LoRaWAN agent means, by name."""
    return LorawanModels(models)
