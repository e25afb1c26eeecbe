"""Notices that `eclor codec import` has put another catalogue into the place of the one that was read."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TypeAlias

from agents.codecs.catalogue import MARK
from agents.codecs.registry import read_models
from agents.core.errors import InvalidDescription
from agents.core.model import DeviceModel

EVERY = 2.0
"""Seconds between two looks, each of which costs one call of the file system."""
_Mark: TypeAlias = tuple[int, int]


class CatalogueWatch:
    """Looks at a catalogue's directory from its making on."""

    def __init__(self, directory: Path, *, every: float = EVERY) -> None:
        self._directory = directory
        self._every = every
        self._known = self._mark()

    async def models(self) -> AsyncIterator[Mapping[str, DeviceModel] | InvalidDescription]:
        """The models of each new catalogue, or why it cannot be used; without end."""
        while True:
            await asyncio.sleep(self._every)
            mark = self._mark()
            if mark is None or mark == self._known:
                continue
            try:
                found: Mapping[str, DeviceModel] | InvalidDescription
                found = await asyncio.to_thread(read_models, self._directory)
            except InvalidDescription as problem:
                found = problem
            except (OSError, ValueError):
                continue  # it is being replaced this moment
            self._known = mark
            yield found

    def _mark(self) -> _Mark | None:
        try:
            status = (self._directory / MARK).stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns
