"""JSON Schemas and JSON-LD contexts that the product needs at run time, so that it works without the internet.

`CONTEXTS` says which address each bundled context answers for; `schemas/SOURCES.md` says where each came from.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent

CORE_CONTEXT_PREFIX = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-"
"""What the address of every version of the core context starts with."""

CORE_CONTEXT_VERSIONS = ("v1.3", "v1.4", "v1.5", "v1.6", "v1.7", "v1.8", "v1.9")

DEFAULT_CORE_CONTEXT = f"{CORE_CONTEXT_PREFIX}v1.9.jsonld"
"""The core context of the edition that the broker implements (clause 4.4)."""

CONTEXTS: dict[str, str] = {
    f"{CORE_CONTEXT_PREFIX}{version}.jsonld": f"core/ngsi-ld-core-context-{version}.jsonld"
    for version in CORE_CONTEXT_VERSIONS
}
"""Address of a context to its file below this package. Exact: an address that is not here is not bundled."""

# The core context v1.9 names it in the scoped context of `ngsildproof`: without it nothing can be expanded.
CONTEXTS["https://w3id.org/security/data-integrity/v2"] = "core/w3id-security-data-integrity-v2.jsonld"

SMART_DATA_MODELS: dict[str, str] = {
    "Alert": "alert",
    "Device": "device",
    "Energy": "energy",
    "Environment": "environment",
    "Parking": "parking",
    "ParksAndGardens": "parks_and_gardens",
    "Streetlighting": "streetlighting",
    "Transportation": "transportation",
    "WasteManagement": "waste_management",
    "WaterConsumption": "water_consumption",
    "Weather": "weather",
}
"""Subject of Smart Data Models to its directory below this package."""

for _subject, _directory in SMART_DATA_MODELS.items():
    for _address in (
        f"https://raw.githubusercontent.com/smart-data-models/dataModel.{_subject}/master/context.jsonld",
        f"https://raw.githubusercontent.com/smart-data-models/dataModel.{_subject}/main/context.jsonld",
        f"https://smart-data-models.github.io/dataModel.{_subject}/context.jsonld",
    ):
        CONTEXTS[_address] = f"{_directory}/context.jsonld"


@cache
def read_context(url: str) -> dict[str, Any] | None:
    """The bundled document (an object with `@context`) of that address; None where there is none. Do not change it."""
    path = CONTEXTS.get(url)
    return None if path is None else _read(path)


@cache
def read_schema(path: str) -> dict[str, Any]:
    """The JSON Schema at that path below this package, such as `environment/AirQualityObserved/schema.json`.

    Raises FileNotFoundError where there is none. Do not change it.
    """
    return _read(path)


def _read(path: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((_HERE / path).read_text(encoding="utf-8"))
    return document
