"""Commands under way: kept until they end, delivered in their order, expired in time, reported to the broker."""

import asyncio
import heapq
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from agents.core.commands import Command, CommandStatus, advance, expired, report, restored, stored
from agents.core.errors import StoreUnavailable
from agents.core.model import Device, Instant
from agents.operations import clock
from agents.operations.backoff import Backoff
from agents.operations.storage import Storage, Write
from agents.operations.tally import Tally

LIFETIME = 86_400 * 1_000_000
"""Microseconds after which nobody waits for a result: a day, in which also a sleeping device reports once."""
QUEUE_LIMIT = 100
"""Commands under way for one device."""
TABLE_LIMIT = 100_000
"""Commands kept, some 1 KB each, those that ended among them until their time has passed: so a repeated notification
finds them."""
Outcome: TypeAlias = tuple[CommandStatus, Any]


class CommandStore(Protocol):
    """Keeps commands across restarts."""

    def commands(self) -> AsyncIterator[dict[str, Any]]:
        """Every stored command."""
        ...

    async def save_commands(self, documents: Sequence[Mapping[str, Any]], ended: Sequence[str]) -> None:
        """Store commands by their `id`, and forget others."""
        ...


class Courier(Protocol):
    """Brings commands to devices."""

    def polls(self, device: Device) -> bool:
        """The device asks for its commands itself."""
        ...

    async def deliver(self, command: Command, device: Device) -> Outcome | None:
        """Bring one; the state it is in then, or `None` where the device cannot be reached for now."""
        ...


class Commands:
    """The commands of all devices."""

    def __init__(
        self,
        courier: Courier,
        storage: Storage,
        tally: Tally,
        device: Callable[[str], Device | None],
        store: CommandStore | None = None,
        *,
        lifetime: int = LIFETIME,
        alone: bool = True,
        now: Callable[[], Instant] = clock.now,
    ) -> None:
        """`alone` says that no other agent may know of commands whose results come here."""
        self._courier = courier
        self._storage = storage
        self._tally = tally
        self._device = device
        self._store = store
        self._lifetime = lifetime
        self._alone = alone
        self._now = now
        self._table: OrderedDict[str, Command] = OrderedDict()
        self._open: dict[str, list[str]] = defaultdict(list)
        self._newest: dict[tuple[str, str], str] = {}
        self._expiring: list[tuple[Instant, str]] = []
        self._sooner = asyncio.Event()
        self._heard: dict[str, asyncio.Event] = {}
        self._serving: dict[str, asyncio.Task[None]] = {}
        self._unsaved: set[str] = set()
        self._forgotten: list[str] = []
        self._to_save = asyncio.Event()
        self._unreported: OrderedDict[tuple[str, str], Command] = OrderedDict()
        self._to_report = asyncio.Event()

    async def load(self) -> None:
        """Take up what an earlier process left."""
        if self._store is None:
            return
        found = [restored(document) async for document in self._store.commands()]
        for command in sorted(found, key=lambda each: each.created):
            self._add(command)
            if not command.ended:
                self._report(command)

    async def run(self) -> None:
        """Deliver, expire, save and report until cancelled."""
        async with asyncio.TaskGroup() as group:
            for work in (self._expire, self._save, self._tell):
                group.create_task(work())
            for device_id in list(self._open):
                self._serve(device_id)

    async def close(self) -> None:
        """End the deliveries under way; what they had not brought yet is brought after the next start."""
        for task in list(self._serving.values()):
            task.cancel()
        await asyncio.gather(*self._serving.values(), return_exceptions=True)

    async def accept(
        self, device: Device, name: str, value: Any, identity: str, expires: Instant | None = None
    ) -> Command:
        """Take a command in; durable when it returns. The same identity again is the same command.

        Raises:
            StoreUnavailable: It was not taken.
        """
        known = self._table.get(identity)
        if known is not None:
            return known
        now = self._now()
        until = min(expires or now + self._lifetime, now + self._lifetime)
        command = Command(identity, device.id, name, value, now, until, changed=now)
        if len(self._open[device.id]) >= QUEUE_LIMIT or len(self._table) >= TABLE_LIMIT:
            command = advance(command, CommandStatus.ERROR, "too many commands are waiting", now)
        if self._store is not None:
            await self._store.save_commands([stored(command)], ())
        self._tally.count("commands")
        self._add(command)
        self._report(command)
        self._serve(device.id)
        return command

    def open(self, device_id: str) -> list[Command]:
        """The commands of a device that have not ended, the oldest first."""
        return [self._table[each] for each in self._open.get(device_id, ())]

    def collect(self, device: Device) -> list[Command]:
        """What a device that asks gets: its commands not yet delivered; they count as delivered from here on."""
        pending = [each for each in self.open(device.id) if each.status is CommandStatus.PENDING]
        fresh = [each for each in pending if not expired(each, self._now())]
        for each in fresh:
            self._change(each, CommandStatus.DELIVERED, None)
        return fresh

    def results(self, device: Device, results: Mapping[str, Any]) -> None:
        """A device reports what became of commands, by their names."""
        for name, result in results.items():
            waiting = [each for each in self.open(device.id) if each.name == name]
            if waiting:
                self._change(waiting[0], CommandStatus.OK, result)
            elif self._alone and name in device.commands:
                now = self._now()
                self._report(Command("", device.id, name, None, now, now, CommandStatus.OK, result, now))

    def settled(self, identities: Sequence[str], status: CommandStatus, detail: str) -> None:
        """A network tells how far downlinks have come."""
        for each in identities:
            command = self._table.get(each)
            if command is not None:
                self._change(command, status, detail or None)

    def heard(self, device: Device) -> None:
        """The device sent something: now it can be reached, if ever."""
        event = self._heard.get(device.id)
        if event is not None:
            event.set()

    # Inside

    def _add(self, command: Command) -> None:
        self._table[command.id] = command
        heapq.heappush(self._expiring, (command.expires, command.id))
        self._sooner.set()
        self._newest[(command.device, command.name)] = command.id
        if not command.ended:
            self._open[command.device].append(command.id)

    def _change(self, command: Command, status: CommandStatus, info: Any) -> None:
        current = self._table.get(command.id, command)
        changed = advance(current, status, info, self._now())
        if changed is current:
            return
        self._table[command.id] = changed
        if changed.ended:
            self._open[changed.device].remove(changed.id)
            self._tally.count(f"commands_{status.value.lower()}")
        self._unsaved.add(changed.id)
        self._to_save.set()
        # A command that was overtaken by another of its name would hide how far that one has come.
        if self._newest.get((changed.device, changed.name)) == changed.id:
            self._report(changed)

    def _report(self, command: Command) -> None:
        self._unreported[(command.device, command.name)] = command
        self._to_report.set()

    def _serve(self, device_id: str) -> None:
        device = self._device(device_id)
        if device_id in self._serving or (device is not None and self._courier.polls(device)):
            return
        task = asyncio.create_task(self._bring(device_id))
        self._serving[device_id] = task
        task.add_done_callback(lambda done: self._served(device_id, done))

    def _served(self, device_id: str, task: asyncio.Task[None]) -> None:
        self._serving.pop(device_id, None)
        self._heard.pop(device_id, None)
        if not task.cancelled() and task.exception() is not None:
            self._tally.count("command_failures")

    async def _bring(self, device_id: str) -> None:
        """Bring a device its commands, one after the other."""
        heard = self._heard[device_id] = asyncio.Event()
        backoff = Backoff()
        while pending := [each for each in self.open(device_id) if each.status is CommandStatus.PENDING]:
            command, device = pending[0], self._device(device_id)
            if expired(command, self._now()):
                self._change(command, CommandStatus.EXPIRED, "its time ran out before the device could be reached")
                continue
            if device is None:
                self._change(command, CommandStatus.ERROR, "the device is not provisioned any more")
                continue
            heard.clear()
            outcome = await self._courier.deliver(command, device)
            if outcome is not None:
                self._change(command, *outcome)
                backoff.reset()
                continue
            await _either(heard.wait(), backoff.next())

    async def _expire(self) -> None:
        while True:
            now = self._now()
            while self._expiring and self._expiring[0][0] <= now:
                command = self._table.get(heapq.heappop(self._expiring)[1])
                if command is None:
                    continue
                self._change(command, CommandStatus.EXPIRED, "its time ran out before a result came")
                self._forget(command)
            self._sooner.clear()
            await _either(self._sooner.wait(), (self._expiring[0][0] - now) / 1e6 if self._expiring else None)

    def _forget(self, command: Command) -> None:
        self._table.pop(command.id, None)
        if self._newest.get((command.device, command.name)) == command.id:
            del self._newest[(command.device, command.name)]
        if not self._open.get(command.device):
            self._open.pop(command.device, None)
        self._forgotten.append(command.id)
        self._to_save.set()

    async def _save(self) -> None:
        backoff = Backoff()
        while True:
            await self._to_save.wait()
            self._to_save.clear()
            changed, self._unsaved = self._unsaved, set()
            gone, self._forgotten = self._forgotten, []
            documents = [stored(self._table[each]) for each in changed if each in self._table]
            try:
                if self._store is not None:
                    await self._store.save_commands(documents, gone)
                backoff.reset()
            except StoreUnavailable:
                self._unsaved |= changed
                self._forgotten = gone + self._forgotten
                self._to_save.set()
                await asyncio.sleep(backoff.next())

    async def _tell(self) -> None:
        while True:
            await self._to_report.wait()
            self._to_report.clear()
            told, self._unreported = self._unreported, OrderedDict()
            writes: list[Write] = []
            for command in told.values():
                device = self._device(command.device)
                if device is not None:
                    entity = {"id": device.entity_id, "type": device.entity_type, **report(command)}
                    writes.append(Write({**entity, "@context": device.context}, device.tenant))
            if writes:
                refused = await self._storage.store(writes)
                self._tally.count("command_reports_refused", len(refused))


async def _either(event: Awaitable[Any], seconds: float | None) -> None:
    try:
        await asyncio.wait_for(event, seconds)
    except TimeoutError:
        return
