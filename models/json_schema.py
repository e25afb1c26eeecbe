"""The JSON Schemas (2020-12) of the models: `python -m models.json_schema` writes them below `schemas`."""

import json
from pathlib import Path
from typing import Any

from models.ngsild.smart_data import SmartDataEntity
from models.registry import MODELS, schema_path


def json_schema(model: type[SmartDataEntity]) -> dict[str, Any]:
    """The schema of the key-values view of that type."""
    schema = model.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": f"{model.TYPE_IRI}; facts from Smart Data Models, CC BY 4.0 (see SOURCES.md)",
        **schema,
    }


def write(directory: Path) -> None:
    """Write every model's schema below the directory."""
    for model in MODELS.values():
        path = directory / schema_path(model)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(json_schema(model), indent=1, ensure_ascii=False, sort_keys=True)
        path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(__file__).parents[1] / "schemas")
