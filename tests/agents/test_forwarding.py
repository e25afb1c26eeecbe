"""The broker's side: batches, refusals of single entities, absence."""

from typing import Any

import pytest
from aiohttp import web

from agents.adapters.ngsild import NgsiLdBroker
from agents.core.errors import BrokerUnavailable
from agents.operations.backoff import Backoff
from agents.operations.forward import FAILURES_BEFORE_SINGLES, Forwarder
from agents.operations.tally import Tally
from tests.agents.field import FakeBroker


def entities(*names: str) -> list[dict[str, Any]]:
    return [{"id": name, "type": "T", "@context": "https://example.org/c.jsonld"} for name in names]


@pytest.fixture
async def client(broker: FakeBroker):
    client = NgsiLdBroker(broker.url)
    yield client
    await client.close()


@pytest.mark.parametrize("status", [200, 201, 204])
async def test_5_6_8_success_refuses_nothing(broker: FakeBroker, client: NgsiLdBroker, status: int) -> None:
    broker.answer = lambda batch: web.Response(status=status)
    assert await client.upsert(entities("urn:a", "urn:b")) == {}
    assert [len(request) for request in broker.requests] == [2]


async def test_5_6_8_a_207_names_the_refused_and_only_them(broker: FakeBroker, client: NgsiLdBroker) -> None:
    problem = {"title": "Bad request data", "detail": "no value"}
    body = {"success": ["urn:a"], "errors": [{"entityId": "urn:b", "error": problem}]}
    broker.answer = lambda batch: web.json_response(body, status=207)
    assert await client.upsert(entities("urn:a", "urn:b")) == {"urn:b": "Bad request data: no value"}


async def test_one_entity_that_spoils_a_batch_is_found_and_the_others_stored(
    broker: FakeBroker, client: NgsiLdBroker
) -> None:
    def answer(batch: list[dict[str, Any]]) -> web.Response:
        bad = any(entity["id"] == "urn:5" for entity in batch)
        return web.json_response({"title": "Bad", "detail": "spoilt"}, status=400 if bad else 204)

    broker.answer = answer
    refused = await client.upsert(entities(*(f"urn:{n}" for n in range(10))))
    assert refused == {"urn:5": "400: Bad: spoilt"}
    assert sorted(entity["id"] for entity in broker.entities) == [f"urn:{n}" for n in range(10) if n != 5]


@pytest.mark.parametrize("status", [500, 503, 429, 404, 302])
async def test_answers_about_the_broker_itself_mean_unavailable(
    broker: FakeBroker, client: NgsiLdBroker, status: int
) -> None:
    broker.answer = lambda batch: web.Response(status=status)
    with pytest.raises(BrokerUnavailable):
        await client.upsert(entities("urn:a"))


async def test_no_broker_at_all_means_unavailable(broker: FakeBroker, client: NgsiLdBroker) -> None:
    await broker.stop()
    with pytest.raises(BrokerUnavailable):
        await client.upsert(entities("urn:a"))


class Failing:
    """A broker that fails a number of times, or always over one entity."""

    def __init__(self, failures: int = 0, poison: str = "", *, answers: bool = True) -> None:
        self.answers = answers
        self.failures = failures
        self.poison = poison
        self.stored: list[str] = []

    async def upsert(self, batch: Any, tenant: str | None = None) -> dict[str, str]:
        names = [entity["id"] for entity in batch]
        if self.failures > 0 or self.poison in names:
            self.failures -= 1
            raise BrokerUnavailable("away", answered=self.answers)
        self.stored += names
        return {}


def quick() -> Backoff:
    return Backoff(first=0.001, longest=0.002)


async def test_an_absent_broker_is_tried_again_until_it_is_back() -> None:
    broker, tally = Failing(failures=30, answers=False), Tally()
    assert await Forwarder(broker, tally, backoff=quick).store(entities("urn:a")) == {}
    assert broker.stored == ["urn:a"]
    assert tally.counts["broker_failures"] == 30


@pytest.mark.parametrize("failures", range(1, 100, 7))
async def test_an_absent_broker_is_not_taken_for_many_bad_entities(failures: int) -> None:
    broker = Failing(failures=failures)
    names = [f"urn:{n}" for n in range(20)]
    assert await Forwarder(broker, Tally(), backoff=quick).store(entities(*names)) == {}
    assert sorted(set(broker.stored)) == sorted(names)


async def test_an_entity_over_which_the_broker_fails_does_not_block_the_others() -> None:
    broker = Failing(poison="urn:b")
    refused = await Forwarder(broker, Tally(), backoff=quick).store(entities("urn:a", "urn:b", "urn:c"))
    assert list(refused) == ["urn:b"]
    assert set(broker.stored) == {"urn:a", "urn:c"}


async def test_an_entity_that_came_alone_and_over_which_the_broker_fails_is_given_up_in_the_end() -> None:
    broker = Failing(poison="urn:b")
    assert list(await Forwarder(broker, Tally(), backoff=quick).store(entities("urn:b"))) == ["urn:b"]


async def test_an_entity_that_came_alone_is_never_given_up_while_there_is_no_answer() -> None:
    broker = Failing(failures=50, answers=False)
    assert await Forwarder(broker, Tally(), backoff=quick).store(entities("urn:a")) == {}
    assert broker.stored == ["urn:a"]


class Flickering:
    """Fails over each call as the script says: `x` fails, `.` stores; stores when the script is over."""

    def __init__(self, script: str) -> None:
        self.script = iter(script)
        self.stored: set[str] = set()

    async def upsert(self, batch: Any, tenant: str | None = None) -> dict[str, str]:
        if next(self.script, ".") == "x":
            raise BrokerUnavailable("500", answered=True)
        self.stored |= {entity["id"] for entity in batch}
        return {}


async def test_a_broker_that_goes_away_again_while_entities_are_tried_singly_refuses_none() -> None:
    # Six failures of the batch, then a fails and b goes through, then the broker is away for the second look at a.
    broker = Flickering("xxxxxx" + "x." + "xx")
    assert await Forwarder(broker, Tally(), backoff=quick).store(entities("urn:a", "urn:b")) == {}
    assert broker.stored == {"urn:a", "urn:b"}


def test_waiting_times_grow_and_stay_bounded() -> None:
    backoff = Backoff()
    waits = [backoff.next() for _ in range(100)]
    assert waits[0] < 1
    assert waits[FAILURES_BEFORE_SINGLES] > waits[0]
    assert max(waits) <= 36
