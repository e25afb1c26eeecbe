"""Stores readings in the broker: each once, the newest as current state, late ones in the history alone.

The broker's answer may get lost, and a process may end before it took note of an answer. Such readings are *doubtful*:
before they are sent again the broker is asked whether it has them, by their instants of observation.
"""

import asyncio
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from agents.core.errors import NoHistory
from agents.core.instant import parse_instant
from agents.core.model import Instant
from agents.operations.forward import Forwarder
from agents.operations.ports import ContextBroker, EntityRef
from agents.operations.tally import Tally

KNOWN = 100_000
"""Entities whose newest instants are kept in memory, 0.2 KB each; of the others the broker is asked."""
_MEMBERS = frozenset({"id", "type", "@context", "scope"})

_QUESTIONS = 8  # under way at once, about doubtful readings
_Key: TypeAlias = tuple[str | None, str]
Newest: TypeAlias = dict[str, Instant]
"""For each attribute the instant of observation of its current value."""


@dataclass(frozen=True, slots=True)
class Write:
    """One entity fragment, as a reading gave it."""

    entity: dict[str, Any]
    tenant: str | None = None
    doubtful: bool = False

    @property
    def key(self) -> _Key:
        """Which entity it belongs to, for looking up."""
        return (self.tenant, self.entity["id"])

    @property
    def ref(self) -> EntityRef:
        """Which entity it belongs to, for asking the broker."""
        entity = self.entity
        return EntityRef(self.tenant, entity["id"], entity["type"], entity["@context"])

    def times(self) -> dict[str, Instant]:
        """The attributes that were observed, with the instants."""
        found = {}
        for name, attribute in self.entity.items():
            if name not in _MEMBERS and isinstance(attribute, dict):
                instant = parse_instant(attribute.get("observedAt"))
                if instant is not None:
                    found[name] = instant
        return found


class Storage:
    """Everything the agents tell the broker about entities goes through here."""

    def __init__(self, broker: ContextBroker, forwarder: Forwarder, tally: Tally, *, alone: bool = True) -> None:
        """`alone` says that no other agent writes to the same entities: what is known of their state stays true."""
        self._broker = broker
        self._forwarder = forwarder
        self._tally = tally
        self._alone = alone
        self._newest: OrderedDict[_Key, Newest] = OrderedDict()

    async def store(self, writes: Sequence[Write]) -> dict[int, str]:
        """Store fragments in their order; the reasons for those that the broker refused, by position."""
        refused: dict[int, str] = {}
        tenants: dict[str | None, list[int]] = defaultdict(list)
        if not self._alone:
            self.forget()
        for n, write in enumerate(writes):
            tenants[write.tenant].append(n)
        for tenant, numbers in tenants.items():
            refused.update(await self._store(tenant, {n: writes[n] for n in numbers}))
        for n in refused:
            # It did not become the newest after all.
            self._newest.pop(writes[n].key, None)
        self._shrink()
        return refused

    def forget(self) -> None:
        """What is known of the broker's state may be wrong: ask again."""
        self._newest.clear()

    async def _store(self, tenant: str | None, writes: dict[int, Write]) -> dict[int, str]:
        doubtful = {n: write for n, write in writes.items() if write.doubtful}
        if doubtful:
            unstored = await self._forwarder.retry(partial(self._unstored, doubtful))
            writes = {n: write for n, write in writes.items() if n not in doubtful or n in unstored}
        # Between this and the next line nobody else comes in: what another caller learned or forgot is seen.
        await self._learn(writes.values())
        current, late = self._split(writes)
        refused = await self._send(tenant, current, late)
        for n, write in late.items():
            reason = await self._append(write)
            if reason is not None:
                refused[n] = reason
        return refused

    async def _send(self, tenant: str | None, writes: dict[int, Write], late: dict[int, Write]) -> dict[int, str]:
        """Bring current state up to date; what others overtake meanwhile is added to the late ones."""

        async def remaining(entities: Sequence[dict[str, Any]], doubtful: bool) -> list[dict[str, Any]]:
            sent = {id(each) for each in entities}
            left = {n: write for n, write in writes.items() if id(write.entity) in sent}
            if doubtful:
                left = await self._forwarder.retry(partial(self._unstored, left))
            if not self._alone:
                left = await self._anew(left, late)
                writes.update(left)
            return [write.entity for write in left.values()]

        if not writes:
            return {}
        reasons = await self._forwarder.store([each.entity for each in writes.values()], tenant, remaining)
        if not reasons:
            return {}
        occurrences = Counter(write.entity["id"] for write in writes.values())
        refused: dict[int, str] = {}
        for n, write in writes.items():
            reason = reasons.get(write.entity["id"])
            if reason is None:
                continue
            if occurrences[write.entity["id"]] > 1:
                # Which of them was refused, the broker does not say.
                reason = await self._singly(tenant, n, write)
            if reason is not None:
                refused[n] = reason
        return refused

    async def _anew(self, writes: dict[int, Write], late: dict[int, Write]) -> dict[int, Write]:
        """Those that are still the newest; while this agent waited for the broker, others may have written to it."""
        self.forget()
        await self._learn(writes.values())
        current, overtaken = self._split(writes)
        for n, write in overtaken.items():
            before = late[n].entity if n in late else {}
            late[n] = Write({**before, **write.entity}, write.tenant, write.doubtful)
        return current

    async def _singly(self, tenant: str | None, n: int, write: Write) -> str | None:
        if not await self._forwarder.retry(partial(self._unstored, {n: write})):
            return None
        return (await self._forwarder.store([write.entity], tenant)).get(write.entity["id"])

    async def _append(self, write: Write) -> str | None:
        """Add a late reading to the history, however long it takes; the reason where the broker refuses it."""
        tried = False

        async def attempt() -> str | None:
            nonlocal tried
            if tried and not await self._unstored({0: write}):
                return None
            tried = True
            return await self._broker.append_to_history(write.ref, write.entity)

        try:
            reason = await self._forwarder.retry(attempt)
        except NoHistory:
            self._tally.count("late_without_history")
            return None
        self._tally.count("late")
        return reason

    async def _learn(self, writes: Collection[Write]) -> None:
        """Ask the broker for the newest instants of entities met for the first time."""
        while True:
            asked: dict[_Key, EntityRef] = {}
            for write in writes:
                if write.key in self._newest:
                    self._newest.move_to_end(write.key)
                else:
                    asked[write.key] = write.ref
            if not asked:
                return
            found = await self._forwarder.retry(partial(self._broker.newest, list(asked.values())))
            for key in asked:
                # Another caller may have asked as well, and have written since.
                known = self._newest.setdefault(key, {})
                for name, instant in found.get(key[1], {}).items():
                    known[name] = max(instant, known.get(name, instant))

    async def _unstored(self, writes: dict[int, Write]) -> dict[int, Write]:
        """Those of some doubtful writes that the broker does not have."""
        refs = list({write.key: write.ref for write in writes.values()}.values())
        await self._broker.decided(refs)
        state = await self._broker.newest(refs)
        groups: dict[tuple[str, Instant], list[int]] = defaultdict(list)
        for n, write in writes.items():
            times = write.times()
            newest = state.get(write.entity["id"], {})
            # What is newer than the state cannot have arrived; the history tells about the rest.
            if times and all(newest.get(name, -1) >= instant for name, instant in times.items()):
                groups[(write.entity["id"], max(times.values()))].append(n)
        gate = asyncio.Semaphore(_QUESTIONS)

        async def ask(numbers: list[int], instant: Instant) -> list[int]:
            async with gate:
                recorded = await self._broker.recorded(writes[numbers[0]].ref, instant)
            return [n for n in numbers if recorded is None or _take(recorded, writes[n].entity)]

        answers = await asyncio.gather(*(ask(numbers, instant) for (_, instant), numbers in groups.items()))
        stored = {n for numbers in answers for n in numbers}
        self._tally.count("stored_before", len(stored))
        return {n: write for n, write in writes.items() if n not in stored}

    def _split(self, writes: Mapping[int, Write]) -> tuple[dict[int, Write], dict[int, Write]]:
        """Set apart the attributes that were observed before the current value was."""
        current: dict[int, Write] = {}
        late: dict[int, Write] = {}
        for n, write in writes.items():
            times = write.times()
            newest = self._newest[write.key]
            overtaken = {name for name, instant in times.items() if newest.get(name, -1) > instant}
            newest.update((name, instant) for name, instant in times.items() if name not in overtaken)
            if not overtaken:
                current[n] = write
                continue
            entity = write.entity
            kept = _MEMBERS | overtaken
            late[n] = Write({name: each for name, each in entity.items() if name in kept}, write.tenant, write.doubtful)
            rest = {name: each for name, each in entity.items() if name not in overtaken}
            if rest.keys() - _MEMBERS:
                current[n] = Write(rest, write.tenant, write.doubtful)
        return current, late

    def _shrink(self) -> None:
        while len(self._newest) > KNOWN:
            self._newest.popitem(last=False)


def _take(recorded: dict[str, list[Any]], entity: Mapping[str, Any]) -> bool:
    """Whether a reading is among the recorded ones; each recorded one stands for one reading."""
    plain = {name: each["value"] for name, each in entity.items() if _is_comparable(each)}
    if not plain:
        return any(recorded.values())
    if not all(value in recorded.get(name, ()) for name, value in plain.items()):
        return False
    for name, value in plain.items():
        recorded[name].remove(value)
    return True


def _is_comparable(attribute: object) -> bool:
    if not isinstance(attribute, dict) or "observedAt" not in attribute:
        return False
    return isinstance(attribute.get("value"), int | float | str | bool)
