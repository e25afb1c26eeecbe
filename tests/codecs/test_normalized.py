"""Normalizers of device repositories map to Smart Data Models, without a mapping of one's own."""

import json
from pathlib import Path
from typing import Any

import pytest

from agents.codecs import normalized
from agents.codecs.catalogue import import_layout
from agents.codecs.engine import Engine
from agents.codecs.outcome import Decoded, decoded
from agents.codecs.registry import read_models
from agents.codecs.sandbox import CodecCall, CodecSandbox
from agents.core.describe import device, device_model
from agents.core.model import Reading
from agents.core.translate import NORMALIZED, translate
from schemas import read_context

AT = 1_763_892_000_000_000
CODEC = """
function decodeUplink(i) { return { data: { temp: i.bytes[0], rh: i.bytes[1], mode: "auto", co2: 4 } }; }
function normalizeUplink(i) {
  var told = { air: { temperature: i.data.temp, relativeHumidity: i.data.rh, co2: 412 }, battery: 3.1 };
  i.data.temp = "spoilt";
  return { data: told };
}
"""


def model(found: set[str], words: str = "") -> Any:
    described = {"description": "d", "keepsUnmapped": True, **normalized.mapping(frozenset(found), words)}
    return device_model("maker/model", described, CODEC)


def entity(found: set[str], measurement: dict[str, Any], words: str = "", **measures: Any) -> dict[str, Any]:
    of = model(found, words)
    registered = device({"id": "0102030405060708", "model": of.id}, of)
    return translate(Reading(registered.id, {**measures, NORMALIZED: measurement}, AT), registered, of, introduce=True)


@pytest.mark.parametrize(
    ("measurement", "name", "value", "unit", "kind"),
    [
        ({"air": {"temperature": 21.5}}, "temperature", 21.5, "CEL", "IndoorEnvironmentObserved"),
        ({"air": {"relativeHumidity": 55}}, "relativeHumidity", 0.55, "C62", "IndoorEnvironmentObserved"),
        ({"air": {"co2": 412}}, "co2", 412, "59", "IndoorEnvironmentObserved"),
        ({"wind": {"speed": 3.5}, "air": {"pressure": 1013}}, "atmosphericPressure", 1013, "A97", "WeatherObserved"),
        ({"wind": {"direction": 90}}, "windDirection", 90, "DD", "WeatherObserved"),
        ({"soil": {"moisture": 31.5}}, "soilMoistureVwc", 0.315, "C62", "GreenspaceRecord"),
        ({"soil": {"ec": 1.2}}, "soilMoistureEc", 0.12, "D10", "GreenspaceRecord"),
        ({"water": {"leak": True}}, "severity", "high", None, "Alert"),
        ({"water": {"leak": False}}, "severity", "informational", None, "Alert"),
        ({"metering": {"water": {"total": 1204}}}, "waterConsumption", 1204, "LTR", "WaterConsumptionObserved"),
        ({"action": {"motion": {"detected": False}}}, "motionDetected", False, None, "DeviceMeasurement"),
        ({"action": {"contactState": "open"}}, "contactState", "open", None, "DeviceMeasurement"),
        ({"air": {}, "battery": 3.6}, "batteryVoltage", 3.6, "VLT", "IndoorEnvironmentObserved"),
    ],
)
def test_a_measurement_has_the_units_of_its_data_model(measurement, name, value, unit, kind):
    made = entity(set(measurement) & set(normalized.GROUPS), measurement)
    assert made["type"] == kind
    assert made[name]["value"] == value
    assert made[name].get("unitCode") == unit
    assert NORMALIZED not in made


@pytest.mark.parametrize("found", [{"soil"}, {"air"}, {"air", "wind"}, {"water"}, {"metering"}])
def test_types_and_attributes_that_data_models_have_stand_in_the_context(found):
    of = model(found)
    context = read_context(of.context)
    assert context is not None
    terms = context["@context"]
    assert terms[of.entity_type].endswith(of.entity_type)
    beyond = {"batteryVoltage", "waterTemperature", "soilPh", "soilDepth", "soilNitrogen"}
    beyond |= {"soilPhosphorus", "soilPotassium"}
    beyond |= {f"waterTemperature{each}" for each in ("Minimum", "Maximum", "Average")}
    beyond |= {"co2"} if of.entity_type == "WeatherObserved" else set()
    assert {rule.name for rule in of.attributes} - beyond <= set(terms)


def test_a_position_becomes_the_location():
    made = entity({"position"}, {"position": {"latitude": 49.6, "longitude": 6.1}})
    assert made["location"]["type"] == "GeoProperty"
    assert made["location"]["value"] == {"type": "Point", "coordinates": [6.1, 49.6]}
    nowhere = entity({"position"}, {"position": {"latitude": 0, "longitude": 0}, "battery": 3})
    assert "location" not in nowhere


def test_what_the_normalizer_says_goes_before_the_makers_own_measure_of_that_name():
    made = entity({"air"}, {"air": {"co2": 412}}, co2=4, mode="auto")
    assert (made["co2"]["value"], made["co2"]["unitCode"]) == (412, "59")
    assert made["mode"]["value"] == "auto"


def test_weather_stations_and_rooms_are_told_apart():
    assert model({"air"}, "Outdoor temperature sensor").entity_type == "WeatherObserved"
    assert model({"air"}, "Room sensor").entity_type == "IndoorEnvironmentObserved"


async def test_the_sandbox_decodes_and_normalizes_in_one_call():
    sandbox = CodecSandbox({"c": CODEC, "bad": CODEC.replace("return { data: told }", "null.x")})
    try:
        good, plain, bad = await sandbox.decode(
            [CodecCall(name, bytes([21, 55]), 1, AT, normalized=asked) for name, asked in
             (("c", True), ("c", False), ("bad", True))]
        )  # fmt: skip
    finally:
        await sandbox.close()
    data = {"temp": 21, "rh": 55, "mode": "auto", "co2": 4}
    assert good == Decoded(data, [], [{"air": {"temperature": 21, "relativeHumidity": 55, "co2": 412}, "battery": 3.1}])
    assert plain == Decoded(data, [])
    assert isinstance(bad, Decoded)
    assert bad.data == data  # a normalizer that fails takes nothing away
    assert bad.normalized == []
    assert "normalizeUplink" in bad.warnings[0]


def test_a_codec_without_a_normalizer_and_one_that_reports_errors_are_as_ever():
    engine = Engine()
    engine.load("c", "function decodeUplink() { return { errors: ['x'], data: {} }; } function normalizeUplink() {}")
    assert engine.call("c", "measureUplink", json.dumps({"bytes": []})) == {"errors": ["x"], "data": {}}
    engine.load("c", "function Decoder(bytes) { return { n: bytes.length }; }")
    assert decoded(engine.call("c", "measureUplink", json.dumps({"bytes": []}))) == Decoded({"n": 0}, [])


def test_an_import_maps_the_devices_whose_codec_has_a_normalizer(tmp_path: Path):
    maker = tmp_path / "checkout/vendor/maker"
    maker.mkdir(parents=True)
    device_yaml = "name: D\nfirmwareVersions: [{version: '1', profiles: {EU863-870: {codec: c}}}]"
    (maker / "../index.yaml").write_text("vendors: [{id: maker, name: M}]")
    (maker / "index.yaml").write_text("endDevices: [d]")
    (maker / "d.yaml").write_text(device_yaml)
    (maker / "c.yaml").write_text("uplinkDecoder: {fileName: c.js}")
    (maker / "c.js").write_text(CODEC)
    result = import_layout(tmp_path / "checkout", tmp_path / "out")
    assert (result.models, result.mapped) == (1, 1)
    found = read_models(tmp_path / "out")["maker/d"]
    assert found.normalized
    assert found.entity_type == "IndoorEnvironmentObserved"
    assert "co2" in [rule.name for rule in found.attributes]


@pytest.mark.parametrize(
    ("examples", "source", "found"),
    [
        ([{"normalizedOutput": {"data": [{"soil": {}}, {"air": {}}]}}], "normalizeUplink wind", {"soil", "air"}),
        ([{"normalizedOutput": {"data": {"wind": {}}}}], "", {"wind"}),
        ([{"output": {}}, {"normalizedOutput": None}], "soil; function normalizeUplink() { air: {} }", {"air"}),
        ([], "function normalizeUplink() {}", set()),
    ],
)
def test_what_a_normalizer_gives_shows_in_its_examples_or_else_in_its_words(examples, source, found):
    assert normalized.groups(examples, source) == found
