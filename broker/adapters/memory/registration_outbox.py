"""MessageOutbox on a dict, for brokers that leave nothing behind."""

import itertools
from collections.abc import AsyncIterator

from broker.core.subscribe.message import Message
from broker.operations.notify import WaitingMessage


class MemoryRegistrationOutbox:
    """What waits, by key in order."""

    def __init__(self) -> None:
        self.waiting: dict[str, WaitingMessage] = {}
        self._keys = itertools.count(1)

    async def add(self, tenant: str, subscription_id: str, message: Message) -> str:
        """Keep a message; its key."""
        key = f"{next(self._keys):016x}"
        self.waiting[key] = WaitingMessage(key, tenant, subscription_id, message)
        return key

    async def remove(self, key: str) -> None:
        """The receiver has it, or it is given up."""
        self.waiting.pop(key, None)

    async def remove_all(self, tenant: str, subscription_id: str) -> None:
        """Nobody wants what waits for a subscription any more."""
        whose = (tenant, subscription_id)
        gone = [key for key, each in self.waiting.items() if (each.tenant, each.subscription) == whose]
        for key in gone:
            del self.waiting[key]

    async def adopt(self) -> AsyncIterator[list[WaitingMessage]]:
        """What is there when a broker starts."""
        yield list(self.waiting.values())
