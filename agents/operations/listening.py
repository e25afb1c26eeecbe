"""How the agents hear of commands: a subscription at the broker for each command attribute of each type of entity.

Works with any NGSI-LD broker that has subscriptions (docs/adr/0012-commands.md). The command attribute stands in the
entity, put there by the agent, so that any client can PATCH it; the agent hears of updates alone, not of its own
creating it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Protocol
from urllib.parse import urlencode

from agents.core.commands import FREE, CommandStatus
from agents.core.model import Device
from agents.operations.outstanding import Outstanding
from agents.operations.tally import Tally

_CHUNK = 500
"""Entities in one batch."""


@dataclass(frozen=True, slots=True)
class Interest:
    """One command of one type of entity."""

    tenant: str | None
    entity_type: str
    context: str
    command: str


class CommandBroker(Protocol):
    """What listening for commands needs of the context broker."""

    async def subscribe(self, subscription: dict[str, Any], tenant: str | None) -> str | None:
        """Create a subscription, or bring the one of this id up to date; the reason where the broker refuses.

        Raises:
            BrokerUnavailable: It does not answer for now.
        """
        ...

    async def introduce(self, entities: Sequence[dict[str, Any]], tenant: str | None) -> None:
        """Create entities; to those that exist add the attributes they lack.

        Raises:
            BrokerUnavailable: It does not answer for now.
        """
        ...


class Listening:
    """Sees to it that the broker tells of commands."""

    def __init__(self, broker: CommandBroker, tally: Tally, notify_url: str, credential: str = "") -> None:
        self._broker = broker
        self._tally = tally
        self._notify_url = notify_url
        self._credential = credential
        self._subscribed: set[Interest] = set()
        self._outstanding: Outstanding[str, Device] = Outstanding()
        self.problems: dict[str, str] = {}
        """Commands the broker would not tell of, with its reasons."""

    def watch(self, devices: Sequence[Device]) -> None:
        """These devices take the commands their provisioning names."""
        for device in devices:
            if device.commands:
                self._outstanding.add(device.id, device)

    async def run(self) -> None:
        """Subscribe and introduce until cancelled."""
        await self._outstanding.tell(self._tell)

    async def _tell(self, wanted: dict[str, Device]) -> None:
        # The entity stands before anybody can be told of its commands.
        await self._introduce(list(wanted.values()))
        for device in wanted.values():
            await self._subscribe(device)
        wanted.clear()

    async def _introduce(self, devices: list[Device]) -> None:
        tenants: dict[str | None, list[dict[str, Any]]] = {}
        for device in devices:
            tenants.setdefault(device.tenant, []).append(_entity(device))
        for tenant, entities in tenants.items():
            for at in range(0, len(entities), _CHUNK):
                await self._broker.introduce(entities[at : at + _CHUNK], tenant)

    async def _subscribe(self, device: Device) -> None:
        for name in device.commands:
            interest = Interest(device.tenant, device.entity_type, device.context, name)
            if interest in self._subscribed:
                continue
            wanted = subscription(interest, self._notify_url, self._credential)
            refused = await self._broker.subscribe(wanted, interest.tenant)
            if refused is None:
                self._subscribed.add(interest)
                self.problems.pop(name, None)
            else:
                self._tally.count("command_subscriptions_refused")
                self.problems[name] = refused


def subscription(interest: Interest, notify_url: str, credential: str = "") -> dict[str, Any]:
    """The subscription for a command; the same for the same command, whoever makes it.

    The broker shows the `credential`, if there is one, with each notification.
    """
    parts = (interest.tenant or "", interest.entity_type, interest.context, interest.command)
    digest = blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()
    shown = [{"key": "Authorization", "value": f"Bearer {credential}"}]
    query = {"command": interest.command, **({"tenant": interest.tenant} if interest.tenant else {})}
    return {
        "id": f"urn:ngsi-ld:Subscription:eclor-agents:{digest}",
        "type": "Subscription",
        "description": f"IoT agents: command {interest.command} of {interest.entity_type}",
        "entities": [{"type": interest.entity_type}],
        "watchedAttributes": [interest.command],
        "notificationTrigger": ["attributeUpdated"],
        "notification": {
            "attributes": [interest.command],
            "format": "normalized",
            "endpoint": {
                "uri": f"{notify_url}?{urlencode(query)}",
                "accept": "application/json",
                **({"receiverInfo": shown} if credential else {}),
            },
        },
        "@context": interest.context,
    }


def _entity(device: Device) -> dict[str, Any]:
    """The entity with attributes for commands nobody has given yet."""
    entity: dict[str, Any] = {"id": device.entity_id, "type": device.entity_type}
    for name in device.commands:
        # Not empty: brokers tell of changes alone, and an empty value is what many a command has.
        entity[name] = {"type": "Property", "value": FREE}
        entity[f"{name}_status"] = {"type": "Property", "value": CommandStatus.UNKNOWN.value}
        entity[f"{name}_info"] = {"type": "Property", "value": ""}
    return {**entity, "@context": device.context}
