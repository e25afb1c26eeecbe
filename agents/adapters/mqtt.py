"""MQTT 3.1.1: a session that outlives connections, and acknowledgement only when a message is done with.

Why the acknowledgement is ours and not the library's: docs/adr/0006-mqtt-acknowledgement.md.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import aiomqtt

from agents.core.errors import InvalidDescription
from agents.core.topics import SUBSCRIPTIONS
from agents.operations.backoff import Backoff
from agents.operations.ports import Delivery

QUEUE = 10_000
"""Messages waiting in memory, some 20 MB of LoRaWAN events. Beyond it QoS 0 is lost, QoS 1 comes again.

Mosquitto fills it: to a session that was taken over it sends all it has at once, whatever its own bound."""
_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class MqttAddress:
    """Where the MQTT broker is and who we are to it."""

    host: str
    port: int
    username: str | None
    password: str | None
    tls: bool

    def __repr__(self) -> str:
        return f"MqttAddress({self.host}:{self.port})"  # never the password


def parse_address(url: str) -> MqttAddress:
    """Read `mqtt[s]://[user[:password]@]host[:port]`.

    Raises:
        InvalidDescription: It is no such URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise InvalidDescription("the MQTT URL is mqtt://host:1883 or mqtts://host:8883")
    return MqttAddress(
        parts.hostname,
        parts.port or _PORTS[parts.scheme],
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
        parts.scheme == "mqtts",
    )


class _Connection(aiomqtt.Client):
    """A client that leaves the acknowledgement to us."""

    def __init__(self, *arguments: Any, on_lost: Callable[[], None], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._on_lost = on_lost
        self._client.manual_ack_set(True)
        self.overflowed = False

    def _on_message(self, client: Any, userdata: Any, message: Any) -> None:
        # The library's own message leaves out the flag of repetition, and checks topics that the broker has checked.
        if message.qos == 0:
            self._put(message, otherwise=self._on_lost)
        elif not self.overflowed:
            # Of QoS 1 that is no loss, but somebody has to ask for it again. Nor is anything taken that follows: it
            # would overtake what is missing.
            self._put(message, otherwise=self._overflow)

    def _put(self, message: Any, otherwise: Callable[[], None]) -> None:
        if self._queue.full():
            otherwise()
        else:
            self._queue.put_nowait(message)

    def _overflow(self) -> None:
        self.overflowed = True

    def acknowledge(self, mid: int, qos: int) -> None:
        self._client.ack(mid, qos)

    def waiting(self) -> int:
        return self._queue.qsize()

    def pop(self) -> Any:
        return self._queue.get_nowait()


class MqttSource:
    """Messages of the agents' topics, connected anew without end."""

    def __init__(
        self,
        address: MqttAddress,
        *,
        client_id: str = "eclor-agents",
        topics: Sequence[str] = SUBSCRIPTIONS,
        queue: int = QUEUE,
        backoff: Backoff | None = None,
        on_change: Callable[[str, str], None] = lambda event, detail: None,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_lost` is told of each message of QoS 0 that found no room in the queue."""
        self._address = address
        self._client_id = client_id
        self._topics = topics
        self._queue = queue
        self._backoff = backoff or Backoff()
        self._on_change = on_change
        self._on_lost = on_lost
        self._connection: _Connection | None = None

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._connection is not None

    async def take(self, limit: int) -> list[Delivery]:
        """Wait for a message, then take all that are there, in the order of arrival, up to `limit`."""
        while True:
            connection = self._connection or await self._connect()
            if connection.overflowed and not connection.waiting():
                # A new connection of the same session makes the broker send again what was not acknowledged.
                await self._leave("more messages came than fit; asking for the rest again")
                continue
            try:
                first = await anext(connection.messages)
            except aiomqtt.MqttError as problem:
                await self._leave(str(problem))
                continue
            taken = [first]
            while len(taken) < limit and connection.waiting():
                taken.append(connection.pop())
            return [_delivery(connection, message) for message in taken]

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Tell the broker it need not keep these."""
        for delivery in deliveries:
            connection, mid, qos = delivery.receipt
            # Of an older connection: its numbers may mean other messages by now, and the broker sends those again.
            if self._connection is not None and connection is self._connection and qos > 0:
                self._connection.acknowledge(mid, qos)

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> bool:
        """Publish; tells whether the MQTT broker has it."""
        connection = self._connection
        if connection is None:
            return False
        try:
            await connection.publish(topic, payload, qos=qos, retain=retain)
        except aiomqtt.MqttError:
            return False  # taking messages notices the lost connection itself
        return True

    async def close(self) -> None:
        """Disconnect; the session with its unacknowledged messages stays at the broker."""
        await self._leave("closing")

    async def _connect(self) -> _Connection:
        while True:
            try:
                connection = self._new()
                await connection.__aenter__()
                try:
                    await connection.subscribe([(topic, 1) for topic in self._topics])
                except BaseException:
                    await _disconnect(connection)
                    raise
            except aiomqtt.MqttError as problem:
                self._on_change("mqtt_unreachable", str(problem))
                await asyncio.sleep(self._backoff.next())
                continue
            self._backoff.reset()
            self._connection = connection
            self._on_change("mqtt_connected", repr(self._address))
            return connection

    def _new(self) -> _Connection:
        return _Connection(
            self._address.host,
            self._address.port,
            username=self._address.username,
            password=self._address.password,
            identifier=self._client_id,
            clean_session=False,
            max_queued_incoming_messages=self._queue,
            on_lost=self._on_lost,
            tls_params=aiomqtt.TLSParameters() if self._address.tls else None,
        )

    async def _leave(self, why: str) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._on_change("mqtt_disconnected", why)
            await _disconnect(connection)


async def _disconnect(connection: _Connection) -> None:
    try:
        await connection.__aexit__(None, None, None)
    except aiomqtt.MqttError:
        return  # it was gone already


def _delivery(connection: _Connection, message: Any) -> Delivery:
    """Read a message of paho-mqtt."""
    number = message.mid if message.qos > 0 else None
    return Delivery(message.topic, message.payload, (connection, message.mid, message.qos), number, message.dup)
