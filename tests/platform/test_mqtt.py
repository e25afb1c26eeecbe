"""The embedded MQTT servers, both of them, with a real client."""

import asyncio
import socket
import sys
from pathlib import Path

import aiomqtt
import pytest

from broker.platform.mqtt import find_mosquitto, mosquitto_configuration, mqtt_child
from broker.platform.output import Console
from broker.platform.supervisor import Supervisor


def _free_port() -> int:
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        return int(candidate.getsockname()[1])


@pytest.mark.parametrize("kind", ["mosquitto", "amqtt"])
async def test_a_message_of_qos_1_arrives(kind: str, tmp_path: Path) -> None:
    mosquitto = find_mosquitto() if kind == "mosquitto" else None
    if kind == "mosquitto" and mosquitto is None:
        pytest.skip("Mosquitto is not installed")
    port = _free_port()
    supervisor = Supervisor([mqtt_child(mosquitto, port, tmp_path, Console("text", sys.stdout))], Console("text"))
    try:
        assert await asyncio.wait_for(supervisor.start(), 30)
        async with aiomqtt.Client("127.0.0.1", port) as client:
            await client.subscribe("a/+", qos=1)
            await client.publish("a/b", b"payload", qos=1)
            message = await asyncio.wait_for(anext(client.messages), 10)
        assert (str(message.topic), message.payload) == ("a/b", b"payload")
    finally:
        supervisor.stop()
        assert await supervisor.finish() == 0


async def test_messages_for_a_client_that_is_away_survive_a_restart_of_mosquitto(tmp_path: Path) -> None:
    mosquitto = find_mosquitto()
    if mosquitto is None:
        pytest.skip("Mosquitto is not installed")
    port = _free_port()
    away = {"identifier": "away", "clean_session": False}
    for life in range(2):
        supervisor = Supervisor([mqtt_child(mosquitto, port, tmp_path, Console("text"))], Console("text"))
        try:
            assert await asyncio.wait_for(supervisor.start(), 30)
            async with aiomqtt.Client("127.0.0.1", port, **away) as client:
                if life == 0:
                    await client.subscribe("a", qos=1)
                else:
                    message = await asyncio.wait_for(anext(client.messages), 10)
                    assert message.payload == b"kept"
            if life == 0:
                async with aiomqtt.Client("127.0.0.1", port) as other:
                    await other.publish("a", b"kept", qos=1)
        finally:
            supervisor.stop()
            await supervisor.finish()


def test_mosquitto_accepts_strangers_on_the_loopback_address_alone() -> None:
    lines = mosquitto_configuration(1883, Path("/data/mqtt")).splitlines()
    assert [line for line in lines if line.startswith("listener")] == ["listener 1883 127.0.0.1"]
    assert "allow_anonymous true" in lines
