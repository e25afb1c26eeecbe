"""Bodies that are broken, enormous or deep: a clear refusal, or they are stored as they are."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.chaos.platform_under_test import Platform
from tests.hostile.client import LD, Client, innocent


def entity(name: str, /, **attributes: Any) -> dict[str, Any]:
    return {"id": f"urn:ngsi-ld:Hostile:{name}", "type": "Hostile", **attributes}


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    value = opening * depth + b"1" + closing * depth
    return b'{"id":"urn:ngsi-ld:Hostile:deep","type":"Hostile","p":{"type":"Property","value":%s}}' % value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b'"text"',
        b"[]",
        b"\x00",
        b"\xff\xfe{\x00}",
        b'{"id": "urn:a:b", "type": "T", "p": NaN}',
        b'{"id": "urn:a:\xc3\x28", "type": "T"}',
        b'{"id": "urn:a:b", "type": "T"} trailing',
        b'{"id": "no uri", "type": "T"}',
        b'{"id": "urn:a:b"}',
        b'{"id": 5, "type": "T"}',
        b'{"id": "urn:a:b", "type": []}',
        b'{"id": "urn:a:b", "type": "T", "p": {"type": "Property"}}',
        b'{"id": "urn:a:b", "type": "T", "p": {"type": "Nonsense", "value": 1}}',
        b'{"id": "urn:a:b", "type": "T", "p": {"type": "GeoProperty", "value": {"type": "Point"}}}',
        b'{"id": "urn:a:b", "type": "T", "p": {"type": "Relationship", "object": 5}}',
        nested(1_000),
        nested(100_000),
        nested(1_000, b'{"a":', b"}"),
        nested(100_000, b'{"a":', b"}"),
    ],
    ids=lambda body: f"{body[:40]!r} {len(body)}",
)
async def test_a_broken_entity_is_bad_data_or_no_request(client: Client, body: bytes) -> None:
    answer = await client.call("POST", "/entities", body)
    assert answer.status == 400, answer.body[:300]
    assert answer.error in ("BadRequestData", "InvalidRequest")
    assert answer.json["detail"]
    assert (await client.call("GET", "/entities/urn:a:b")).status == 404


@pytest.mark.parametrize("depth", [1_000, 100_000])
@pytest.mark.parametrize("path", ["/subscriptions", "/entityOperations/upsert", "/entityOperations/query"])
async def test_other_deep_bodies_are_refused(client: Client, path: str, depth: int) -> None:
    for body in (b"[" * depth + b"]" * depth, b'{"q":' * depth + b"1" + b"}" * depth):
        answer = await client.call("POST", path, body)
        assert answer.status in (400, 207), answer.body[:300]


@pytest.mark.parametrize("depth", [200, 260, 900, 100_000])
async def test_a_deep_context_is_hosted_or_refused(client: Client, depth: int) -> None:
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        answer = await client.call(
            "POST", "/jsonldContexts", b'{"@context":%s1%s}' % (opening * depth, closing * depth)
        )
        assert answer.status in (201, 400), answer.body[:300]


@pytest.mark.parametrize("depth", [30, 1_000, 100_000])
async def test_a_deep_context_is_refused_or_taken(client: Client, depth: int) -> None:
    context = b'{"a":{"@id":"urn:x:a","@context":' * depth + b"{}" + b"}}" * depth
    body = b'{"@context":%s,"id":"urn:ngsi-ld:Hostile:context","type":"Hostile"}' % context
    async with innocent(client):
        answer = await client.call("POST", "/entities?options=upsert", body, **{"Content_Type": LD["Content-Type"]})
    assert answer.status in (201, 204, 400), answer.body[:300]


async def test_an_entity_of_a_megabyte_is_stored_as_it_is(client: Client) -> None:
    body = entity("large", text={"type": "Property", "value": "é" * 500_000})
    async with innocent(client):
        assert (await client.call("POST", "/entities", body)).status == 201
    assert (await client.call("GET", f"/entities/{body['id']}")).json == body
    assert (await client.call("DELETE", f"/entities/{body['id']}")).status == 204


@pytest.mark.parametrize(("count", "status"), [(1_000, 201), (3_000, 400)])
async def test_an_entity_of_many_attributes_is_stored_or_refused_as_a_whole(
    client: Client, count: int, status: int
) -> None:
    body = entity(f"wide-{count}", **{f"a{n}": {"type": "Property", "value": n} for n in range(count)})
    async with innocent(client):
        assert (await client.call("POST", "/entities", body)).status == status
    found = await client.call("GET", f"/entities/{body['id']}")
    assert (found.status, found.status == 200 and found.json == body) in ((200, True), (404, False))
    await client.call("DELETE", f"/entities/{body['id']}")


async def test_ten_thousand_entities_in_one_batch_let_others_in(client: Client) -> None:
    bodies = [entity(f"batch-{n}", number={"type": "Property", "value": n}) for n in range(10_000)]
    async with innocent(client):
        assert (await client.call("POST", "/entityOperations/create", bodies)).status == 201
    counted = await client.call("GET", "/entities?type=Hostile&count=true&limit=1")
    assert int(counted.headers["NGSILD-Results-Count"]) >= 10_000
    ids = [each["id"] for each in bodies]
    async with innocent(client):
        for half in (ids[:5_000], ids[5_000:]):
            assert (await client.call("POST", "/entityOperations/delete", half)).status == 204


async def test_a_batch_beyond_the_bound_is_refused_before_any_of_it(client: Client) -> None:
    bodies = [entity(f"beyond-{n}") for n in range(10_001)]
    answer = await client.call("POST", "/entityOperations/create", bodies)
    assert 400 <= answer.status < 500
    assert answer.json["detail"]
    assert (await client.call("GET", "/entities/urn:ngsi-ld:Hostile:beyond-0")).status == 404


async def test_too_large_a_body_is_413_and_a_chunked_one_411(client: Client, platform: Platform) -> None:
    head = b"POST /ngsi-ld/v1/entities HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n"
    assert (await client.raw(head + b"Content-Length: 99999999\r\n\r\n{")).startswith(b"HTTP/1.1 413")
    chunks = [b"10000\r\n" + b" " * 65_536 + b"\r\n"] * 400
    # Kept open, since a connection that is reset with data on the way takes the answer with it.
    kept = head.replace(b"Connection: close\r\n", b"")
    answer = await client.raw(kept + b"Transfer-Encoding: chunked\r\n\r\n", *chunks, b"0\r\n\r\n", wait=2)
    assert answer.startswith(b"HTTP/1.1 411")
    for lie in (b"-5", b"abc", b"99999999999999999999999", b"5, 6", b"0x10"):
        answer = await client.raw(head + b"Content-Length: " + lie + b'\r\n\r\n{"a":1}', wait=5)
        assert answer[9:12] in (b"400", b"411", b"413"), answer[:200]


async def test_what_is_longer_than_it_said_is_no_second_request(client: Client) -> None:
    body = b'{"id":"urn:ngsi-ld:Hostile:short","type":"Hostile"}DELETE /ngsi-ld/v1/entities/urn:ngsi-ld:Kept:1 x'
    head = (
        b"POST /ngsi-ld/v1/entities HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 51\r\n\r\n"
    )
    answer = await client.raw(head + body, wait=5)
    assert answer.startswith((b"HTTP/1.1 201", b"HTTP/1.1 400"))
    assert (await client.call("GET", "/entities/urn:ngsi-ld:Kept:1")).status == 200


async def test_both_lengths_at_once_are_refused(client: Client) -> None:
    head = b"POST /ngsi-ld/v1/entities HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n"
    both = b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert (await client.raw(head + both))[9:12] in (b"400", b"411")


_WORDS = st.sampled_from(
    ["id", "type", "value", "object", "Property", "GeoProperty", "urn:a:b", "@context", "entities"]
)
_LEAVES = st.one_of(_WORDS, st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=4))
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS | st.text(max_size=3), inner, max_size=4),
)
_TARGETS = [
    ("POST", "/entities"),
    ("PATCH", "/entities/urn:ngsi-ld:Hostile:patched"),
    ("POST", "/entityOperations/upsert"),
    ("POST", "/subscriptions"),
    ("PATCH", "/subscriptions/urn:ngsi-ld:Subscription:none"),
    ("POST", "/csourceRegistrations"),
    ("POST", "/jsonldContexts"),
    ("POST", "/temporal/entities"),
]


def test_any_json_is_answered_by_the_broker_as_it_runs(platform: Platform) -> None:
    @settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(_TARGETS), _JSON)
    def answered(target: tuple[str, str], body: Any) -> None:
        async def send() -> int:
            async with Client(platform.port) as client:
                await client.call("POST", "/entities", entity("patched", p={"type": "Property", "value": 1}))
                answer = await client.call(*target, {"type": "T", **body} if isinstance(body, dict) else body)
                # Whatever was made of it is no business of the other tests.
                if "Location" in answer.headers:
                    await client.call("DELETE", answer.headers["Location"].removeprefix("/ngsi-ld/v1"))
                return answer.status

        assert asyncio.run(send()) < 500

    answered()
