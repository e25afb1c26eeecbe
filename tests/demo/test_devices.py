"""What a simulated device measures, encoded into its real bytes, comes out of the agents' codec as the same reading."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.codecs.registry import bundled_models
from agents.codecs.sandbox import CodecCall, CodecSandbox
from agents.core.describe import device as describe_device
from agents.core.model import Reading, Uplink
from agents.core.topics import parse_topic
from agents.core.translate import translate
from agents.demo.app import local_zone
from agents.demo.devices import air_quality, electricity, parking, street_light, waste, water_meter
from agents.demo.fleet import KINDS, build
from agents.demo.messages import message, uplink
from agents.networks import chirpstack, json_measures
from models.registry import model_of

MODELS = bundled_models()
VECTORS = Path(__file__).parents[2] / "../shared/payloads/lorawan"
MORNING = datetime(2026, 11, 24, 7, 30, tzinfo=local_zone())
EVENING = datetime(2026, 7, 4, 23, 30, tzinfo=local_zone())


@pytest.fixture
async def sandbox():
    started = CodecSandbox({model.id: model.codec for model in MODELS.values() if model.codec})
    yield started
    await started.close()


async def decode(sandbox, kind, frame):
    model = MODELS[kind.model]
    (decoded,) = await sandbox.decode([CodecCall(model.id, frame.data, frame.f_port, 0)])
    return decoded.data


async def reading_and_data(sandbox, kind, local=MORNING):
    reading = kind.measure("seed", local.timestamp(), local)
    return reading, await decode(sandbox, kind, kind.encode(reading))


async def test_waste_bytes_decode_to_the_reading(sandbox):
    reading, data = await reading_and_data(sandbox, waste.KIND)
    assert data["distance"] == reading["distance"]
    assert data["temperature"] == pytest.approx(reading["temperature"])
    assert data["battery"] == reading["battery"]
    assert data["position"] == ("tilt" if reading["tilted"] else "normal")


async def test_waste_bytes_carry_frost(sandbox):
    reading = {"battery": 80, "temperature": -7.5, "distance": 900, "tilted": False}
    assert (await decode(sandbox, waste.KIND, waste.encode(reading)))["temperature"] == pytest.approx(-7.5)


@pytest.mark.parametrize("local", [MORNING, EVENING])
async def test_street_light_bytes_decode_to_the_reading(sandbox, local):
    reading, data = await reading_and_data(sandbox, street_light.KIND, local)
    assert data["voltage"] == pytest.approx(reading["voltage"])
    assert data["power"] == reading["power"]
    assert data["current"] == reading["current"]
    assert data["power_consumption"] == reading["energy"]
    assert data["switch_1"] == ("on" if reading["on"] else "off")


@pytest.mark.parametrize("occupied", [True, False])
async def test_parking_bytes_decode_to_the_reading(sandbox, occupied):
    data = await decode(sandbox, parking.KIND, parking.encode({"occupied": occupied}))
    assert data["occupied"] is occupied


async def test_water_meter_bytes_decode_to_the_reading(sandbox):
    reading, data = await reading_and_data(sandbox, water_meter.KIND)
    assert data["pulseCount"] == reading["pulses"]
    assert data["capacitorVoltage"] == pytest.approx(reading["capacitor"], abs=0.02)


async def test_air_quality_bytes_decode_to_the_reading(sandbox):
    reading, data = await reading_and_data(sandbox, air_quality.KIND)
    assert data["co2_concentration"]["value"] == reading["co2"]
    assert data["air_temperature"]["value"] == pytest.approx(reading["temperature"], abs=0.01)
    assert data["air_humidity"]["value"] == pytest.approx(reading["humidity"], abs=0.01)
    assert data["barometric_pressure"]["value"] == pytest.approx(reading["pressure"], abs=2)
    assert data["battery_voltage"]["value"] == pytest.approx(reading["battery"] / 1000)


async def test_electricity_bytes_decode_to_the_reading(sandbox):
    reading, data = await reading_and_data(sandbox, electricity.KIND)
    assert data["totalImportedActiveEnergy"] == reading["energy"]
    assert data["totalImportedActivePower"] == reading["power"]
    assert data["voltageL1"] == reading["voltage"]


def vector(name, index):
    path = VECTORS / f"{name}.json"
    if not path.exists():
        pytest.skip("the recorded payloads are not beside the repository")
    return bytes.fromhex(json.loads(path.read_text(encoding="utf-8"))["examples"][index]["input"]["hex"])


def test_waste_encoder_writes_the_recorded_frame():
    reading = {"battery": 92, "temperature": 25.7, "distance": 2116, "tilted": True}
    assert waste.encode(reading).data == vector("milesight-iot--em400-mud", 0)


def test_electricity_encoder_writes_the_recorded_frame():
    reading = {"energy": 12345, "power": 1100, "voltage": 230, "current": 25}
    assert electricity.encode(reading).data == vector("yobiiq--dsmr", 3)


def uplinks_of(device, local):
    topic, payload = message(device, local.timestamp(), local, 7)
    parsed = parse_topic(topic)
    assert parsed is not None
    if device.kind.encode is None:
        return json_measures.uplinks(parsed, payload)
    up = chirpstack.event(parsed, json.loads(payload)).uplink
    assert isinstance(up, Uplink)
    return [up]


@pytest.mark.parametrize("local", [MORNING, EVENING, MORNING + timedelta(days=200, hours=11)])
async def test_every_report_becomes_an_entity_that_its_data_model_accepts(sandbox, local):
    for device in build(60, 3):
        model = MODELS[device.kind.model]
        registered = describe_device(device.registration(), model)
        (up,) = uplinks_of(device, local)
        measures = up.decoded
        if measures is None:
            (decoded,) = await sandbox.decode([CodecCall(model.id, up.payload, up.f_port, 0)])
            measures = decoded.data
        entity = translate(Reading(device.id, measures, up.time), registered, model, introduce=True)
        assert model_of(device.kind.type_iri) is not None
        key_values = {
            name: value.get("value", value.get("object")) if isinstance(value, dict) else value
            for name, value in entity.items()
            if name != "@context"
        }
        parsed = model_of(device.kind.type_iri).model_validate(key_values)
        assert entity["@context"] == parsed.CONTEXT
        assert parsed.location.coordinates == list(device.place)
        assert any(name in key_values for name in device.kind.watched)
        assert set(entity) - {"@context"} <= {*type(parsed).model_fields}


def test_zero_values_are_left_out_of_the_event_as_protobuf_does():
    device = next(device for device in build(20, 1) if device.kind is parking.KIND)
    event = uplink(device, parking.encode({"occupied": True}), MORNING.timestamp(), 0)
    assert "fCnt" not in event
    assert event["fPort"] == 1


def test_two_reports_of_a_device_are_never_taken_for_one():
    device = next(device for device in build(20, 1) if device.kind is parking.KIND)
    (first,) = uplinks_of(device, MORNING)
    (second,) = uplinks_of(device, MORNING + timedelta(seconds=30))
    assert first.identity != second.identity


def test_kinds_cover_six_services_and_both_protocols():
    assert len({kind.type_iri for kind in KINDS}) == 6
    assert any(kind.encode is None for kind in KINDS)


def test_reports_bear_the_moment_in_utc():
    device = build(20, 1)[0]
    (up,) = uplinks_of(device, MORNING)
    assert up.time == int(MORNING.astimezone(UTC).timestamp() * 1_000_000)
