"""What leaves for sources stays within their registrations, and what they answer makes one result (4.3.6.1, 4.5.5)."""

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from broker.core.federate.index import RegistrationIndex
from broker.core.federate.received import Readings
from broker.core.federate.registration import Registration
from broker.core.model.entity import Entity
from broker.core.ql.ast import EntityQuery, EntitySelector, PageRequest
from broker.core.ql.types import TypeSelection, parse_types
from broker.operations.distributed.asking import Inquiry
from broker.operations.distributed.batches import Batch, Item, write_batch
from broker.operations.distributed.maps import Asked, find_holders
from broker.operations.distributed.purges import Purge, purge_elsewhere
from broker.operations.distributed.reads import query
from broker.operations.federation import Answer, Forward, Origin
from broker.operations.ports import EntityWrite
from broker.operations.results import BatchResult
from tests.core.subscribe.building import created
from tests.federation.building import CONTEXT, iri, prop, registration
from tests.federation.planning import (
    FACTS,
    IDS,
    KINDS,
    NAMES,
    Fact,
    attributes,
    covers,
    is_about,
    registrations,
    selected,
    selectors,
)
from tests.http.client import memory_ports

Sent = list[tuple[Registration, Forward]]


@dataclass
class Sources:
    """Stands for the way to sources: keeps what is sent, answers as `holdings` of each say, late ones later."""

    holdings: dict[str, list[str]] = field(default_factory=dict)
    laggards: dict[str, int] = field(default_factory=dict)
    sent: Sent = field(default_factory=list)

    async def send(self, source: Registration, forward: Forward, origin: Origin, alias: str) -> Answer:
        self.sent.append((source, forward))
        for _ in range(self.laggards.get(source.id, 0)):
            await asyncio.sleep(0)
        if forward.method != "GET":
            return Answer(204)
        given = dict(forward.parameters)
        wanted = given["id"].split(",") if "id" in given else None
        held = [each for each in self.holdings.get(source.id, ()) if wanted is None or each in wanted]
        start = int(given.get("offset", 0))
        page = held[start : start + int(given.get("limit", len(held) or 1))]
        return Answer(200, [document(each) for each in page])

    def deadline(self, source: Registration) -> float:
        return 60.0


def document(entity_id: str) -> dict[str, Any]:
    return {"id": entity_id, "type": "Container", "level": {"type": "Property", "value": 1}}


def inquiry(found: list[Registration], sources: Sources) -> Inquiry:
    ports, index = memory_ports(), RegistrationIndex()
    for each in found:
        index.put(each)
    registry = SimpleNamespace(sent=lambda *_: None, answered=lambda *_, **__: None)
    federation: Any = SimpleNamespace(
        forwarder=sources, registry=registry, alias_of=lambda _: "here", readings=Readings()
    )
    return Inquiry(ports, federation, "", index, Origin(None, {}, CONTEXT), CONTEXT)


def selector_of(forward: Forward) -> EntitySelector:
    given = dict(forward.parameters)
    types = parse_types(given["type"], CONTEXT.expand_type) if "type" in given else None
    ids = tuple(given["id"].split(",")) if "id" in given else ()
    return EntitySelector(ids, given.get("idPattern"), types)


def named(forward: Forward, parameter: str) -> set[str] | None:
    given = dict(forward.parameters)
    return {CONTEXT.expand_term(each) for each in given[parameter].split(",")} if parameter in given else None


def facts_within(forward: Forward, names: set[str] | None) -> list[Fact]:
    selector = selector_of(forward)
    return [each for each in FACTS if (names is None or each.name in names) and selected(selector, each)]


reading = registrations(("queryEntity", "createEntityMapQueryEntity", "createEntity"))


@given(reading, selectors, attributes, st.booleans(), st.booleans())
def test_4_3_6_1_queries_and_maps_ask_within_what_is_registered(found, selector, names, splits, by_map):
    sources, whole = Sources(), EntityQuery(selectors=(selector,))
    asked = inquiry(found, sources)
    if by_map:
        asyncio.run(find_holders(asked, Asked(whole, names, {}, splits), None))
    else:
        asyncio.run(query(asked, whole, PageRequest(10), names, {}, splits=splits))
    for source, forward in sources.sent:
        operation = {"/entities": "queryEntity", "/entityMaps": "createEntityMapQueryEntity"}[forward.path]
        assert operation in source.operations
        for fact in facts_within(forward, named(forward, "attrs")):
            assert covers(source, fact)


purging = registrations(("purgeEntity", "queryEntity"))


@given(purging, selectors, st.sampled_from((None, "drop", "keep")), attributes)
def test_5_6_21_a_purge_deletes_nothing_beyond_what_is_registered_and_selected(found, selector, how, names):
    sources, whole = Sources(), EntityQuery(selectors=(selector,))
    given_names = {} if how is None else {how: names or {iri("level")}}
    asyncio.run(purge_elsewhere(inquiry(found, sources), Purge(whole, {}, **given_names)))
    for source, forward in sources.sent:
        assert (forward.method, forward.path) == ("DELETE", "/entities")
        assert "purgeEntity" in source.operations
        assert source.mode != "auxiliary"
        assert source.dataset_ids is None
        dropped, kept = named(forward, "drop"), named(forward, "keep")
        for fact in facts_within(forward, dropped):
            if kept is not None and fact.name in kept:
                continue
            assert covers(source, fact)
            assert selected(selector, fact)
            assert fact.name in given_names.get("drop", [fact.name])
            assert fact.name not in given_names.get("keep", ())


writing = registrations(("createBatch", "createEntity", "deleteBatch", "deleteEntity"))
written = st.lists(
    st.builds(
        lambda entity_id, kind, names: Entity(entity_id, [iri(kind)], {iri(name): [prop(1)] for name in names}),
        st.sampled_from(IDS),
        st.sampled_from(KINDS),
        st.lists(st.sampled_from(NAMES), max_size=3, unique=True),
    ),
    max_size=4,
    unique_by=lambda each: each.id,
)


@given(writing, written)
def test_5_6_7_a_batch_is_divided_without_loss_and_within_what_is_registered(found, entities):
    sources, kept = Sources(), []

    async def here(parts: list[Entity]) -> BatchResult:
        kept.extend(parts)
        return BatchResult(created=[each.id for each in parts])

    items = [Item(each, CONTEXT, _document(each)) for each in entities]
    batch = Batch("createBatch", "create", ("createEntity",), knows_types=True)
    result = asyncio.run(write_batch(inquiry(found, sources), batch, items, here))
    arrived: set[tuple[str, str]] = set()
    for source, forward in sources.sent:
        assert forward.path in ("/entities", "/entityOperations/create")
        assert ("createEntity" if forward.path == "/entities" else "createBatch") in source.operations
        for each in forward.body if isinstance(forward.body, list) else [forward.body]:
            names = {CONTEXT.expand_term(name) for name in each if name not in ("id", "type")}
            about = Fact(each["id"], CONTEXT.expand_type(each["type"]), "")
            assert any(is_about(information, about) for information in source.information)
            for name in names:
                assert covers(source, Fact(about.entity_id, about.kind, name))
            arrived |= {(each["id"], name) for name in names}
    refused = {entity_id for entity_id, _, _ in result.errors}
    arrived |= {(each.id, name) for each in kept for name in each.attributes}
    for each in entities:
        assert each.id in refused or {(each.id, name) for name in each.attributes} <= arrived


@given(writing, st.lists(st.sampled_from(IDS), max_size=4, unique=True))
def test_5_6_10_a_batch_of_deletions_reaches_those_who_may_have_the_entities(found, ids):
    sources = Sources()

    async def here(parts: list[Entity]) -> BatchResult:
        return BatchResult(updated=[each.id for each in parts])

    batch = Batch("deleteBatch", "delete", ("deleteEntity",))
    items = [Item(Entity(each, [], {}), CONTEXT) for each in ids]
    asyncio.run(write_batch(inquiry(found, sources), batch, items, here))
    for source, forward in sources.sent:
        is_batch = forward.path == "/entityOperations/delete"
        assert ("deleteBatch" if is_batch else "deleteEntity") in source.operations
        told = forward.body if is_batch else [forward.path.rsplit("/", 1)[1]]
        for entity_id in told:
            assert entity_id in ids
            assert any(covers(source, fact) for fact in FACTS if fact.entity_id == entity_id)


def _document(each: Entity) -> dict[str, Any]:
    names = {CONTEXT.compact_iri(name): {"type": "Property", "value": 1} for name in each.attributes}
    return {"id": each.id, "type": CONTEXT.compact_iri(each.types[0]), **names}


held = st.lists(st.sampled_from([f"urn:ngsi-ld:Container:{number}" for number in range(7)]), max_size=7, unique=True)


@given(held, st.lists(held, max_size=3), st.integers(1, 4), st.booleans(), st.permutations((0, 1, 2)))
def test_5_7_2_pages_hold_everything_once_and_counts_tell_how_much(here, elsewhere, size, splits, lags):
    names = [f"urn:ngsi-ld:ContextSourceRegistration:{number}" for number in range(len(elsewhere))]
    found = [registration(id=each, operations=["queryEntity"]) for each in names]
    sources = Sources(dict(zip(names, elsewhere, strict=True)), dict(zip(names, lags, strict=False)))
    asked = inquiry(found, sources)
    whole = EntityQuery(selectors=(EntitySelector(types=TypeSelection(((iri("Container"),),))),))

    async def pages() -> list[list[str]]:
        for entity_id in here:
            own = Entity(entity_id, [iri("Container")], {iri("power"): [prop(2)]})
            await asked.ports.entities.write("", EntityWrite(entity_id, lambda _, own=own: created(own)))
        told = []
        for offset in range(0, 8, size):
            page, warnings = await query(asked, whole, PageRequest(size, offset, True), frozenset(), {}, splits=splits)
            assert page.total == len({*here, *(each for one in elsewhere for each in one)})
            assert not warnings
            assert page.more == (offset + size < page.total)
            for each in page.entities:
                expected = {"level"} if any(each.id in one for one in elsewhere) else set()
                expected |= {"power"} if each.id in here else set()
                assert {CONTEXT.compact_iri(name) for name in each.attributes} == expected
            told.append([each.id for each in page.entities])
        return told

    everything = [entity_id for page in asyncio.run(pages()) for entity_id in page]
    assert len(everything) == len(set(everything))
    assert set(everything) == {*here, *(each for one in elsewhere for each in one)}
