"""The MQTT server of a LoRaWAN network server that has one of its own, such as The Things Stack in the cloud."""

from collections.abc import Sequence
from dataclasses import replace

from agents.networks.lorawan import is_downlink
from agents.operations.courier import Publisher
from agents.operations.ports import Delivery, Source


class NetworkSource:
    """Its messages, without packet identifiers: those of two servers say nothing about each other."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def take(self, limit: int) -> list[Delivery]:
        """Wait for messages, as `Source.take` does. The uplinks' own identities tell what comes again."""
        return [replace(delivery, number=None) for delivery in await self._source.take(limit)]

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """These messages are durable."""
        self._source.acknowledge(deliveries)


class Publishers:
    """Downlinks go to the network server, everything else to the agents' own MQTT server."""

    def __init__(self, own: Publisher, network: Publisher) -> None:
        self._own = own
        self._network = network

    async def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> bool:
        """Publish where the topic belongs; tells whether that server has it."""
        to = self._network if is_downlink(topic) else self._own
        return await to.publish(topic, payload, qos=qos, retain=retain)
