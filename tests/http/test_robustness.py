"""Whatever a client sends, it gets an answer below 500, and the broker goes on."""

from functools import cache
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.http.client import LD, Client, memory_client
from tests.http.samples import PLACED, SENSOR, sensor

_KNOWN = ["id", "type", "value", "object", "Property", "Relationship", "GeoProperty", "LanguageProperty", "languageMap"]
_KNOWN += ["datasetId", "observedAt", "urn:ngsi-ld:null", "urn:a:b", "@context", "@none", "scope", "/a", "coordinates"]
_KNOWN += ["ListProperty", "valueList", "json", "JsonProperty", "vocab", "VocabProperty", "temperature", "Query", "q"]
_KNOWN += ["2026-01-01T00:00:00Z", "notification", "endpoint", "uri", "Subscription", "entities", "unitCode"]
_WORDS = st.sampled_from(_KNOWN)
_NUMBERS = st.integers(-(2**63), 2**64 - 1)
_LEAVES = st.one_of(_WORDS, st.none(), st.booleans(), _NUMBERS, st.floats(allow_nan=False), st.text(max_size=5))
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS | st.text(max_size=4), inner, max_size=5),
)
_TARGETS = [
    ("POST", "/entities"),
    ("PUT", f"/entities/{SENSOR}"),
    ("PATCH", f"/entities/{SENSOR}"),
    ("POST", f"/entities/{SENSOR}/attrs"),
    ("PATCH", f"/entities/{SENSOR}/attrs"),
    ("PATCH", f"/entities/{SENSOR}/attrs/temperature"),
    ("PUT", f"/entities/{SENSOR}/attrs/temperature"),
    ("POST", "/entityOperations/create"),
    ("POST", "/entityOperations/upsert?options=update"),
    ("POST", "/entityOperations/merge"),
    ("POST", "/entityOperations/delete"),
    ("POST", "/entityOperations/query"),
    ("POST", "/subscriptions"),
]
_PARAMETERS = ["type", "q", "attrs", "pick", "omit", "id", "idPattern", "georel", "geometry", "coordinates", "lang"]
_PARAMETERS += ["scopeQ", "limit", "offset", "count", "options", "format", "orderBy", "datasetId", "join", "joinLevel"]
_PIECES = st.sampled_from(
    [*'()|;,.[]{}=!<>~"*+#/%&- ', "temperature", "==", "..", "near;maxDistance==1", "Point", "[1,2]"]
)

shared_client = cache(memory_client)  # building one for each example would take longer than all else

_slow = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@_slow
@given(st.sampled_from(_TARGETS), _JSON, st.booleans())
async def test_any_json_gets_an_answer(target: tuple[str, str], body: Any, json_ld: bool) -> None:
    client = shared_client()
    await client.post("/entities", sensor(**PLACED))
    if json_ld and isinstance(body, dict):
        body = {**body, "@context": {"a": "https://example.org/a"}}
    if isinstance(body, dict):
        body = {"id": SENSOR, "type": "Sensor", **body}
    answer = await client.call(*target, body, {"content-type": LD if json_ld else "application/json"})
    assert answer.status < 500, answer.body
    assert answer.status < 400 or answer.json["detail"]
    assert (await client.get("/entities?local=true&options=sysAttrs")).status == 200


@_slow
@given(st.dictionaries(st.sampled_from(_PARAMETERS), st.lists(_PIECES | st.text(max_size=3), max_size=6), max_size=4))
async def test_any_parameters_get_an_answer(parameters: dict[str, list[str]]) -> None:
    client = shared_client()
    await client.post("/entities", sensor(**PLACED))
    query = "&".join(f"{name}={quote(''.join(pieces))}" for name, pieces in parameters.items())
    answer = await client.get(f"/entities?{query}")
    assert answer.status < 500, answer.body


@pytest.mark.parametrize("depth", [10, 100, 250, 253, 254, 300, 900, 1023])
async def test_deep_values_are_given_back_or_refused_never_lost(client: Client, depth: int) -> None:
    body = b'{"id":"urn:a:b","type":"T","p":{"type":"Property","value":%s1%s}}' % (b"[" * depth, b"]" * depth)
    created = await client.post("/entities", body)
    assert created.status in (201, 400)
    found = await client.get("/entities/urn:a:b")
    assert found.status == (200 if created.status == 201 else 404)
    listed = await client.get("/entities?type=T", Accept="application/geo+json")
    assert listed.status == 200


async def test_numbers_that_json_cannot_give_back_are_refused_or_kept_as_numbers(client: Client) -> None:
    body = b'{"id":"urn:a:b","type":"T","p":{"type":"Property","value":%s}}'
    for number in (b"1e999", b"123456789012345678901234567890", b"-0.0", b"9223372036854775808"):
        created = await client.post("/entities?options=upsert", body % number)
        assert created.status in (201, 204, 400)
        if created.status != 400:
            value = (await client.get("/entities/urn:a:b")).json["p"]["value"]
            assert isinstance(value, int | float)
