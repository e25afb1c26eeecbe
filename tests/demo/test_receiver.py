"""What the demonstration's subscriber makes of notifications."""

import io

import aiohttp

from agents.demo.console import Console
from agents.demo.fleet import build
from agents.demo.receiver import PATH, Receiver


async def notify(receiver: Receiver, *entities: dict) -> int:
    runner, port = await receiver.serve("127.0.0.1")
    try:
        async with aiohttp.ClientSession() as session:
            answer = await session.post(f"http://127.0.0.1:{port}{PATH}", json={"data": list(entities)})
            return answer.status
    finally:
        await runner.cleanup()


async def test_it_tells_readings_and_not_what_a_device_can_be_told_to_do() -> None:
    stream = io.StringIO()
    devices = build(40, 1)
    lamp = next(each for each in devices if each.kind.entity_type == "Streetlight")
    receiver = Receiver(devices, Console(stream))
    assert await notify(receiver, {"id": lamp.entity_id, "type": "Streetlight", "switch": "off"}) == 200
    assert stream.getvalue() == ""
    assert await notify(receiver, {"id": lamp.entity_id, "type": "Streetlight", "powerState": "on"}) == 200
    assert "powerState on" in stream.getvalue()
