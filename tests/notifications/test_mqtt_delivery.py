"""Notifications over MQTT to a real MQTT broker (clause 7.2)."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import aiomqtt
import pytest

from tests.core.subscribe.building import CONTEXT_URL, created, entity, updated
from tests.notifications.mosquitto import mosquitto_in
from tests.notifications.world import until


@pytest.fixture
def mosquitto(tmp_path):
    broker = mosquitto_in(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def broker(mosquitto, make_broker):
    """Closed before mosquitto is."""
    return make_broker()


@pytest.fixture
async def listen(mosquitto) -> AsyncIterator[Callable]:
    tasks = []

    async def listening(topic: str) -> list[tuple[int, dict]]:
        heard: list[tuple[int, dict]] = []
        ready = asyncio.Event()

        async def run() -> None:
            async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
                await client.subscribe(topic, qos=2)
                ready.set()
                async for message in client.messages:
                    heard.append((message.qos, json.loads(message.payload)))

        tasks.append(asyncio.create_task(run()))
        await asyncio.wait_for(ready.wait(), 10)
        return heard

    yield listening
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def endpoint(mosquitto, topic="a/b", **members):
    return {"endpoint": {"uri": f"mqtt://127.0.0.1:{mosquitto.port}/{topic}", **members}}


async def test_7_2_metadata_and_body(broker, mosquitto, listen):
    heard = await listen("a/b")
    info = [{"key": "X-Info", "value": "42"}]
    await broker.subscribe(notification=endpoint(mosquitto, receiverInfo=info))
    broker.commit(created(entity(level=1)))
    await until(lambda: heard)
    qos, payload = heard[0]
    assert qos == 0
    assert payload.keys() == {"metadata", "body"}
    link = f'<{CONTEXT_URL}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
    assert payload["metadata"] == {"Content-Type": "application/json", "Link": link, "X-Info": "42"}
    assert payload["body"]["data"][0]["level"]["value"] == 1
    await until(lambda: not broker.outbox.waiting)


async def test_7_2_json_ld_has_no_link(broker, mosquitto, listen):
    heard = await listen("a/b")
    await broker.subscribe(notification=endpoint(mosquitto, accept="application/ld+json"))
    broker.commit(created(entity(level=1)))
    await until(lambda: heard)
    assert heard[0][1]["metadata"] == {"Content-Type": "application/ld+json"}
    assert heard[0][1]["body"]["data"][0]["@context"] == CONTEXT_URL


@pytest.mark.parametrize("version", ["mqtt3.1.1", "mqtt5.0"])
@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_7_2_quality_of_service_and_version(broker, mosquitto, listen, qos, version):
    heard = await listen("a/b")
    info = [{"key": "MQTT-QoS", "value": str(qos)}, {"key": "MQTT-Version", "value": version}]
    await broker.subscribe(notification=endpoint(mosquitto, notifierInfo=info))
    broker.commit(created(entity(level=1)))
    await until(lambda: heard)
    assert heard[0][0] == qos


async def test_subscriptions_of_one_mqtt_broker_share_a_connection(broker, mosquitto, listen):
    heard = await listen("#")
    for number in range(5):
        await broker.subscribe(id=f"urn:s:{number}", notification=endpoint(mosquitto, f"t/{number}"))
    broker.commit(created(entity(level=1)))
    await until(lambda: len(heard) == 5)
    sink = broker.notifications._sinks["mqtt"]
    assert len(sink._connections) == 1


async def test_an_mqtt_broker_that_comes_back_gets_all_in_order(broker, mosquitto, listen):
    info = [{"key": "MQTT-QoS", "value": "1"}]
    await broker.subscribe(notification=endpoint(mosquitto, notifierInfo=info))
    first = await listen("a/b")
    broker.commit(created(entity(level=0)))
    await until(lambda: first)
    mosquitto.stop()
    for number in range(1, 6):
        broker.commit(updated(entity(level=number - 1), entity(level=number)))
    await asyncio.sleep(0.3)
    mosquitto.start()
    again = await listen("a/b")
    await until(lambda: len(again) >= 5, 15)
    values = [payload["body"]["data"][0]["level"]["value"] for _, payload in again]
    assert values == [1, 2, 3, 4, 5]
    await until(lambda: not broker.outbox.waiting)
