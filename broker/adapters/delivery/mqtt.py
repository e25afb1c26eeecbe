"""Notifications over MQTT (clause 7.2)."""

import asyncio
import contextlib
import math
import ssl
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import aiomqtt
import orjson

from broker.core.model.subscription import Endpoint
from broker.core.subscribe.message import Message
from broker.operations.notify import DeliveryError

DEFAULT_TIMEOUT = 5.0
"""Seconds for the MQTT broker to take a message, connecting included."""
_IDLE = 300.0
"""Seconds after which a connection that nobody used is closed."""
_CONNECTIONS = 256
"""MQTT brokers connected at once; the one unused longest gives way."""
_VERSIONS = {"mqtt3.1.1": aiomqtt.ProtocolVersion.V311, "mqtt5.0": aiomqtt.ProtocolVersion.V5}


@dataclass(frozen=True, slots=True)
class _Address:
    """What one connection is for: subscriptions that agree in all of it share one."""

    host: str
    port: int
    is_tls: bool
    username: str | None
    password: str | None
    version: str


class MqttSink:
    """Sink of `mqtt` and `mqtts` endpoints: one supervised connection for each MQTT broker and user.

    A connection that fails is given up at once and made anew by the next message, so an MQTT broker that comes back
    is used again without anybody's help. `tls` is for `mqtts`; by default the system's authorities are trusted.
    """

    def __init__(self, *, timeout: float = DEFAULT_TIMEOUT, tls: ssl.SSLContext | None = None) -> None:
        self._timeout = timeout
        self._tls = tls
        self._connections: dict[_Address, _Connection] = {}
        self._sweeper: asyncio.Task[None] | None = None

    async def send(self, endpoint: Endpoint, message: Message) -> None:
        """Publish the message; with QoS 1 or 2 it was taken once the MQTT broker says so. Raises DeliveryError."""
        info = dict(endpoint.notifier_info)
        address, topic = _address(endpoint.uri, info.get("MQTT-Version", "mqtt5.0"))
        connection = self._connection(address)
        try:
            async with asyncio.timeout(endpoint.timeout or self._timeout):
                await connection.publish(topic, _payload(message), int(info.get("MQTT-QoS", "0")))
        except TimeoutError:
            self._drop(address)
            raise DeliveryError("the MQTT broker did not answer in time") from None
        except (aiomqtt.MqttError, OSError, ValueError) as error:
            self._drop(address)
            raise DeliveryError(f"{type(error).__name__}: {str(error)[:200]}") from error

    async def close(self) -> None:
        """Disconnect from all MQTT brokers."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        connections = list(self._connections.values())
        self._connections.clear()
        await asyncio.gather(*(connection.close() for connection in connections))

    def _connection(self, address: _Address) -> "_Connection":
        connection = self._connections.pop(address, None)
        if connection is None or connection.is_closed:
            if len(self._connections) >= _CONNECTIONS:
                self._drop(next(iter(self._connections)))
            if address.is_tls and self._tls is None:
                self._tls = ssl.create_default_context()
            connection = _Connection(address, self._tls if address.is_tls else None)
        # Back at the end: the first one is always the one unused longest.
        self._connections[address] = connection
        if self._sweeper is None or self._sweeper.done():
            self._sweeper = asyncio.create_task(self._sweep())
        return connection

    def _drop(self, address: _Address) -> None:
        connection = self._connections.pop(address, None)
        if connection is not None:
            connection.stop()

    async def _sweep(self) -> None:
        while self._connections:
            await asyncio.sleep(_IDLE / 10)
            before = time.monotonic() - _IDLE
            for address in [each for each, connection in self._connections.items() if connection.used_at < before]:
                self._drop(address)


class _Connection:
    """One connection, opened by its own task, which also closes it."""

    def __init__(self, address: _Address, tls: ssl.SSLContext | None) -> None:
        self._address = address
        self._tls = tls
        self._ready: asyncio.Future[aiomqtt.Client] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run())
        self.used_at = time.monotonic()

    @property
    def is_closed(self) -> bool:
        """Whether it can't be used any more."""
        return self._task.done()

    async def publish(self, topic: str, payload: bytes, qos: int) -> None:
        """Raises MqttError, OSError or ValueError. A timeout is the caller's business."""
        self.used_at = time.monotonic()
        client = await asyncio.shield(self._ready)
        # A time limit of the client's own would only hide the caller's.
        publishing = asyncio.ensure_future(client.publish(topic, payload, qos=qos, timeout=math.inf))
        try:
            # The client does not tell those who wait for an acknowledgement that the connection is lost.
            await asyncio.wait({publishing, self._task}, return_when=asyncio.FIRST_COMPLETED)
            if not publishing.done():
                raise aiomqtt.MqttError("The connection was lost.")
            publishing.result()
        finally:
            publishing.cancel()

    def stop(self) -> None:
        """Begin to close."""
        self._task.cancel()

    async def close(self) -> None:
        """Close, and return when done."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        address = self._address
        try:
            async with aiomqtt.Client(
                address.host,
                address.port,
                username=address.username,
                password=address.password,
                protocol=_VERSIONS[address.version],
                tls_context=self._tls,
                timeout=DEFAULT_TIMEOUT,
            ) as client:
                self._ready.set_result(client)
                # Nothing is subscribed to: this ends, with an error, when the connection does.
                async for _ in client.messages:
                    continue
        except (aiomqtt.MqttError, OSError, ValueError) as error:
            if not self._ready.done():
                self._ready.set_exception(error)
        finally:
            if not self._ready.done():
                self._ready.set_exception(aiomqtt.MqttError("The connection was closed."))
            # Looked at here, or an exception that nobody waits for would be reported as lost.
            self._ready.exception()


def _address(uri: str, version: str) -> tuple[_Address, str]:
    parts = urlsplit(uri)
    is_tls = parts.scheme == "mqtts"
    address = _Address(
        host=parts.hostname or "",
        port=parts.port or (8883 if is_tls else 1883),
        is_tls=is_tls,
        username=unquote(parts.username) if parts.username is not None else None,
        password=unquote(parts.password) if parts.password is not None else None,
        version=version,
    )
    return address, unquote(parts.path.removeprefix("/"))


def _payload(message: Message) -> bytes:
    """`{"metadata": {...}, "body": {...}}` (clause 7.2)."""
    metadata: dict[str, Any] = {"Content-Type": message.content_type}
    if message.link is not None:
        metadata["Link"] = message.link
    if message.tenant:
        metadata.update(message.origin)
    metadata.update(message.info)
    return b'{"metadata":' + orjson.dumps(metadata) + b',"body":' + message.body + b"}"
