"""Puts the demonstration together and runs it until it is told to stop."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Coroutine
from datetime import timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import aiohttp

from agents.demo.console import Console
from agents.demo.fleet import Device, build
from agents.demo.platform import Platform, RefusedError, insist
from agents.demo.receiver import PATH, Receiver
from agents.demo.sender import send_forever
from agents.demo.settings import Settings, mqtt_address

_CALL_SECONDS = 20
_CHECK_SECONDS = 30
_STOP_SECONDS = 3


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT."""
    console = Console(sys.stdout)
    devices = build(settings.devices, settings.seed)
    receiver = Receiver(devices, console)
    runner, port = await receiver.serve(settings.host)
    timeout = aiohttp.ClientTimeout(total=_CALL_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session:
            token = os.environ.get("ECLOR_AGENTS_TOKEN", "")
            platform = Platform(session, settings.broker_url, settings.agents_url, token)
            await _until_stopped(_work(settings, devices, platform, receiver, console, port))
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, RefusedError):
                await asyncio.wait_for(platform.unsubscribe(), _STOP_SECONDS)
    finally:
        await runner.cleanup()


async def _work(
    settings: Settings, devices: list[Device], platform: Platform, receiver: Receiver, console: Console, port: int
) -> None:
    endpoint = f"http://{settings.notify_host}:{port}{PATH}"

    async def prepare_broker() -> None:
        await platform.draw_communes()
        await platform.subscribe(endpoint)

    async def register() -> None:
        await platform.register(devices)

    await insist(prepare_broker, lambda why: console.say(f"waiting for the broker: {why}"))
    await insist(register, lambda why: console.say(f"waiting for the agents: {why}"))
    console.say(
        f"{len(devices)} devices in 8 communes, each reporting every {settings.period:g} s; "
        f"a live map is at {settings.broker_url}/"
    )
    await asyncio.gather(
        send_forever(
            devices,
            settings.period,
            mqtt_address(settings.mqtt_url),
            local_zone(),
            receiver.left,
            lambda why: console.say(f"waiting for {why}"),
        ),
        _look_after(platform, devices, endpoint, console),
    )


async def _look_after(platform: Platform, devices: list[Device], endpoint: str, console: Console) -> None:
    """Every half minute: a summary, and whatever the platform lost (a wiped database) is set up again."""
    while True:
        await asyncio.sleep(_CHECK_SECONDS)
        console.summary(_CHECK_SECONDS)
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, RefusedError):
            if not await platform.subscribed():
                await platform.draw_communes()
                await platform.subscribe(endpoint)
            if not await platform.knows(devices[0]):
                await platform.register(devices)


async def _until_stopped(work: Coroutine[None, None, None]) -> None:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def local_zone() -> tzinfo:
    """The territory's clocks; a machine without a time zone database has winter time all year."""
    try:
        return ZoneInfo("Europe/Paris")
    except ZoneInfoNotFoundError:
        return timezone(timedelta(hours=1))
