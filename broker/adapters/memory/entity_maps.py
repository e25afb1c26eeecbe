"""EntityMapStore on dicts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from broker.core.model.entity_map import EntityMap
from broker.core.model.instant import Instant


class MemoryEntityMaps:
    """Entity maps by tenant and id; past ones are never removed."""

    def __init__(self) -> None:
        self._maps: dict[tuple[str, str], EntityMap] = {}

    async def create(self, tenant: str, entity_map: EntityMap) -> None:
        """Keep a new one."""
        self._maps[tenant, entity_map.id] = entity_map

    async def get(self, tenant: str, map_id: str) -> EntityMap | None:
        """One, or None."""
        return self._maps.get((tenant, map_id))

    async def set_expiry(self, tenant: str, map_id: str, expires_at: Instant) -> bool:
        """Give it another end; whether it is there."""
        found = self._maps.get((tenant, map_id))
        if found is not None:
            self._maps[tenant, map_id] = replace(found, expires_at=expires_at)
        return found is not None

    async def drop(self, tenant: str, map_id: str, entity_ids: Sequence[str]) -> None:
        """Take entities out of it; nothing where it is gone."""
        found = self._maps.get((tenant, map_id))
        if found is not None:
            gone = frozenset(entity_ids)
            kept = {each: sources for each, sources in found.sources.items() if each not in gone}
            self._maps[tenant, map_id] = replace(found, sources=kept)

    async def link(self, tenant: str, map_id: str, linked: Mapping[str, str]) -> None:
        """Give it other linked maps; nothing where it is gone."""
        found = self._maps.get((tenant, map_id))
        if found is not None:
            self._maps[tenant, map_id] = replace(found, linked=dict(linked))

    async def delete(self, tenant: str, map_id: str) -> bool:
        """Remove it; whether it was there."""
        return self._maps.pop((tenant, map_id), None) is not None
