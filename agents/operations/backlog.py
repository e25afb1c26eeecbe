"""The messages between arrival and storage: in the spool on disk, and the newest in memory as well."""

import asyncio
import zlib
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

from agents.core.errors import SpoolFull
from agents.core.model import Instant
from agents.operations import clock
from agents.operations.ports import Delivery, Mark, Message, Rejection, Spool

FRESH_BYTES = 16 * 1024 * 1024
"""Payloads kept in memory beside the spool, so that it is read only when the broker falls behind."""
SPOOL_BYTES = 4 * 1024 * 1024 * 1024
"""What the spool may hold by default: an hour of 3,000 messages a second, of 300 bytes each."""
OVERHEAD = 64
"""Bytes a message takes on disk beside topic and payload."""
REMEMBERED = 50_000
"""Uplinks whose repetition is recognized."""
MARKED = 20_000
"""Packet identifiers whose repetition is recognized: twice as many as wait in memory of one connection, whose
acknowledgements may all have been lost; a third of all there are, so that none has come round."""
IN_FLIGHT = 1_000
"""Messages that can have been on their way to the broker when a process ended: one batch."""


def _weight(message: Message) -> int:
    return len(message.payload) + len(message.topic) + OVERHEAD


class Backlog:
    """Messages are added once and taken in their order; what was taken stays in the spool until it is settled."""

    def __init__(self, spool: Spool, *, limit: int = SPOOL_BYTES, now: Callable[[], Instant] = clock.now) -> None:
        self._spool = spool
        self._limit = limit
        self._now = now
        self._last = 0
        self._clock: Instant = 0
        self._taken = 0
        self._fresh: deque[Message] = deque()
        self._fresh_size = 0
        self._behind = False
        self._doubtful = 0
        self._marks: OrderedDict[int, int] = OrderedDict()
        self._identities: OrderedDict[bytes, None] = OrderedDict()
        self._arrived = asyncio.Event()
        self._adding = asyncio.Lock()
        self.count = 0
        self.size = 0
        """Bytes in the spool, roughly."""

    async def open(self) -> None:
        """Take up what an earlier process left.

        Raises:
            InvalidDescription: The spool cannot be used.
        """
        state = await self._spool.open()
        self._last, self.count, self.size = state.last, state.count, state.size + state.count * OVERHEAD
        self._marks = OrderedDict((mark.number, mark.digest) for mark in state.marks)
        self._identities = OrderedDict.fromkeys(state.identities)
        self._behind = self.count > 0
        self._doubtful = min(self.count, IN_FLIGHT)
        if self.count:
            self._arrived.set()

    async def add(self, deliveries: Sequence[Delivery]) -> int:
        """Keep messages, but for those that are there already; durable when it returns.

        Returns:
            How many were repetitions.

        Raises:
            SpoolFull: None of them was kept.
        """
        async with self._adding:
            messages: list[Message] = []
            marks: dict[int, int] = {}
            size = 0
            for delivery in deliveries:
                if delivery.number is not None:
                    digest = zlib.crc32(delivery.payload, zlib.crc32(delivery.topic.encode()))
                    known = marks.get(delivery.number, self._marks.get(delivery.number))
                    if delivery.again and known == digest:
                        continue
                    marks[delivery.number] = digest
                seq = self._last + len(messages) + 1
                # No two arrive in one instant: a history would take two readings of one instant for one.
                self._clock = max(self._now(), self._clock + 1)
                messages.append(Message(seq, self._clock, delivery.topic, delivery.payload))
                size += _weight(messages[-1])
            if self.size + size > self._limit:
                raise SpoolFull(f"the spool holds its {self._limit >> 20} MB: the broker takes nothing at the moment")
            if messages:
                await self._spool.append(messages, [Mark(*each) for each in marks.items()])
                self._added(messages, size)
            self._mark(marks)
        return len(deliveries) - len(messages)

    async def take(self, limit: int) -> list[Message]:
        """Wait for messages, then take up to `limit`, in the order of arrival."""
        while True:
            await self._arrived.wait()
            if self._behind:
                taken = await self._from_disk(limit)
            else:
                taken = [self._fresh.popleft() for _ in range(min(limit, len(self._fresh)))]
                self._fresh_size -= sum(map(_weight, taken))
            if not self._fresh and not self._behind:
                self._arrived.clear()
            if taken:
                self._taken = taken[-1].seq
                return taken

    async def settle(
        self, messages: Sequence[Message], identities: Sequence[bytes], rejected: Sequence[Rejection]
    ) -> None:
        """These messages, the last ones taken, are stored or rejected."""
        await self._spool.settle(messages[-1].seq, identities, rejected)
        self.count -= len(messages)
        self.size -= sum(map(_weight, messages))
        for identity in identities:
            self._identities[identity] = None
        while len(self._identities) > REMEMBERED:
            self._identities.popitem(last=False)

    def retake(self, messages: Sequence[Message]) -> None:
        """What was taken last is not done with: take it again, as messages that may have been stored."""
        self._taken = messages[0].seq - 1
        self._behind = True
        self._doubtful = max(self._doubtful, len(messages))
        self._fresh.clear()
        self._fresh_size = 0
        self._arrived.set()

    def known(self, identity: bytes) -> bool:
        """Whether such an uplink was stored lately."""
        return identity in self._identities

    async def rejected(self, limit: int) -> list[Rejection]:
        """The newest of the rejected messages, the oldest of them first."""
        return await self._spool.rejected(limit)

    async def replay(self, identifiers: Sequence[int] = (), devices: Sequence[str] = ()) -> int:
        """Take rejected messages in again, by identifier or by the device they came from; how many there were."""
        async with self._adding:
            found = await self._spool.take_back(identifiers, devices)
            again = [Message(n, r.at, r.topic, r.payload, doubtful=True) for n, r in enumerate(found, self._last + 1)]
            if again:
                await self._spool.respool(again, [each.id for each in found])
                self._added(again, sum(map(_weight, again)))
        return len(again)

    def _added(self, messages: list[Message], size: int) -> None:
        self._last = messages[-1].seq
        self.count += len(messages)
        self.size += size
        self._fresh_size += size
        if self._fresh_size > FRESH_BYTES or self._behind:
            self._fresh.clear()
            self._fresh_size = 0
            self._behind = True
        else:
            self._fresh.extend(messages)
        self._arrived.set()

    def _mark(self, marks: dict[int, int]) -> None:
        for number, digest in marks.items():
            self._marks.pop(number, None)
            self._marks[number] = digest
        while len(self._marks) > MARKED:
            self._marks.popitem(last=False)

    async def _from_disk(self, limit: int) -> list[Message]:
        # Nothing is added meanwhile, so that what is read is all there is when it is less than the limit.
        async with self._adding:
            found = await self._spool.read(self._taken, limit)
            if not found:
                self._behind = False
        doubtful, self._doubtful = self._doubtful, max(self._doubtful - len(found), 0)
        return [
            Message(each.seq, each.at, each.topic, each.payload, each.doubtful or n < doubtful)
            for n, each in enumerate(found)
        ]
