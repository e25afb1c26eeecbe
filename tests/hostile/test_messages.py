"""MQTT messages that are not what they say: rejected with a reason, counted, and the next good one goes through."""

import json
from typing import Any

import aiohttp
import aiomqtt
import pytest

from tests.agents.field import BIN, BIN_FRAME, BIN_TOPIC, event, registration
from tests.chaos.platform_under_test import Platform, until
from tests.hostile.client import Client

_JSON_DEVICE = {"id": "meter-1", "model": "generic/json", "entityId": "urn:ngsi-ld:Device:meter-1"}
_MEASURES = "json/key/meter-1/attrs"


def changed(**members: Any) -> bytes:
    """A good event of the bin with some members changed; those that are None are left out."""
    message = {**json.loads(event(BIN, BIN_FRAME, 85, 7)), **members}
    return json.dumps({name: value for name, value in message.items() if value is not None}).encode()


_BAD: list[tuple[str, bytes]] = [
    (BIN_TOPIC, b"\x00\xff\xfe garbage \x80" * 50),
    (BIN_TOPIC, b""),
    (BIN_TOPIC, b"[" * 100_000 + b"]" * 100_000),
    (BIN_TOPIC, b'{"a":' * 900 + b"1" + b"}" * 900),
    (BIN_TOPIC, b'{"data": "' + b"A" * 300_000 + b'"}'),
    (BIN_TOPIC, b"x" * 900_000),
    (BIN_TOPIC, b"null"),
    (BIN_TOPIC, changed(deviceInfo=None)),
    (BIN_TOPIC, changed(deviceInfo="a device")),
    (BIN_TOPIC, changed(deviceInfo={"devEui": "ffffffffffffffff"})),
    (BIN_TOPIC, changed(fPort="the first")),
    (BIN_TOPIC, changed(fCnt="one")),
    (BIN_TOPIC, changed(fPort=-1)),
    (BIN_TOPIC, changed(data="not base64 !")),
    (BIN_TOPIC, changed(data=17)),
    (BIN_TOPIC, changed(object=[1, 2, 3])),
    (BIN_TOPIC.replace("/up", "/nonsense"), changed()),
    (BIN_TOPIC.replace(BIN, "ffffffffffffffff"), event("ffffffffffffffff", BIN_FRAME, 85)),
    (_MEASURES, b"{"),
    (_MEASURES, b'"text"'),
    (_MEASURES, b"[1, 2]"),
    (_MEASURES, b'{"TimeInstant": "yesterday", "number": 1}'),
    (_MEASURES, b"[" + b'{"number":1},' * 2_000 + b'{"number":1}]'),
    (_MEASURES, json.dumps({f"m{n}": n for n in range(1_000)}).encode()),
    (_MEASURES, b"[" * 100_000),
    (_MEASURES.replace("meter-1", "nobody"), b'{"number": 1}'),
]
"""What has to be rejected."""
_ODD: list[tuple[str, bytes]] = [
    (BIN_TOPIC, changed(fPort="85")),
    ("some/where/else", b"nobody listens"),
    ("$SYS/attrs", b"1"),
    (BIN_TOPIC.replace("/up", "/status"), b'{"battery": "full"}'),
    (BIN_TOPIC, changed(rxInfo="strong", time="yesterday", deduplicationId=5, fCnt=8)),
    (_MEASURES, b'{"odd": "' + b"x" * 10_000 + b'", "a b": {"c": [1, {"d": null}]}, "": 1, "$where": 1}'),
    (_MEASURES, b'{"deep": ' + b"[" * 900 + b"]" * 900 + b"}"),
    (_MEASURES, b'{"large": 1e999999}'),
    (_MEASURES + "/raw", b"\x00\x01\x02"),
]
"""What may be taken or rejected, and must do no harm."""


async def rejections(platform: Platform) -> list[dict[str, Any]]:
    """What the operator is shown."""
    async with aiohttp.ClientSession() as session, session.get(f"{platform.agents}/rejected") as answer:
        rejected: list[dict[str, Any]] = await answer.json()
    return rejected


@pytest.fixture(name="devices")
async def registered(platform: Platform) -> None:
    async with aiohttp.ClientSession() as session:
        await session.post(f"{platform.agents}/devices", json=[registration(), _JSON_DEVICE])


async def send(platform: Platform, messages: list[tuple[str, bytes]]) -> None:
    async with aiomqtt.Client("127.0.0.1", platform.mqtt_port) as client:
        for topic, payload in messages:
            await client.publish(topic, payload, qos=1)


async def arrives(platform: Platform, client: Client, number: int) -> None:
    """A good measure that is sent now becomes an entity: the stream goes on."""
    await send(platform, [(_MEASURES, json.dumps({"number": number}).encode())])

    async def there() -> bool:
        answer = await client.call("GET", "/entities/urn:ngsi-ld:Device:meter-1?options=keyValues")
        return answer.status == 200 and answer.json.get("number") == number

    await until(there, platform.last_words)


async def test_bad_messages_are_rejected_one_by_one_and_the_good_ones_go_on(
    platform: Platform, client: Client, devices: None
) -> None:
    before = await rejections(platform)
    await send(platform, _BAD)
    await arrives(platform, client, 1)
    rejected = await rejections(platform)
    assert len(rejected) - len(before) == len(_BAD), "\n".join(each["detail"] for each in rejected)
    assert all(each["reason"] and each["detail"] for each in rejected)
    assert (await client.call("GET", f"/entities/urn:ngsi-ld:WasteContainer:{BIN}")).status == 404


async def test_odd_messages_do_no_harm(platform: Platform, client: Client, devices: None) -> None:
    await send(platform, _ODD)
    await arrives(platform, client, 2)


async def test_a_flood_of_garbage_delays_nobody_for_ever(platform: Platform, client: Client, devices: None) -> None:
    await send(platform, [(BIN_TOPIC, b"\xff" * 200)] * 2_000)
    await arrives(platform, client, 3)
