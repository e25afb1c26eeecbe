"""An MQTT 3.1.1 publisher that costs little: packets made beforehand, a steady rate, acknowledgements counted."""

import asyncio
import time
from collections.abc import Sequence
from typing import cast

_CONNECT = b"\x10\x14\x00\x04MQTT\x04\x02\x00\x3c\x00\x08"
_SLICE = 0.01
"""Seconds between two writes."""


def publish_packet(topic: str, payload: bytes, number: int) -> bytes:
    """A PUBLISH of QoS 1 with this packet identifier."""
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + number.to_bytes(2, "big") + payload
    length = len(body)
    head = bytearray(b"\x32")
    while True:
        length, low = divmod(length, 128)
        head.append(low | (128 if length else 0))
        if not length:
            return bytes(head) + body


class Publisher(asyncio.Protocol):
    """One connection. `acknowledged` counts the PUBACKs that came."""

    def __init__(self) -> None:
        self.acknowledged = 0
        self._left = 0
        self._connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lost = False

    @classmethod
    async def connect(cls, port: int, name: str = "bench-01") -> "Publisher":
        """Connect to an MQTT broker of this machine; the name has eight letters."""
        _, made = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        made._transport.write(_CONNECT + name.encode())
        await made._connected
        return made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if not self._connected.done():
            # CONNACK, four bytes.
            self._connected.set_result(None)
            data = data[4:]
        # All that follows are PUBACKs, four bytes each.
        octets = self._left + len(data)
        self.acknowledged += octets // 4
        self._left = octets % 4

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True

    async def publish(self, messages: Sequence[tuple[str, bytes]], rate: float) -> None:
        """Send messages, so many a second."""
        packets = [publish_packet(t, p, n % 65_535 + 1) for n, (t, p) in enumerate(messages)]
        began, sent = time.perf_counter(), 0
        while sent < len(packets):
            due = min(len(packets), int((time.perf_counter() - began) * rate) + 1)
            if due > sent:
                self._transport.write(b"".join(packets[sent:due]))
                sent = due
            await asyncio.sleep(_SLICE)

    async def close(self) -> None:
        """Send DISCONNECT."""
        self._transport.write(b"\xe0\x00")
        self._transport.close()
