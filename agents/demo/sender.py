"""The demonstration's devices at work: each reports once a period, all of them spread evenly over it."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, tzinfo

import aiomqtt

from agents.demo.fleet import Device
from agents.demo.messages import message
from agents.demo.settings import MqttAddress

_QOS = 1
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 5.0


async def send_forever(
    devices: list[Device],
    period: float,
    address: MqttAddress,
    zone: tzinfo,
    left: Callable[[Device], None],
    waiting: Callable[[str], None],
) -> None:
    """Publish until cancelled, and reconnect as often as need be; `left` is told of each report as it leaves.

    What a device would have said while there was no connection is not made up for: the next report has it.
    """
    pause, told = _FIRST_PAUSE, False
    while True:
        try:
            async with aiomqtt.Client(
                address.host, address.port, username=address.username, password=address.password
            ) as client:
                pause, told = _FIRST_PAUSE, False
                await _send(client, devices, period, zone, left)
        except aiomqtt.MqttError as error:
            if not told:
                waiting(f"MQTT at {address.host}:{address.port}: {error}")
                told = True
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


async def _send(
    client: aiomqtt.Client, devices: list[Device], period: float, zone: tzinfo, left: Callable[[Device], None]
) -> None:
    gap = period / len(devices)
    turn, due = 0, time.monotonic()
    while True:
        device = devices[turn % len(devices)]
        at = time.time()
        # Any number that grows from one report to the next, also over a restart, serves as a frame counter.
        topic, payload = message(device, at, datetime.fromtimestamp(at, zone), int(at / period) & 0xFFFFFFFF)
        left(device)
        await client.publish(topic, payload, qos=_QOS)
        turn += 1
        due = max(due + gap, time.monotonic() - 1.0)
        await asyncio.sleep(due - time.monotonic())
