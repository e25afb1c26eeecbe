"""Readings reach the broker once: late ones go into the history, doubtful ones are looked up first."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from agents.core.errors import BrokerUnavailable, NoHistory
from agents.core.instant import format_instant, parse_instant
from agents.operations.backoff import Backoff
from agents.operations.forward import Forwarder
from agents.operations.ports import EntityRef
from agents.operations.storage import Storage, Write
from agents.operations.tally import Tally

_SECOND = 1_000_000
_START = 1_795_000_000 * _SECOND


class Evolving:
    """A broker in memory with state and history, which fails when told."""

    def __init__(self, *, history: bool = True) -> None:
        self.state: dict[str, dict[str, int]] = {}
        self.history: list[tuple[str, str, int, Any]] = []
        self.keeps_history = history
        self.failures: list[str] = []
        """`absent`: cannot be reached; `before`: fails without storing; `after`: stores and fails. One an upsert."""
        self.meanwhile: dict[str, dict[str, int]] = {}
        """State that another writes while one upsert fails."""
        self.refuse: set[Any] = set()
        self.asked = 0

    async def upsert(self, entities: Sequence[dict[str, Any]], tenant: str | None = None) -> dict[str, str]:
        failure = self.failures.pop(0) if self.failures else None
        if failure in ("absent", "before"):
            self.state.update(self.meanwhile)
            raise BrokerUnavailable("away", doubtful=failure == "before")
        refused = {}
        for entity in entities:
            for name, attribute in entity.items():
                if isinstance(attribute, dict) and "observedAt" in attribute:
                    if attribute["value"] in self.refuse:
                        refused[entity["id"]] = "no"
                        continue
                    self.state.setdefault(entity["id"], {})[name] = parse_instant(attribute["observedAt"]) or 0
                    self._record(entity["id"], name, attribute)
        if failure == "after":
            raise BrokerUnavailable("away", doubtful=True)
        return refused

    async def decided(self, entities: Sequence[EntityRef]) -> None:
        return None

    async def newest(self, entities: Sequence[EntityRef]) -> dict[str, dict[str, int]]:
        self.asked += 1
        return {ref.id: dict(self.state[ref.id]) for ref in entities if ref.id in self.state}

    async def recorded(self, entity: EntityRef, at: int) -> dict[str, list[Any]] | None:
        if not self.keeps_history:
            return None
        found: dict[str, list[Any]] = {}
        for entity_id, name, instant, value in self.history:
            if (entity_id, instant) == (entity.id, at):
                found.setdefault(name, []).append(value)
        return found

    async def append_to_history(self, entity: EntityRef, fragment: dict[str, Any]) -> str | None:
        if not self.keeps_history:
            raise NoHistory("none")
        for name, attribute in fragment.items():
            if isinstance(attribute, dict):
                self._record(entity.id, name, attribute)
        return None

    def _record(self, entity_id: str, name: str, attribute: dict[str, Any]) -> None:
        self.history.append((entity_id, name, parse_instant(attribute["observedAt"]) or 0, attribute["value"]))


def reading(value: Any, second: int, name: str = "t", entity_id: str = "urn:a", **more: Any) -> dict[str, Any]:
    attribute = {"type": "Property", "value": value, "observedAt": format_instant(_START + second * _SECOND)}
    return {"id": entity_id, "type": "T", name: attribute, **more, "@context": "https://example.org/c.jsonld"}


def storage(broker: Evolving, *, alone: bool = True) -> tuple[Storage, Tally]:
    tally = Tally()
    return Storage(broker, Forwarder(broker, tally, backoff=lambda: Backoff(0.001, 0.002)), tally, alone=alone), tally


def values(broker: Evolving) -> list[Any]:
    return [value for _, _, _, value in broker.history]


async def test_a_late_reading_goes_into_the_history_and_leaves_the_newer_value_alone() -> None:
    broker = Evolving()
    store, tally = storage(broker)
    await store.store([Write(reading(1, 10)), Write(reading(0, 5)), Write(reading(2, 20))])
    await store.store([Write(reading(0.5, 7))])
    assert broker.state["urn:a"]["t"] == _START + 20 * _SECOND
    assert sorted(values(broker)) == [0, 0.5, 1, 2]
    assert tally.counts["late"] == 2


async def test_only_the_attributes_that_are_late_stay_out_of_the_state() -> None:
    broker = Evolving()
    store, _ = storage(broker)
    await store.store([Write(reading(1, 10))])
    both = reading(0, 5)
    await store.store([Write(both | {"u": both["t"]})])
    assert broker.state["urn:a"] == {"t": _START + 10 * _SECOND, "u": _START + 5 * _SECOND}


async def test_what_the_broker_had_before_this_process_counts_as_newer() -> None:
    broker = Evolving()
    await storage(broker)[0].store([Write(reading(1, 10))])
    store, _ = storage(broker)
    await store.store([Write(reading(0, 5))])
    await store.store([Write(reading(3, 11))])
    assert broker.state["urn:a"]["t"] == _START + 11 * _SECOND
    assert values(broker) == [1, 0, 3]
    # Once for each process: later on it is known.
    assert broker.asked <= 3


async def test_a_late_reading_is_dropped_where_there_is_no_history_and_never_overwrites() -> None:
    broker = Evolving(history=False)
    store, tally = storage(broker)
    await store.store([Write(reading(1, 10))])
    assert await store.store([Write(reading(0, 5))]) == {}
    assert broker.state["urn:a"]["t"] == _START + 10 * _SECOND
    assert tally.counts["late_without_history"] == 1


async def test_what_another_agent_stored_meanwhile_is_not_overwritten_by_what_is_older() -> None:
    broker = Evolving()
    one, other = (storage(broker, alone=False)[0] for _ in range(2))
    await one.store([Write(reading(1, 10))])
    await other.store([Write(reading(3, 30))])
    await one.store([Write(reading(2, 20))])
    assert broker.state["urn:a"]["t"] == _START + 30 * _SECOND
    await one.store([Write(reading(4, 40))])
    assert broker.state["urn:a"]["t"] == _START + 40 * _SECOND
    assert values(broker) == [1, 3, 2, 4]


@pytest.mark.parametrize("failure", ["absent", "before"])
async def test_what_another_agent_stored_while_this_one_waited_for_the_broker_stays(failure: str) -> None:
    broker = Evolving()
    store, tally = storage(broker, alone=False)
    await store.store([Write(reading(1, 10))])
    broker.failures, broker.meanwhile = [failure], {"urn:a": {"t": _START + 30 * _SECOND}}
    both = reading(2, 20)
    await store.store([Write(both | {"u": both["t"]}), Write(reading(3, 25)), Write(reading(4, 40))])
    assert broker.state["urn:a"] == {"t": _START + 40 * _SECOND, "u": _START + 20 * _SECOND}
    assert sorted(values(broker)) == [1, 2, 2, 3, 4]
    assert tally.counts["late"] == 2


@pytest.mark.parametrize("failures", [["before"], ["after"], ["after", "before"], ["before", "after"], ["after"] * 3])
async def test_a_lost_answer_doubles_nothing_and_loses_nothing(failures: list[str]) -> None:
    broker = Evolving()
    broker.failures = list(failures)
    store, _ = storage(broker)
    writes = [Write(reading(n, n, entity_id=f"urn:{n % 3}")) for n in range(10)]
    assert await store.store(writes) == {}
    assert sorted(values(broker)) == list(range(10))


async def test_a_doubtful_reading_is_sent_unless_the_broker_has_it() -> None:
    broker = Evolving()
    await storage(broker)[0].store([Write(reading(1, 10)), Write(reading(2, 20))])
    store, tally = storage(broker)
    doubtful = [Write(reading(n, 10 * n), doubtful=True) for n in (1, 2, 3)]
    late = Write(reading(9, 15), doubtful=True)
    await store.store([*doubtful, late])
    assert sorted(values(broker)) == [1, 2, 3, 9]
    assert tally.counts["stored_before"] == 2


async def test_equal_readings_of_one_instant_are_counted_one_by_one() -> None:
    broker = Evolving()
    await storage(broker)[0].store([Write(reading(1, 10))])
    store, _ = storage(broker)
    await store.store([Write(reading(1, 10), doubtful=True), Write(reading(1, 10), doubtful=True)])
    assert values(broker) == [1, 1]


async def test_a_doubtful_reading_no_newer_than_the_state_counts_as_stored_where_there_is_no_history() -> None:
    broker = Evolving(history=False)
    await storage(broker)[0].store([Write(reading(1, 10))])
    before = list(broker.history)
    await storage(broker)[0].store([Write(reading(1, 10), doubtful=True)])
    assert broker.history == before


async def test_which_of_several_fragments_of_an_entity_was_refused_is_found_out() -> None:
    broker = Evolving()
    broker.refuse = {2}
    store, _ = storage(broker)
    assert await store.store([Write(reading(n, n)) for n in (1, 2, 3)]) == {1: "no"}
    assert sorted(values(broker)) == [1, 3]


async def test_a_refused_reading_does_not_make_the_next_one_late() -> None:
    broker = Evolving()
    broker.refuse = {9}
    store, tally = storage(broker)
    await store.store([Write(reading(9, 1_000))])
    await store.store([Write(reading(1, 10))])
    assert broker.state["urn:a"]["t"] == _START + 10 * _SECOND
    assert tally.counts["late"] == 0


async def test_tenants_are_kept_apart() -> None:
    told: list[tuple[str | None, list[str]]] = []

    class Tenants(Evolving):
        async def upsert(self, entities: Sequence[dict[str, Any]], tenant: str | None = None) -> dict[str, str]:
            told.append((tenant, [each["id"] for each in entities]))
            return await super().upsert(entities, tenant)

        async def newest(self, entities: Sequence[EntityRef]) -> dict[str, dict[str, int]]:
            assert len({ref.tenant for ref in entities}) == 1
            return {}

    store, _ = storage(Tenants())
    await store.store([Write(reading(1, 1), "x"), Write(reading(2, 1)), Write(reading(3, 2), "x")])
    assert sorted(told, key=str) == [("x", ["urn:a", "urn:a"]), (None, ["urn:a"])]


class Slow(Evolving):
    """Answers questions about the state only when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.questions: list[asyncio.Event] = []

    async def newest(self, entities: Sequence[EntityRef]) -> dict[str, dict[str, int]]:
        answer = await super().newest(entities)  # as it is now, however late it arrives
        self.questions.append(asyncio.Event())
        await self.questions[-1].wait()
        return answer

    async def asked_times(self, times: int) -> None:
        while len(self.questions) < times:  # noqa: ASYNC110  asked by a task that runs meanwhile
            await asyncio.sleep(0)


async def test_what_another_caller_forgets_meanwhile_is_asked_for_again() -> None:
    broker = Slow()
    store, _ = storage(broker)
    known = asyncio.create_task(store.store([Write(reading(1, 10))]))
    await broker.asked_times(1)
    broker.questions[0].set()
    await known
    task = asyncio.create_task(store.store([Write(reading(2, 20)), Write(reading(3, 30, entity_id="urn:b"))]))
    await broker.asked_times(2)
    store.forget()
    async with asyncio.timeout(5):
        while not task.done():
            for each in broker.questions:
                each.set()
            await asyncio.sleep(0)
    assert task.result() == {}
    assert sorted(values(broker)) == [1, 2, 3]


async def test_an_old_answer_does_not_take_the_place_of_what_another_caller_wrote() -> None:
    broker = Slow()
    broker.state["urn:a"] = {"t": _START}
    store, _ = storage(broker)
    first = asyncio.create_task(store.store([Write(reading(1, 20))]))
    second = asyncio.create_task(store.store([Write(reading(2, 15, name="u"))]))
    await broker.asked_times(2)
    broker.questions[0].set()
    await first
    broker.questions[1].set()
    await second
    await store.store([Write(reading(3, 10))])
    assert broker.state["urn:a"] == {"t": _START + 20 * _SECOND, "u": _START + 15 * _SECOND}


async def test_an_entity_that_is_forgotten_for_a_refusal_is_learned_by_the_caller_beside() -> None:
    broker = Slow()
    broker.refuse = {"bad"}
    store, _ = storage(broker)
    writes = (Write(reading("bad", 10)), Write(reading(2, 10, "u")))
    both = [asyncio.create_task(store.store([each])) for each in writes]
    async with asyncio.timeout(5):
        while not all(each.done() for each in both):
            for each in broker.questions:
                each.set()
            await asyncio.sleep(0)
    assert [each.result() for each in both] == [{0: "no"}, {}]
