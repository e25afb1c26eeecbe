"""From published frames to entities of Smart Data Models: valid after their schemas, with the right units."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agents.codecs.engine import CodecRefusal, Engine
from agents.codecs.outcome import Decoded, decoded
from agents.codecs.registry import bundled_models
from agents.codecs.sandbox import CodecCall
from agents.core.describe import device
from agents.core.errors import UnusableReading
from agents.core.model import Reading
from agents.core.translate import translate
from models.registry import MODELS, schema_path
from schemas import read_context, read_schema
from tests.codecs.test_vectors import NAMES_IN_VECTORS, VECTORS

MAPPED = [name for name, model in bundled_models().items() if model.codec is not None and not model.keeps_unmapped]
AT = 1_763_892_000_000_000
UNITS = {
    "fillingLevel": "C62",
    "relativeHumidity": "C62",
    "soilMoistureVwc": "C62",
    "temperature": "CEL",
    "soilTemperature": "CEL",
    "co2": "59",
    "LAS": "2N",
    "windSpeed": "MTS",
    "precipitation": "MMT",
    "atmosphericPressure": "A97",
    "soilMoistureEc": "D10",
    "waterConsumption": "LTR",
    "peopleCount": "C62",
}
STATIC = {
    "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [5.93, 49.47]}},
    "refParkingSite": {"type": "Relationship", "object": "urn:ngsi-ld:OnStreetParking:1"},
    "alertSource": {"type": "Relationship", "object": "urn:ngsi-ld:Device:1"},
}
"""What a registration tells because no device does, where the data model asks for it."""


def entities(name: str) -> list[dict[str, Any]]:
    path = VECTORS / (NAMES_IN_VECTORS.get(name, name.replace("/", "--")) + ".json")
    if not path.is_file():
        pytest.skip(f"{path.name}: the published example frames are not here")
    model = bundled_models()[name]
    wanted = read_schema(schema_path(MODELS[type_iri(name)])).get("required", [])
    static = {each: value for each, value in STATIC.items() if each in wanted}
    registered = device({"id": "0102030405060708", "model": name, "attributes": static}, model)
    engine = Engine()
    engine.load(name, model.codec or "")
    found = []
    for example in json.loads(path.read_text(encoding="utf-8"))["examples"]:
        argument = CodecCall(name, bytes(example["input"]["bytes"]), example["input"]["fPort"], AT).argument
        try:
            result = decoded(engine.call(name, "decodeUplink", argument))
            if isinstance(result, Decoded):
                found.append(translate(Reading(registered.id, result.data, AT), registered, model, introduce=True))
        except (CodecRefusal, UnusableReading):
            continue  # an error, a version report or a configuration among the examples
    return found


def type_iri(name: str) -> str:
    model = bundled_models()[name]
    context = read_context(model.context)
    assert context is not None, f"{name}: its context is not bundled"
    return str(context["@context"][model.entity_type])


def key_values(entity: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {"id": entity["id"], "type": entity["type"]}
    for name, attribute in entity.items():
        if isinstance(attribute, dict) and name != "@context":
            value = attribute.get("value", attribute.get("object"))
            plain[name] = value["@value"] if isinstance(value, dict) and "@value" in value else value
    return plain


@pytest.mark.parametrize("name", MAPPED)
def test_entities_of_published_frames_are_valid_after_their_data_model(name: str) -> None:
    made = entities(name)
    assert made, "none of the published frames gives an entity"
    schema = read_schema(schema_path(MODELS[type_iri(name)]))
    for entity in made:
        problems = [problem.message for problem in Draft202012Validator(schema).iter_errors(key_values(entity))]
        assert problems == []
        MODELS[type_iri(name)].model_validate(key_values(entity))


@pytest.mark.parametrize("name", MAPPED)
def test_numbers_have_the_unit_of_their_data_model(name: str) -> None:
    for entity in entities(name):
        for attribute, unit in UNITS.items():
            if attribute in entity:
                assert entity[attribute]["unitCode"] == unit, attribute
                assert entity[attribute]["observedAt"] == "2025-11-23T10:00:00Z"


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("browan/tbsl100", {"LAS": 40}),
        ("browan/tbwl100", {"severity": "high"}),
        ("mclimate/flood-sensor", {"severity": "informational"}),
        ("milesight-iot/vs121", {"peopleCount": 3}),
        ("milesight-iot/em310-udl", {"fillingLevel": 0, "status": "dropped"}),
        ("decentlab/dl-trs12", {"soilMoistureVwc": 0.0069, "soilTemperature": 31.7, "soilMoistureEc": 0}),
        ("decentlab/dl-atm41", {"relativeHumidity": 0.524, "atmosphericPressure": 959.6, "windDirection": 29.9}),
        ("elsys/ers-co2", {"relativeHumidity": 0.41, "temperature": 22.6, "co2": 776, "illuminance": 39}),
        ("mclimate/vicki", {"relativeHumidity": 0.4688, "temperature": 18.01}),
    ],
)
def test_values_of_published_frames(name: str, attributes: dict[str, Any]) -> None:
    plain = key_values(entities(name)[0])
    assert {each: plain.get(each) for each in attributes} == attributes


def test_the_fields_of_a_territory_are_covered() -> None:
    kinds = {model.entity_type for model in bundled_models().values()}
    assert kinds >= {
        "WasteContainer", "Streetlight", "WaterConsumptionObserved", "ThreePhaseAcMeasurement", "AirQualityObserved",
        "NoiseLevelObserved", "ParkingSpot", "CrowdFlowObserved", "GreenspaceRecord", "Alert", "WeatherObserved",
        "IndoorEnvironmentObserved",
    }  # fmt: skip
    assert len(MAPPED) >= 12
