"""From what JSON and UltraLight devices send, through their provisioning, to entities."""

import json
from pathlib import Path
from typing import Any

import pytest

from agents.core.errors import InvalidDescription, MalformedMessage, UnusableReading
from agents.core.measured import Measured, measured, utc
from agents.core.model import Device, Reading
from agents.core.provisioned import device
from agents.core.topics import MeasureTopic, parse_topic
from agents.networks import json_measures, ultralight

CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"
NOON = 1_795_435_200_000_000  # 2026-11-23T12:00:00Z
SAMPLES = Path(__file__).parents[3] / "shared/payloads/iota"
WHERE = {"service": "openiot", "service_path": "/"}


def made(group: dict[str, Any] | None = None, **document: Any) -> Device:
    return device({"device_id": "d1", "apikey": "k", "entity_type": "Room", **WHERE, **document}, group, CORE)


def told(found: Device, measures: dict[str, Any], **options: Any) -> Measured:
    return measured(Reading(found.id, measures, NOON), found, NOON, timed=False, **options)


def values(entity: dict[str, Any]) -> dict[str, Any]:
    return {n: a["value"] for n, a in entity.items() if isinstance(a, dict) and "value" in a}


def samples(name: str, part: str) -> list[dict[str, Any]]:
    path = SAMPLES / name
    if not path.exists():
        return []
    return list(json.loads(path.read_text())[part])


def test_names_types_and_units_are_those_of_the_provisioning() -> None:
    metadata = {"unitCode": {"type": "Text", "value": "CEL"}, "accuracy": {"type": "Number", "value": 0.5}}
    found = made(
        attributes=[
            {"object_id": "t", "name": "temperature", "type": "Number", "metadata": metadata},
            {"name": "open", "type": "Boolean"},
            {"name": "since", "type": "DateTime"},
            {"name": "where", "type": "geo:point"},
            {"name": "room", "type": "Relationship"},
        ]
    )
    sent = {
        "t": "21.5",
        "open": "true",
        "since": "2026-01-01T00:00:00Z",
        "where": "49.5, 5.9",
        "room": "urn:r:1",
        "x": "7",
    }
    entity = told(found, sent).entities[0]
    at = "2026-11-23T12:00:00Z"
    assert entity == {
        "id": "urn:ngsi-ld:Room:d1",
        "type": "Room",
        "temperature": {
            "type": "Property",
            "value": 21.5,
            "observedAt": at,
            "unitCode": "CEL",
            "accuracy": {"type": "Property", "value": 0.5},
        },
        "open": {"type": "Property", "value": True, "observedAt": at},
        "since": {
            "type": "Property",
            "value": {"@type": "DateTime", "@value": "2026-01-01T00:00:00Z"},
            "observedAt": at,
        },
        "where": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [5.9, 49.5]}, "observedAt": at},
        "room": {"type": "Relationship", "object": "urn:r:1", "observedAt": at},
        "x": {"type": "Property", "value": "7", "observedAt": at},
        "@context": CORE,
    }


def test_a_value_that_does_not_fit_skips_its_attribute_alone_and_says_why() -> None:
    found = told(made(attributes=[{"name": "t", "type": "Number"}, {"name": "p", "type": "geo:point"}]),
                 {"t": "hot", "p": "nowhere", "x": 1})  # fmt: skip
    assert values(found.entities[0]) == {"x": 1}
    assert {name for name, _ in found.skipped} == {"t", "p"}
    assert "'hot' is no number" in dict(found.skipped)["t"]


def test_expressions_see_measures_statics_context_and_earlier_results() -> None:
    found = made(
        attributes=[
            {"object_id": "v", "name": "volume", "type": "Number"},
            {"name": "percent", "type": "Number", "expression": "v / capacity * 100"},
            {"name": "label", "type": "Text", "expression": "id + ' ' + (percent|tofixed(0)) + '% of ' + type"},
        ],
        static_attributes=[{"name": "capacity", "type": "Number", "value": 50}],
    )
    entity = told(found, {"v": 10}, introduce=True).entities[0]
    assert values(entity) == {"capacity": 50, "volume": 10, "percent": 20, "label": "d1 20% of Room"}
    assert "capacity" not in told(found, {"v": 10}).entities[0]


def test_an_expression_without_its_input_skips_that_attribute_alone_and_says_why() -> None:
    found = told(
        made(attributes=[{"name": "double", "expression": "a*2"}, {"name": "half", "expression": "b/2"}]), {"b": 4}
    )
    assert values(found.entities[0]) == {"b": 4, "half": 2}
    assert dict(found.skipped) == {"double": "an operand of * is missing or null"}


def test_a_value_equal_to_skip_value_is_left_out() -> None:
    found = made(attributes=[{"object_id": "t", "name": "temperature", "skipValue": -999}])
    assert values(told(found, {"t": -999, "x": 1}).entities[0]) == {"x": 1}


@pytest.mark.parametrize(
    ("explicit", "left"),
    [
        (False, {"temperature", "x", "a", "site"}),
        (True, {"temperature", "a", "site"}),
        ("['temperature','x']", {"temperature", "x"}),
        (["site", {"object_id": "t"}], {"temperature", "site"}),
        ("x == 5 ? ['a'] : []", {"a"}),
        ("x == 5", {"temperature", "a", "site"}),
    ],
)
def test_explicit_attributes_choose_what_goes_out(explicit: Any, left: set[str]) -> None:
    found = made(
        attributes=[{"object_id": "t", "name": "temperature"}, {"name": "a"}],
        static_attributes=[{"name": "site", "value": "Belval"}],
        explicitAttrs=explicit,
    )
    assert set(values(told(found, {"t": 1, "a": 2, "x": 5}, introduce=True).entities[0])) == left


def test_a_measure_named_as_a_command_is_left_out_so_that_no_report_commands_the_device_again() -> None:
    found = told(made(commands=[{"name": "switch"}, {"name": "dim"}], attributes=[{"object_id": "d", "name": "dim"}]),
                 {"switch": "on", "d": 3, "t": 1})  # fmt: skip
    assert values(found.entities[0]) == {"t": 1}
    assert {name for name, _ in found.skipped} == {"switch", "dim"}


def test_an_empty_list_of_explicit_attributes_lets_nothing_out() -> None:
    with pytest.raises(UnusableReading):
        told(made(explicitAttrs="[]"), {"t": 1})


def test_the_entity_can_be_named_by_an_expression_and_keeps_its_name_where_that_fails() -> None:
    found = made({"entityNameExp": "'urn:ngsi-ld:Room:' + floor + '-' + id"})
    assert told(found, {"floor": 2}).entities[0]["id"] == "urn:ngsi-ld:Room:2-d1"
    failed = told(found, {"x": 2})
    assert failed.entities[0]["id"] == "urn:ngsi-ld:Room:d1"
    assert failed.skipped[0][0] == "entityNameExp"


def test_attributes_of_other_entities_go_there_and_nowhere_else() -> None:
    found = made(
        attributes=[
            {"object_id": "v1", "name": "vehicles", "type": "Number", "entity_name": "Lane1", "entity_type": "Lane"},
            {
                "object_id": "v2",
                "name": "vehicles",
                "type": "Number",
                "entity_name": "'Lane' + n",
                "entity_type": "Lane",
            },
            {"object_id": "t", "name": "temperature", "type": "Number"},
        ]
    )
    entities = told(found, {"v1": 1, "v2": 2, "t": 3, "n": 2}).entities
    assert [each["id"] for each in entities] == [
        "urn:ngsi-ld:Room:d1",
        "urn:ngsi-ld:Lane:Lane1",
        "urn:ngsi-ld:Lane:Lane2",
    ]
    assert [values(each) for each in entities] == [{"temperature": 3, "n": 2}, {"vehicles": 1}, {"vehicles": 2}]
    assert entities[1]["type"] == "Lane"


def test_a_link_shows_attributes_in_another_entity_too_with_where_they_are_from() -> None:
    link = {"attributes": ["temperature", "missing"], "type": "Building"}
    found = made(
        attributes=[{"object_id": "t", "name": "temperature", "type": "Number"}],
        static_attributes=[
            {"name": "building", "type": "Relationship", "value": "urn:ngsi-ld:Building:1", "link": link},
            {
                "name": "floor",
                "type": "Text",
                "value": "urn:ngsi-ld:Floor:2",
                "link": {"attributes": ["h"], "name": "of"},
            },
        ],
    )
    own, linked = told(found, {"t": 21}).entities
    assert "providedBy" not in own["temperature"]
    assert (linked["id"], linked["type"]) == ("urn:ngsi-ld:Building:1", "Building")
    assert set(linked) == {"id", "type", "temperature", "@context"}
    assert linked["temperature"]["value"] == 21
    assert linked["temperature"]["providedBy"] == {"type": "Relationship", "object": "urn:ngsi-ld:Room:d1"}
    _, floor = told(found, {"h": 50}, introduce=True).entities
    assert (floor["id"], floor["type"]) == ("urn:ngsi-ld:Floor:2", "Floor")
    assert floor["h"]["of"]["object"] == "urn:ngsi-ld:Room:d1"


def test_the_device_goes_before_its_group_and_adds_to_it() -> None:
    group = {
        "apikey": "g",
        "entity_type": "Hall",
        "attributes": [
            {"object_id": "t", "name": "temperature", "type": "Text"},
            {"object_id": "h", "name": "humidity"},
        ],
        "commands": [{"name": "switch"}],
        "timezone": "UTC",
    }
    own = {"attributes": [{"object_id": "t", "name": "temperature", "type": "Number"}], "commands": [{"name": "dim"}]}
    found = device({"device_id": "d1", **WHERE, **own}, group, CORE)
    assert (found.api_key, found.entity_id, found.tenant) == ("g", "urn:ngsi-ld:Hall:d1", "openiot")
    assert set(found.provisioned.commands) == {"switch", "dim"}
    assert values(told(found, {"t": "1", "h": 2}).entities[0]) == {"temperature": 1, "humidity": 2}


def test_a_naive_local_time_becomes_utc_in_summer_and_winter() -> None:
    found = made(timezone="Europe/Luxembourg")
    for local, meant in (
        ("2026-07-01T12:00:00", "2026-07-01T10:00:00Z"),
        ("2026-01-01T12:00:00", "2026-01-01T11:00:00Z"),
    ):
        topic = MeasureTopic("k", "d1")
        naive = json_measures.uplinks(topic, json.dumps({"t": 1, "TimeInstant": local}).encode())[0]
        said = json_measures.uplinks(topic, json.dumps({"t": 1, "TimeInstant": meant}).encode())[0]
        assert (naive.local, said.local) == (True, False)
        assert naive.time is not None
        assert utc(naive.time, found.provisioned) == said.time


def test_an_attribute_aliased_to_time_instant_is_the_time_of_the_others() -> None:
    found = made(attributes=[{"object_id": "tmp", "name": "temperature"}, {"object_id": "tt", "name": "TimeInstant"}])
    entity = told(found, {"tmp": 24.4, "tt": "2016-09-26T12:19:26.476659Z"}).entities[0]
    assert entity["temperature"]["observedAt"] == "2016-09-26T12:19:26.476659Z"
    assert "TimeInstant" not in entity
    assert "tt" not in entity


def test_without_timestamps_only_measures_that_say_their_time_have_one() -> None:
    found = made(timestamp=False)
    assert "observedAt" not in told(found, {"t": 1}).entities[0]["t"]
    reading = Reading(found.id, {"t": 1}, NOON)
    assert measured(reading, found, NOON, timed=True).entities[0]["t"]["observedAt"] == "2026-11-23T12:00:00Z"


@pytest.mark.parametrize(
    "wrong",
    [{"timezone": "Mars/Olympus"}, {"attributes": [{"name": "a", "expression": "1+"}]}, {"entityNameExp": "("},
     {"explicitAttrs": "['a'"}, {"attributes": [{"name": "a", "expression": "x|nosuch"}]}],
)  # fmt: skip
def test_what_could_never_work_is_refused_at_provisioning(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidDescription):
        made(**wrong)


@pytest.mark.parametrize("sample", samples("ultralight-2.0.json", "parser") or [None])
def test_ultralight_payloads_of_the_contract(sample: dict[str, Any] | None) -> None:
    if sample is None:
        pytest.skip("no shared samples here")
    if "command" in sample:
        command = sample["command"]
        assert ultralight.result(sample["payload"]) == (command["deviceId"], command["command"], command["value"])
    elif "error" in sample:
        with pytest.raises(MalformedMessage):
            ultralight.groups(sample["payload"] or "")
    else:
        found = ultralight.groups(sample["payload"])
        assert sample["groups"] is None or found == sample["groups"]


@pytest.mark.parametrize("sample", samples("ultralight-2.0.json", "mqtt") + samples("iota-json.json", "mqtt") or [None])
def test_messages_of_the_contract_give_the_values_it_expects(sample: dict[str, Any] | None) -> None:
    if sample is None:
        pytest.skip("no shared samples here")
    if sample.get("direction") == "down" or "<" in sample["topic"]:
        pytest.skip("says how commands are sent")
    payload = sample["payload"]
    content = payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()
    kind = "ngsild" if "ngsild" in sample.get("note", "") else "iotagent"
    found = made(payloadType=kind, attributes=[{"object_id": "tmp", "name": "temperature"},
                                               {"object_id": "tt", "name": "TimeInstant"}])  # fmt: skip
    topics = [sample["topic"], *([sample["alsoTopic"]] if "alsoTopic" in sample else [])]
    for name in topics:
        topic = parse_topic(name)
        assert isinstance(topic, MeasureTopic)
        if "error" in sample:
            with pytest.raises(MalformedMessage):
                json_measures.uplinks(topic, content)
            continue
        uplinks = json_measures.uplinks(topic, content)
        if "expectedNgsiV2" not in sample:
            continue
        expected = sample["expectedNgsiV2"]
        wanted = expected.get("entities", [expected])
        # NGSI-v2 shows the time as an attribute and skips what is null; NGSI-LD has observedAt.
        assert [_plain(told(found, dict(each.decoded or {})).entities[0]) for each in uplinks] == [
            {n: a["value"] for n, a in each.items() if isinstance(a, dict) and n not in ("TimeInstant", "@context")}
            for each in wanted
        ]


def _plain(entity: dict[str, Any]) -> dict[str, Any]:
    return {
        name: each.get("value", each.get("object"))
        for name, each in entity.items()
        if isinstance(each, dict) and name not in ("measure_context",)
    }
