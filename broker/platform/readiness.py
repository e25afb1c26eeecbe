"""Whether a child serves: one cheap question in its own protocol, answered yes or no, never with an exception."""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

_ANSWER_SECONDS = 2.0
_OP_MSG = 2013
# MQTT 3.1.1, 3.1: CONNECT, clean session, keep alive 10 s, client identifier "eclor-ready"; 2.2: what accepts it.
_MQTT_CONNECT = b"\x10\x17\x00\x04MQTT\x04\x02\x00\x0a\x00\x0beclor-ready"
_MQTT_ACCEPTED = b"\x20\x02\x00\x00"
_MQTT_DISCONNECT = b"\xe0\x00"
_LARGEST_REPLY = 65_536

Check = Callable[[], Awaitable[bool]]


def _ping_message() -> bytes:
    """`{ping: 1, $db: "admin"}` as an OP_MSG of the MongoDB wire protocol (little-endian, BSON)."""
    elements = b"\x10ping\x00" + struct.pack("<i", 1) + b"\x02$db\x00" + struct.pack("<i", 6) + b"admin\x00"
    document = struct.pack("<i", len(elements) + 5) + elements + b"\x00"
    body = struct.pack("<i", 0) + b"\x00" + document
    return struct.pack("<iiii", len(body) + 16, 1, 0, _OP_MSG) + body


async def _ask_mongod(socket: Path) -> bool:
    reader, writer = await asyncio.open_unix_connection(str(socket))
    try:
        writer.write(_ping_message())
        header = await reader.readexactly(4)
        (length,) = struct.unpack("<i", header)
        reply = await reader.readexactly(min(length, _LARGEST_REPLY) - 4)
        return b"\x01ok\x00" + struct.pack("<d", 1.0) in reply
    finally:
        writer.close()


async def _ask_mqtt(host: str, port: int) -> bool:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(_MQTT_CONNECT)
        accepted = await reader.readexactly(4) == _MQTT_ACCEPTED
        writer.write(_MQTT_DISCONNECT)
        await writer.drain()
        return accepted
    finally:
        writer.close()


async def _ask_http(host: str, port: int, path: str) -> bool:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        status_line = await reader.readline()
        return status_line.split(b" ")[1:2] == [b"200"]
    finally:
        writer.close()


async def _answered(question: Awaitable[bool]) -> bool:
    with suppress(OSError, EOFError, ValueError, TimeoutError):
        return await asyncio.wait_for(question, _ANSWER_SECONDS)
    return False


def mongod_answers(socket: Path) -> Check:
    """Whether a mongod answers `ping` on that unix socket."""
    return lambda: _answered(_ask_mongod(socket))


def mqtt_answers(host: str, port: int) -> Check:
    """Whether an MQTT server accepts an anonymous connection there."""
    return lambda: _answered(_ask_mqtt(host, port))


def http_answers(host: str, port: int, path: str) -> Check:
    """Whether `GET path` is answered with 200 there."""
    return lambda: _answered(_ask_http(host, port, path))
