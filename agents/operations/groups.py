"""Groups of devices, in memory: looked up by key, by service and path, and for the device that belongs to one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from agents.core.iot_refusals import no_group
from agents.core.model import Uplink
from agents.networks import ultralight

GroupKey: TypeAlias = tuple[str, str]
"""Resource and apikey, which tell a group from all others."""


class Groups:
    """Every group of one agent."""

    def __init__(self) -> None:
        self._groups: dict[GroupKey, dict[str, Any]] = {}
        self._at: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self._with_key: dict[str, list[dict[str, Any]]] = {}
        self._resources: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self._groups)

    def __contains__(self, name: GroupKey) -> bool:
        return name in self._groups

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._groups.values())

    @property
    def resources(self) -> frozenset[str]:
        """The resources of all groups."""
        return self._resources

    def put(self, *documents: dict[str, Any]) -> None:
        """Add groups; the same resource and apikey again replaces."""
        for each in documents:
            self._groups[group_key(each)] = each
        self._sort()

    def replace_all(self, documents: Sequence[dict[str, Any]]) -> bool:
        """Have these groups and no others; tells whether anything changed."""
        groups = {group_key(each): each for each in documents}
        changed, self._groups = groups != self._groups, groups
        self._sort()
        return changed

    def replace(self, name: GroupKey, document: dict[str, Any]) -> None:
        """Put a group, perhaps under another name, in the place of one."""
        del self._groups[name]
        self.put(document)

    def remove(self, name: GroupKey) -> None:
        """Forget a group."""
        del self._groups[name]
        self._sort()

    def one(self, service: str, subservice: str, resource: str, apikey: str) -> dict[str, Any]:
        """A group of a service and path.

        Raises:
            ProvisioningError: There is no such group.
        """
        group = self._groups.get((resource, apikey))
        if group is None or group["service"] != service or group["subservice"] != subservice:
            raise no_group(resource)
        return group

    def with_key(self, api_key: str) -> bool:
        """Whether a group has this key."""
        return api_key in self._with_key

    def of_sender(self, uplink: Uplink) -> dict[str, Any] | None:
        """The group with the key; of several the one whose resource is that of the protocol."""
        matching = self._with_key.get(uplink.api_key or "", [])
        usual = _resource(uplink.network == ultralight.NETWORK)
        return next((each for each in matching if each["resource"] == usual), matching[0] if matching else None)

    def of_device(self, document: Mapping[str, Any]) -> dict[str, Any] | None:
        """The group a device belongs to: by its apikey, else the one of its service, path and type."""
        mine = self._at.get((document["service"], document["service_path"]), [])
        if document.get("apikey") is not None:
            mine = [each for each in mine if each["apikey"] == document["apikey"]]
        kind, usual = document.get("entity_type"), _resource("UL" in str(document.get("protocol")).upper())
        # With several, the entity's type tells, else the resource of the protocol it speaks.
        return max(
            mine, key=lambda each: (bool(kind) and each["entity_type"] == kind, each["resource"] == usual), default=None
        )

    def _sort(self) -> None:
        self._at, self._with_key = {}, {}
        for each in self._groups.values():
            self._at.setdefault((each["service"], each["subservice"]), []).append(each)
            self._with_key.setdefault(each["apikey"], []).append(each)
        self._resources = frozenset(each["resource"] for each in self._groups.values())


def group_key(document: Mapping[str, Any]) -> GroupKey:
    """What tells a group from all others."""
    return document["resource"], document["apikey"]


def _resource(ultralight_spoken: bool) -> str:
    """The resource that FIWARE's agent for the protocol has by default."""
    return "/iot/d" if ultralight_spoken else "/iot/json"
