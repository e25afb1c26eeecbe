from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.federation.world import FederatedBroker, Source


@pytest.fixture
async def make_broker() -> AsyncIterator[Callable[[str], Awaitable[FederatedBroker]]]:
    made: list[FederatedBroker] = []

    async def make(alias: str) -> FederatedBroker:
        made.append(await FederatedBroker(alias).start())
        return made[-1]

    yield make
    for each in made:
        await each.stop()


@pytest.fixture
async def make_source() -> AsyncIterator[Callable[..., Awaitable[Source]]]:
    made: list[Source] = []

    async def make(**members) -> Source:
        made.append(await Source(**members).start())
        return made[-1]

    yield make
    for each in made:
        await each.stop()


@pytest.fixture
async def broker(make_broker) -> FederatedBroker:
    return await make_broker("here")


@pytest.fixture
async def other(make_broker) -> FederatedBroker:
    return await make_broker("there")


@pytest.fixture
async def source(make_source) -> Source:
    return await make_source()
