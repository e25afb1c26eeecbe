"""Entity maps of members: each has its own alone, and lists what the member was offered."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from broker.core.model.entity_map import EntityMap
from broker.core.model.errors import AccessDenied
from broker.core.model.instant import Instant
from broker.operations.ports import EntityMapStore


class MembersMaps:
    """EntityMapStore of one member, in front of the store of all. `creates`: whether new ones may be made."""

    def __init__(self, maps: EntityMapStore, member_id: str, *, creates: bool) -> None:
        self._maps = maps
        self._owner = member_id
        self._creates = creates

    async def create(self, tenant: str, entity_map: EntityMap) -> None:
        """Keep a new one. Raises AccessDenied where none may be made."""
        if not self._creates:
            raise AccessDenied("This broker does not offer you to create entity maps for such queries.")
        await self._maps.create(tenant, replace(entity_map, owner=self._owner))

    async def get(self, tenant: str, map_id: str) -> EntityMap | None:
        """One of the member's, or None."""
        found = await self._maps.get(tenant, map_id)
        return found if found is not None and found.owner == self._owner else None

    async def set_expiry(self, tenant: str, map_id: str, expires_at: Instant) -> bool:
        """Give it another end; whether it is there."""
        return await self._is_there(tenant, map_id) and await self._maps.set_expiry(tenant, map_id, expires_at)

    async def drop(self, tenant: str, map_id: str, entity_ids: Sequence[str]) -> None:
        """Take entities out of it; nothing where it is gone."""
        if await self._is_there(tenant, map_id):
            await self._maps.drop(tenant, map_id, entity_ids)

    async def link(self, tenant: str, map_id: str, linked: Mapping[str, str]) -> None:
        """Give it other linked maps; nothing where it is gone."""
        if await self._is_there(tenant, map_id):
            await self._maps.link(tenant, map_id, linked)

    async def delete(self, tenant: str, map_id: str) -> bool:
        """Remove it; whether it was there."""
        return await self._is_there(tenant, map_id) and await self._maps.delete(tenant, map_id)

    async def _is_there(self, tenant: str, map_id: str) -> bool:
        return await self.get(tenant, map_id) is not None
