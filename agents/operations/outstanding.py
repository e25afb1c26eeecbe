"""What is still to be told to somebody who may be away for now."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from agents.core.errors import BrokerUnavailable, StoreUnavailable
from agents.operations.backoff import Backoff

_Name = TypeVar("_Name")
_Content = TypeVar("_Content")


class Outstanding(Generic[_Name, _Content]):
    """Contents by name; of one name only the newest is told."""

    def __init__(self) -> None:
        self._wanted: dict[_Name, _Content] = {}
        self._under_way: dict[_Name, _Content] = {}
        self._changed = asyncio.Event()

    def add(self, name: _Name, content: _Content) -> None:
        """This is to be told, instead of what was to be told under the name before."""
        self._wanted[name] = content
        self._changed.set()

    def drop(self, name: _Name) -> None:
        """There is nothing to tell under this name any more, nor again where telling it is under way and fails."""
        self._wanted.pop(name, None)
        self._under_way.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._wanted or name in self._under_way

    async def tell(self, telling: Callable[[dict[_Name, _Content]], Awaitable[None]]) -> None:
        """Tell all there is, and what comes, until cancelled.

        Args:
            telling: Takes away what it has told from what it is given. What is left when it fails comes again, at once
                where the failure is a flaw, later where broker or store do not answer.
        """
        backoff = Backoff()
        while True:
            await self._changed.wait()
            self._changed.clear()
            self._under_way, self._wanted = self._wanted, {}
            try:
                await telling(self._under_way)
                backoff.reset()
            except (BrokerUnavailable, StoreUnavailable):
                self._again()
                await asyncio.sleep(backoff.next())
            except BaseException:
                self._again()
                raise

    def _again(self) -> None:
        # What was added meanwhile is newer.
        self._wanted = {**self._under_way, **self._wanted}
        self._under_way = {}
        self._changed.set()
