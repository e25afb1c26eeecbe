"""The device models at hand: each directory `vendors/<maker>/<model>` with its description and its codec."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

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


def read_models(directory: Path) -> dict[str, DeviceModel]:
    """Read every `<maker>/<model>/device.json` below a directory, with the codec beside it.

    Raises:
        InvalidDescription: A description is wrong or its codec is missing.
    """
    models: dict[str, DeviceModel] = {}
    for path in sorted(directory.glob("*/*/device.json")):
        identifier = f"{path.parent.parent.name}/{path.parent.name}"
        description = json.loads(path.read_text(encoding="utf-8"))
        models[identifier] = device_model(identifier, description, _codec(path.parent, description.get("codec")))
    return models


def _codec(directory: Path, name: str | None) -> str | None:
    if name is None:
        return None
    path = directory / name
    if not path.is_file():
        raise InvalidDescription(f"{directory.parent.name}/{directory.name}: its codec {name} is missing")
    return path.read_text(encoding="utf-8")
