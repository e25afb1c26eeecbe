"""Topics, instants, networks and translation: no I/O."""

import dataclasses
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.codecs.registry import bundled_models
from agents.core.describe import describe, device
from agents.core.errors import InvalidDescription, MalformedMessage, UnusableReading
from agents.core.instant import format_instant, parse_instant
from agents.core.model import Reading
from agents.core.topics import CHIRPSTACK_EVENTS, EventTopic, MeasureTopic, parse_topic
from agents.core.translate import translate
from agents.networks import chirpstack, json_measures
from tests.agents.field import BIN, BIN_FRAME, event, registration

UP = EventTopic("app", BIN, "up")


@pytest.mark.parametrize("prefix", ["/", "", "/json/", "json/", "/ul/", "ul/"])
@pytest.mark.parametrize(("tail", "attribute"), [("", None), ("/no2", "no2")])
def test_all_four_spellings_of_a_measure_topic_mean_the_same(prefix: str, tail: str, attribute: str | None) -> None:
    protocol = prefix.strip("/")
    assert parse_topic(f"{prefix}key/dev/attrs{tail}") == MeasureTopic("key", "dev", attribute, "measures", protocol)


def test_a_device_key_named_json_is_told_from_the_prefix() -> None:
    assert parse_topic("/json/dev/attrs") == MeasureTopic("json", "dev")


@pytest.mark.parametrize(
    "topic",
    ["", "/", "a/b", "//dev/attrs", "/k//attrs", "/k/d/cmd", "/k/d/attrs/a/b", "application/a/device//event/up"],
)
def test_other_topics_are_none_of_ours(topic: str) -> None:
    assert parse_topic(topic) is None


@given(st.text())
def test_any_text_may_be_a_topic_without_an_error(topic: str) -> None:
    parse_topic(topic)


@given(st.integers(min_value=0, max_value=253_402_300_799_999))
def test_an_instant_in_milliseconds_survives_being_written_and_read(milliseconds: int) -> None:
    assert parse_instant(format_instant(milliseconds * 1000)) == milliseconds * 1000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2022-07-18T09:34:15.775023242+00:00", 1_658_136_855_775_023),
        ("2022-07-18T11:34:15+02:00", 1_658_136_855_000_000),
        ("2022-07-18T09:34:15", 1_658_136_855_000_000),
        ("2022-13-18T09:34:15Z", None),
        ("yesterday", None),
        (5, None),
    ],
)
def test_instants_of_networks_are_read(text: object, expected: int | None) -> None:
    assert parse_instant(text) == expected


def test_chirpstack_zero_values_that_are_left_out_are_zero() -> None:
    message = {"deviceInfo": {"devEui": BIN.upper()}, "time": "2026-11-23T10:00:00Z"}
    uplink = chirpstack.event(UP, message).uplink
    assert uplink is not None
    assert (uplink.f_port, uplink.f_cnt, uplink.payload, uplink.decoded) == (0, 0, b"", None)
    assert uplink.identity == (BIN, 0, parse_instant("2026-11-23T10:00:00Z"))


def test_chirpstack_the_gateway_that_heard_best_counts() -> None:
    uplink = chirpstack.event(UP, orjson.loads(event(BIN, BIN_FRAME, 85))).uplink
    assert uplink is not None
    assert (uplink.gateway, uplink.rssi, uplink.snr) == ("b", -57, 9.5)
    assert uplink.payload == BIN_FRAME


@pytest.mark.parametrize("kind", sorted(CHIRPSTACK_EVENTS - {"up"}))
def test_chirpstack_events_without_measures_are_no_error(kind: str) -> None:
    assert chirpstack.event(EventTopic("app", BIN, kind), {"deviceInfo": {"devEui": BIN}}).uplink is None


@pytest.mark.parametrize(
    "change",
    [
        {"deviceInfo": {"devEui": "ffffffffffffffff"}},
        {"deviceInfo": None},
        {"data": "not base64!"},
        {"data": 5},
        {"data": "A" * 100_000},
        {"fPort": 256},
        {"fPort": True},
        {"fCnt": -1},
        {"fCnt": "twelve"},
        {"object": [1]},
    ],
)
def test_chirpstack_lies_and_garbage_are_refused(change: dict[str, Any]) -> None:
    message = orjson.loads(event(BIN, BIN_FRAME, 85, **change))
    with pytest.raises(MalformedMessage):
        chirpstack.event(UP, message)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner)))
def test_chirpstack_any_json_is_an_uplink_or_refused(message: object) -> None:
    try:
        chirpstack.event(UP, message)
    except MalformedMessage:
        return


def test_json_measures_of_a_list_come_out_in_the_order_of_their_time() -> None:
    payload = b'[{"a":2,"TimeInstant":"2026-01-02T00:00:00Z"},{"a":1,"TimeInstant":"2026-01-01T00:00:00Z"}]'
    assert [each.decoded for each in json_measures.uplinks(MeasureTopic("k", "d"), payload)] == [{"a": 1}, {"a": 2}]


def test_json_single_attribute_that_is_no_json_is_shown_as_hexadecimal() -> None:
    (uplink,) = json_measures.uplinks(MeasureTopic("k", "d", "state"), b"\xff\x00")
    assert uplink.decoded == {"state": "ff00"}


@pytest.mark.parametrize(
    "payload", [b"", b"5", b'"x"', b"{", b'{"TimeInstant": "noon"}', b"[" + b"{}," * 1000 + b"{}]"]
)
def test_json_measures_that_are_none_are_refused(payload: bytes) -> None:
    with pytest.raises(MalformedMessage):
        json_measures.uplinks(MeasureTopic("k", "d"), payload)


MODEL = bundled_models()["milesight-iot/em400-mud"]
DEVICE = device(registration(), MODEL)


def entity(measures: dict[str, Any], *, introduce: bool = False) -> dict[str, Any]:
    return translate(Reading(BIN, measures, 1_700_000_000_000_000), DEVICE, MODEL, introduce=introduce)


@pytest.mark.parametrize(("distance", "level"), [(3000, 0), (1000, 1), (2000, 0.5), (9999, 0), (10, 1)])
def test_filling_level_is_between_0_and_1_and_never_percent(distance: int, level: float) -> None:
    assert entity({"distance": distance})["fillingLevel"]["value"] == level


def test_only_what_was_measured_is_sent() -> None:
    assert set(entity({"temperature": 4.5, "battery": 92})) == {"id", "type", "temperature", "@context"}


def test_static_attributes_come_with_the_introduction_only() -> None:
    assert "location" in entity({"distance": 1500}, introduce=True)
    assert "location" not in entity({"distance": 1500})


@pytest.mark.parametrize(
    "measures", [{}, {"battery": 92}, {"distance": "near"}, {"distance": None}, {"position": "up"}]
)
def test_a_reading_without_any_attribute_is_refused(measures: dict[str, Any]) -> None:
    with pytest.raises(UnusableReading):
        entity(measures)


def test_numbers_that_json_cannot_hold_are_left_out() -> None:
    assert "fillingLevel" not in entity({"distance": float("nan"), "temperature": 1})


def test_a_device_without_declared_attributes_keeps_all_names_and_renames_reserved_ones() -> None:
    model = bundled_models()["generic/json"]
    found = translate(
        Reading("d", {"a": [1], "id": "x", "type": "y", "n": None}, 0),
        device({"id": "d", "model": model.id}, model),
        model,
    )
    assert found["a"]["value"] == [1]
    assert found["id"] == "urn:ngsi-ld:Device:d"
    assert found["measure_id"]["value"] == "x"
    assert "n" not in found


def test_a_registration_survives_being_described() -> None:
    assert device(describe(DEVICE), MODEL) == DEVICE
    assert dataclasses.replace(DEVICE, api_key="k") == device(describe(dataclasses.replace(DEVICE, api_key="k")), MODEL)


def test_a_dev_eui_is_known_in_either_case() -> None:
    assert device(registration(BIN.upper()), MODEL).id == BIN


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"id": "a/b"},
        {"id": 5},
        {"id": "x" * 129},
        {"parameters": {"depth": 1}},
        {"parameters": {"emptyDistance": "1"}},
        {"attributes": {"location": [1, 2]}},
        {"attributes": {"id": {"type": "Property", "value": 1}}},
        {"unknown": 1},
        {"entityId": 5},
    ],
)
def test_a_wrong_registration_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidDescription):
        device({**registration(), **change}, MODEL)
