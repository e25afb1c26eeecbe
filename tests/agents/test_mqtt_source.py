"""The MQTT source with a real broker: nothing of QoS 1 is lost, nothing is acknowledged too early."""

import asyncio

import aiomqtt
import pytest

from agents.adapters.mqtt import MqttSource, parse_address
from agents.core.errors import InvalidDescription
from agents.operations.backoff import Backoff
from tests.agents.conftest import Mosquitto, eventually

TOPIC = "/k/d/attrs"


def source(mosquitto: Mosquitto, queue: int = 100) -> MqttSource:
    backoff = Backoff(first=0.05, longest=0.1)
    return MqttSource(
        parse_address(mosquitto.url), client_id="test", topics=["/+/+/attrs"], queue=queue, backoff=backoff
    )


async def subscribed(mosquitto: Mosquitto, **options: int) -> MqttSource:
    """A source whose session exists at the broker."""
    made = source(mosquitto, **options)
    await made._connect()
    return made


async def publish(mosquitto: Mosquitto, *payloads: bytes) -> None:
    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
        for payload in payloads:
            await client.publish(TOPIC, payload, qos=1)


async def take(source: MqttSource, limit: int = 1000) -> list[bytes]:
    async with asyncio.timeout(10):
        return [each.payload for each in await source.take(limit)]


async def test_what_was_not_acknowledged_comes_again_to_the_next_process(mosquitto: Mosquitto) -> None:
    first = await subscribed(mosquitto)
    await publish(mosquitto, b"1", b"2")
    await asyncio.sleep(0.3)
    deliveries = await first.take(1)
    first.acknowledge(deliveries)
    assert await take(first, 1) == [b"2"]
    await first.close()
    second = source(mosquitto)
    assert await take(second) == [b"2"]
    await second.close()


async def test_messages_of_qos_0_that_find_no_room_are_counted(mosquitto: Mosquitto) -> None:
    lost: list[int] = []
    small = MqttSource(
        parse_address(mosquitto.url), client_id="small", topics=["/+/+/attrs"], queue=5, on_lost=lambda: lost.append(1)
    )
    await small._connect()
    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
        for number in range(8):
            await client.publish(TOPIC, str(number).encode(), qos=0)
    await eventually(lambda: len(lost) == 3)
    assert await take(small) == [b"0", b"1", b"2", b"3", b"4"]
    await small.close()


async def test_messages_sent_while_nobody_was_connected_are_delivered(mosquitto: Mosquitto) -> None:
    first = await subscribed(mosquitto)
    await first.close()
    await publish(mosquitto, b"1")
    second = source(mosquitto)
    assert await take(second) == [b"1"]
    await second.close()


async def test_a_receipt_of_an_older_connection_acknowledges_nothing(mosquitto: Mosquitto) -> None:
    first = await subscribed(mosquitto)
    await publish(mosquitto, b"1")
    old = await first.take(10)
    await first.close()
    again = await first.take(10)
    first.acknowledge(old)
    await first.close()
    assert [each.payload for each in await first.take(10)] == [b"1"] == [each.payload for each in again]
    await first.close()


async def test_more_messages_than_fit_come_again_and_none_is_lost(mosquitto: Mosquitto) -> None:
    small = await subscribed(mosquitto, queue=5)
    expected = {b"%d" % number for number in range(60)}
    await publish(mosquitto, *sorted(expected))
    await asyncio.sleep(0.5)
    received: set[bytes] = set()
    async with asyncio.timeout(20):
        while received != expected:
            deliveries = await small.take(1000)
            received |= {each.payload for each in deliveries}
            small.acknowledge(deliveries)
    await small.close()


async def test_what_does_not_fit_is_not_overtaken(mosquitto: Mosquitto) -> None:
    small = await subscribed(mosquitto, queue=5)
    expected = [b"%d" % number for number in range(60)]
    await publish(mosquitto, *expected)
    received: dict[bytes, None] = {}
    async with asyncio.timeout(20):
        while len(received) < len(expected):
            deliveries = await small.take(1000)
            received |= dict.fromkeys(each.payload for each in deliveries)
            small.acknowledge(deliveries)
            # What the acknowledgement makes room for is there before the next ones are taken.
            await asyncio.sleep(0.1)
    assert list(received) == expected
    await small.close()


async def test_a_broker_that_restarts_is_joined_again(mosquitto: Mosquitto) -> None:
    one = await subscribed(mosquitto)
    waiting = asyncio.create_task(take(one))
    await asyncio.sleep(0.2)
    await asyncio.to_thread(mosquitto.stop)
    await asyncio.to_thread(mosquitto.start)
    await publish(mosquitto, b"1")
    assert await waiting == [b"1"]
    await one.close()


@pytest.mark.parametrize("url", ["", "http://a", "mqtt://", "127.0.0.1:1883"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidDescription):
        parse_address(url)


def test_an_address_never_shows_its_password() -> None:
    address = parse_address("mqtts://user:p%40ss@example.org")
    assert (address.host, address.port, address.username, address.password, address.tls) == (
        "example.org",
        8883,
        "user",
        "p@ss",
        True,
    )
    assert "p@ss" not in repr(address)
