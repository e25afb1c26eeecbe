"""The parts that make the agents FIWARE-compatible, put together: provisioning, commands, questions."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from agents.codecs.registry import encoder_key, lorawan_models
from agents.core.model import Device, DeviceModel
from agents.core.provisioned import MODEL
from agents.networks.downlinks import TunnelAccount
from agents.operations import clock
from agents.operations.commanding import Commanding
from agents.operations.commands import Commands, CommandStore
from agents.operations.courier import DeviceCourier, Encoder, Poster, Publisher
from agents.operations.devices import Devices
from agents.operations.item import Observer
from agents.operations.lazy_reading import LazyReading
from agents.operations.lazy_registration import LazyRegistration, SourceRegistry
from agents.operations.listening import CommandBroker, Listening
from agents.operations.provisioned_devices import CORE_CONTEXT
from agents.operations.provisioning import Provisioning
from agents.operations.provisioning_store import ProvisioningStore
from agents.operations.questions import EntityReader, Questions
from agents.operations.storage import Storage
from agents.operations.tally import Tally

READABLE = DeviceModel(
    id=MODEL,
    description="Device whose measures come readable, described by its provisioning",
    entity_type="Thing",
    context=CORE_CONTEXT,
    attributes=(),
    keeps_unmapped=True,
)
"""Model of provisioned devices that need no codec."""


class Store(ProvisioningStore, CommandStore, Protocol):
    """Keeps groups, devices and commands across restarts."""


class Broker(CommandBroker, EntityReader, SourceRegistry, Protocol):
    """The context broker, as commands, questions and lazy attributes need it."""


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything that is reached from here."""

    broker: Broker
    publisher: Publisher
    poster: Poster
    encoder: Encoder
    store: Store | None
    notify_url: str
    """Where the broker tells of commands."""
    provider_url: str = ""
    """Where the broker asks for lazy attributes."""
    account: TunnelAccount | None = None
    """At ThingPark's tunnel interface."""
    credential: str = ""
    """What the broker shows when it calls; empty for nothing."""


class Iot:
    """Provisioned devices and all that is done for them beside storing measures."""

    def __init__(
        self,
        devices: Devices,
        storage: Storage,
        tally: Tally,
        outside: Outside,
        *,
        context: str = CORE_CONTEXT,
        welcome: Callable[[Sequence[str]], Awaitable[object]] | None = None,
        alone: bool = True,
    ) -> None:
        """`alone` says that no other agent shares the messages."""
        self._devices = devices
        self._welcome = welcome
        self._welcomed: set[asyncio.Task[None]] = set()
        self._lazy_registration = LazyRegistration(outside.broker, tally, outside.provider_url, outside.credential)
        self.provisioning = Provisioning(
            outside.store,
            context=context,
            on_change=self._changed,
            on_gone=self._lazy_registration.gone,
            on_groups=self._grouped,
            lorawan_models=lorawan_models(devices.models),
        )
        devices.provisioning = self.provisioning
        self.lazy = LazyReading(outside.publisher, outside.poster)
        self.listening = Listening(outside.broker, tally, outside.notify_url, outside.credential)
        self._courier = DeviceCourier(
            outside.publisher,
            outside.poster,
            outside.encoder,
            clock.now,
            lambda model: encoder_key(devices.models[model]),
            outside.account,
        )
        devices.on_registered = self.listening.watch
        self.restore_routes = self._courier.restore
        self.commands = Commands(self._courier, storage, tally, devices.get, outside.store, alone=alone)
        self._questions = Questions(outside.broker, outside.publisher, tally)

    def observer(self, then: Observer) -> Observer:
        """Looks at messages for what concerns commands, then lets `then` look."""
        return Commanding(
            self.commands, self._courier, self._questions, self.lazy, self.provisioning.last_measures, then
        )

    async def load(self) -> list[str]:
        """Take up what is stored; gives the reasons why some of it could not be used.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        problems = await self.provisioning.load()
        await self.commands.load()
        self.listening.watch([*self._devices.commanded(), *self.provisioning.all()])
        self._lazy_registration.watch(self.provisioning.all())
        return problems

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for work in (self.provisioning.run, self.listening.run, self.commands.run, self._questions.run):
                group.create_task(work())
            group.create_task(self._lazy_registration.run())

    async def close(self) -> None:
        """End what is under way."""
        await self.commands.close()

    def _changed(self, devices: Sequence[Device]) -> None:
        self._devices.introduce_again(devices)
        self.listening.watch(devices)
        self._lazy_registration.watch(devices)
        self._replay([each.provisioned.device_id for each in devices])

    def _grouped(self) -> None:
        # Some of those nobody knew may belong to a new group.
        self._replay(list(self._devices.unknown()))

    def _replay(self, names: Sequence[str]) -> None:
        """What these sent before anybody knew them is read again."""

        async def replay(welcome: Callable[[Sequence[str]], Awaitable[object]]) -> None:
            await welcome(names)

        if self._welcome is not None and names:
            task = asyncio.get_running_loop().create_task(replay(self._welcome))
            self._welcomed.add(task)
            task.add_done_callback(self._welcomed.discard)
