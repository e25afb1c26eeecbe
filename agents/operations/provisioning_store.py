"""What provisioning needs of a store."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol


class ProvisioningStore(Protocol):
    """Keeps groups and devices across restarts. Every method raises StoreUnavailable where it does not answer."""

    def groups(self) -> AsyncIterator[dict[str, Any]]:
        """Every stored group."""
        ...

    def devices(self) -> AsyncIterator[dict[str, Any]]:
        """Every stored device."""
        ...

    async def revision(self) -> int:
        """A number that grows with each change of groups and devices, whoever makes it."""
        ...

    async def save_groups(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Store groups; the same resource and apikey again replaces."""
        ...

    async def save_devices(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Store devices; the same service, path, identifier and apikey again replaces."""
        ...

    async def remove_group(self, resource: str, apikey: str) -> None:
        """Forget a group."""
        ...

    async def remove_devices(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Forget devices."""
        ...


_NONE: tuple[dict[str, Any], ...] = ()


class NoStore:
    """Where nothing outlives the process."""

    async def groups(self) -> AsyncIterator[dict[str, Any]]:
        """None."""
        for each in _NONE:
            yield each

    async def devices(self) -> AsyncIterator[dict[str, Any]]:
        """None."""
        for each in _NONE:
            yield each

    async def revision(self) -> int:
        """Nobody else changes anything."""
        return 0

    async def save_groups(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """They stay in memory alone."""

    async def save_devices(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """They stay in memory alone."""

    async def remove_group(self, resource: str, apikey: str) -> None:
        """There is nothing to forget."""

    async def remove_devices(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """There is nothing to forget."""
