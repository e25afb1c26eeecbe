from collections.abc import AsyncIterator, Callable

import pytest

from broker.adapters.memory.stores import MemorySubscriptions
from tests.notifications.world import Broker, OpenOutbox, Receiver


@pytest.fixture
async def make_broker() -> AsyncIterator[Callable[..., Broker]]:
    made: list[Broker] = []

    def make(store=None, outbox=None, timer=None, give_up_after=3_600.0, tls=None) -> Broker:
        made.append(Broker(store or MemorySubscriptions(), outbox or OpenOutbox(), timer, give_up_after, tls))
        return made[-1]

    yield make
    for each in made:
        await each.notifications.close()


@pytest.fixture
async def broker(make_broker) -> Broker:
    return make_broker()


@pytest.fixture
async def make_receiver() -> AsyncIterator[Callable]:
    made: list[Receiver] = []

    async def make(tls=None) -> Receiver:
        made.append(await Receiver(tls).start())
        return made[-1]

    yield make
    for each in made:
        if each.gate is not None:
            each.gate.set()
        await each.stop()


@pytest.fixture
async def receiver(make_receiver) -> Receiver:
    return await make_receiver()
