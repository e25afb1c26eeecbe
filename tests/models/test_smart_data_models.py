"""The bundled models agree with what Smart Data Models publishes."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from models.json_schema import json_schema
from models.ngsild.smart_data import SmartDataEntity
from models.registry import MODELS, model_of, schema_path
from schemas import SMART_DATA_MODELS, read_context, read_schema

PUBLISHED = Path(__file__).parents[2] / "../shared/smart-data-models"
EVERY_MODEL = pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.__name__)
EXAMPLES = ("example.json", "example.jsonld")


def subject(model: type[SmartDataEntity]) -> str:
    return model.TYPE_IRI.rsplit("/", 2)[1].removeprefix("dataModel.")


def published(*parts: str) -> dict:
    path = PUBLISHED.joinpath(*parts)
    if not path.exists():
        pytest.skip("the published data models are not beside the repository")
    return json.loads(path.read_text(encoding="utf-8"))


@EVERY_MODEL
@pytest.mark.parametrize("example", EXAMPLES)
def test_official_key_values_example_is_valid(model, example):
    document = published(subject(model), model.__name__, example)
    entity = model.model_validate(document)
    assert entity.id == document["id"]
    assert not list(Draft202012Validator(json_schema(model)).iter_errors(document))


@EVERY_MODEL
def test_every_published_attribute_is_a_field_with_its_bounds(model):
    rows = published("index.json")
    row = next(row for row in rows if row["typeIRI"] == model.TYPE_IRI)
    properties = json_schema(model)["properties"]
    names = {attribute["name"] for attribute in row["attributes"]}
    assert names <= set(properties)
    assert set(row["required"]) - {"id", "type"} == set(json_schema(model)["required"]) - {"id"}


@pytest.mark.parametrize("name", SMART_DATA_MODELS)
def test_context_maps_each_term_to_the_published_iri(name):
    ours = read_context(f"https://raw.githubusercontent.com/smart-data-models/dataModel.{name}/master/context.jsonld")
    assert ours is not None
    assert ours["@context"] == published(name, "context.jsonld")["@context"]


@EVERY_MODEL
def test_context_of_the_model_gives_its_type_the_type_iri(model):
    context = read_context(model.CONTEXT)
    assert context is not None
    assert context["@context"][model.__name__] == model.TYPE_IRI
    assert model_of(model.TYPE_IRI) is model


@EVERY_MODEL
def test_schema_file_is_what_the_class_says(model):
    assert read_schema(schema_path(model)) == json_schema(model)


def test_filling_level_in_percent_is_refused():
    point = {"type": "Point", "coordinates": [5.95, 49.47]}
    waste_container = model_of("https://smartdatamodels.org/dataModel.WasteManagement/WasteContainer")
    assert waste_container is not None
    with pytest.raises(ValidationError):
        waste_container.model_validate({"id": "urn:ngsi-ld:WasteContainer:1", "location": point, "fillingLevel": 83})


def test_unknown_type_has_no_model():
    assert model_of("https://smartdatamodels.org/dataModel.WasteManagement/Nothing") is None
