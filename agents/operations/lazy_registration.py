"""Registers the agents at the broker as context source of lazy attributes (4.3.6, 5.9): one for each such device."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Protocol, TypeAlias

from agents.core.model import Device
from agents.operations.outstanding import Outstanding
from agents.operations.tally import Tally

_Name: TypeAlias = tuple[str, str | None]
"""Identifier and tenant of a registration."""
_Registration: TypeAlias = dict[str, Any]


class SourceRegistry(Protocol):
    """What registering needs of the context broker. Every method raises BrokerUnavailable."""

    async def register(self, registration: dict[str, Any], tenant: str | None) -> str | None:
        """Create a registration, or bring the one of this id up to date; the reason where the broker refuses."""
        ...

    async def unregister(self, registration_id: str, tenant: str | None) -> None:
        """Remove a registration, if it is there."""
        ...


class LazyRegistration:
    """Sees to it that the broker asks here for lazy attributes."""

    def __init__(self, broker: SourceRegistry, tally: Tally, endpoint: str, credential: str = "") -> None:
        self._broker = broker
        self._tally = tally
        self._endpoint = endpoint
        self._credential = credential
        self._outstanding: Outstanding[_Name, _Registration | None] = Outstanding()
        self._made: dict[_Name, _Registration] = {}

    def watch(self, devices: Sequence[Device]) -> None:
        """These devices are new, or other than before."""
        for device in devices:
            if device.provisioned is None:
                continue
            document = registration(device, self._endpoint, self._credential) if device.provisioned.lazy else None
            if document is not None and document != self._made.get(_name(device)):
                self._outstanding.add(_name(device), document)
            elif document is None and _name(device) in self._made:
                self._outstanding.add(_name(device), None)

    def gone(self, devices: Sequence[Device]) -> None:
        """These devices are no more."""
        for device in devices:
            if device.provisioned is not None and device.provisioned.lazy:
                self._outstanding.add(_name(device), None)

    async def run(self) -> None:
        """Register and unregister until cancelled."""
        await self._outstanding.tell(self._tell)

    async def _tell(self, wanted: dict[_Name, _Registration | None]) -> None:
        while wanted:
            name = next(iter(wanted))
            await self._do(name, wanted[name])
            wanted.pop(name, None)

    async def _do(self, name: _Name, document: _Registration | None) -> None:
        if document is None:
            await self._broker.unregister(*name)
            self._made.pop(name, None)
        elif await self._broker.register(document, name[1]) is None:
            self._made[name] = document
        else:
            self._tally.count("lazy_registrations_refused")


def registration(device: Device, endpoint: str, credential: str = "") -> _Registration:
    """The registration for the lazy attributes of a device; the same for the same entity, whoever makes it.

    Inclusive (4.3.6.2): what else the broker holds of the entity it answers without the agents. It shows the
    `credential`, if there is one, with each question.
    """
    names: dict[str, list[str]] = {}
    for each in device.provisioned.lazy:
        member = "relationshipNames" if "relationship" in each.type.lower() else "propertyNames"
        names.setdefault(member, []).append(each.name)
    shown = [{"key": "Authorization", "value": f"Bearer {credential}"}] if credential else []
    name, tenant = _name(device)
    return {
        "id": name,
        "type": "ContextSourceRegistration",
        "description": f"IoT agents: lazy attributes of {device.entity_id}",
        "mode": "inclusive",
        "operations": ["retrieveOps"],
        "information": [{"entities": [{"id": device.entity_id, "type": device.entity_type}], **names}],
        "endpoint": endpoint,
        "contextSourceInfo": [{"key": "jsonldContext", "value": device.context}, *shown],
        **({"tenant": tenant} if tenant else {}),
        "@context": device.context,
    }


def _name(device: Device) -> _Name:
    digest = blake2b("\n".join((device.tenant or "", device.entity_id)).encode(), digest_size=8).hexdigest()
    return f"urn:ngsi-ld:ContextSourceRegistration:eclor-agents:{digest}", device.tenant
