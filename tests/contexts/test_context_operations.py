"""Storing, listing, serving and deleting @contexts (clause 5.13), on the memory store and on a real MongoDB."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from context_server import ContextServer
from pymongo import AsyncMongoClient

from broker.adapters.clock import SystemClock
from broker.adapters.contexts import open_loader
from broker.adapters.memory.stores import MemoryContexts
from broker.adapters.mongo import contexts as mongo_contexts
from broker.adapters.mongo.contexts import MongoContexts
from broker.core.model.errors import (
    BadRequestData,
    InvalidRequest,
    LdContextNotAvailable,
    OperationNotSupported,
    ResourceNotFound,
)
from broker.operations.contexts import PATH, add_context, delete_context, list_contexts, serve_context
from broker.operations.ports import ContextStore, Ports
from schemas import DEFAULT_CORE_CONTEXT

BASE = "http://broker.example:1026"
A = {"@context": {"a": "https://example.org/a", "$odd.name": "https://example.org/odd"}}


@pytest.fixture(params=["memory", "mongo"])
async def both_stores(request: pytest.FixtureRequest) -> AsyncIterator[ContextStore]:
    if request.param == "memory":
        yield MemoryContexts()
        return
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(request.getfixturevalue("mongo_url"))
    yield MongoContexts(client[f"contexts-{uuid4().hex}"]["contexts"])
    await client.close()


@pytest.fixture
async def ports(both_stores: ContextStore) -> AsyncIterator[Ports]:
    unused: Any = None
    loader = open_loader(both_stores, SystemClock(), [BASE])
    yield Ports(unused, unused, unused, both_stores, loader, SystemClock(), unused)
    await loader.close()


async def test_5_13_2_an_added_context_is_served_as_given(ports: Ports) -> None:
    context_id = await add_context(ports, {**A, "other": "discarded"})
    assert await serve_context(ports, context_id, BASE) == A
    assert await list_contexts(ports, BASE) == [BASE + PATH + context_id]
    details = await serve_context(ports, context_id, BASE, details=True)
    assert details["URL"] == BASE + PATH + context_id
    assert (details["localId"], details["kind"], details["numberOfHits"]) == (context_id, "Hosted", 1)
    assert "expiresAt" not in details


@pytest.mark.parametrize("document", [{"@context": 5}, {"@context": {"a": {"@id": 5}}}])
async def test_5_13_2_invalid_contexts_are_refused(ports: Ports, document: Any) -> None:
    with pytest.raises(BadRequestData):
        await add_context(ports, document)
    assert await list_contexts(ports, BASE) == []


@pytest.mark.parametrize("document", [{}, {"@context": None}, {"a": "urn:x:a"}, [A]])
async def test_5_13_2_what_is_no_context_at_all_is_refused(ports: Ports, document: Any) -> None:
    with pytest.raises(InvalidRequest):
        await add_context(ports, document)
    assert await list_contexts(ports, BASE) == []


async def test_5_13_3_every_use_is_one_hit(ports: Ports) -> None:
    context_id = await add_context(ports, A)
    for _ in range(3):
        await ports.loader.load(BASE + PATH + context_id)
    (details,) = await list_contexts(ports, BASE, kind="Hosted", details=True)
    assert isinstance(details, dict)
    assert details["numberOfHits"] == 3
    assert "lastUsage" in details


async def test_5_13_3_lists_by_kind(ports: Ports, server: ContextServer) -> None:
    server.documents = {"/a": A}
    url = server.url + "/a"
    await ports.loader.load(url)
    hosted = await add_context(ports, A)
    assert await list_contexts(ports, BASE, kind="Cached") == [url]
    assert await list_contexts(ports, BASE, kind="Hosted") == [BASE + PATH + hosted]
    assert await list_contexts(ports, BASE, kind="ImplicitlyCreated") == []
    assert len(await list_contexts(ports, BASE)) == 2
    with pytest.raises(BadRequestData):
        await list_contexts(ports, BASE, kind="Other")


async def test_5_13_4_cached_contexts_are_described_but_not_served(ports: Ports, server: ContextServer) -> None:
    server.documents = {"/a": A}
    server.headers = {"Cache-Control": "public, max-age=120"}
    url = server.url + "/a"
    await ports.loader.load(url)
    await ports.loader.load(url)
    details = await serve_context(ports, url, BASE, details=True)
    assert (details["URL"], details["kind"], details["numberOfHits"]) == (url, "Cached", 2)
    assert details["expiresAt"] > details["createdAt"]
    again = await serve_context(ports, details["localId"], BASE, details=True)
    assert again["numberOfHits"] == 3
    with pytest.raises(OperationNotSupported):
        await serve_context(ports, details["localId"], BASE)


async def test_5_13_5_a_deleted_context_is_fetched_anew(ports: Ports, server: ContextServer) -> None:
    server.documents = {"/a": A}
    url = server.url + "/a"
    await ports.loader.load(url)
    await delete_context(ports, url)
    assert await list_contexts(ports, BASE) == []
    await ports.loader.load(url)
    assert server.requests["/a"] == 2


async def test_5_13_5_reload_replaces_and_a_failed_one_keeps_the_old(ports: Ports, server: ContextServer) -> None:
    server.documents = {"/a": A}
    url = server.url + "/a"
    await ports.loader.load(url)
    server.documents = {"/a": {"@context": {"a": "https://example.org/new"}}}
    await delete_context(ports, url, reload=True)
    assert (await ports.loader.load(url)).expand_term("a") == "https://example.org/new"
    for broken in ({}, {"/a": "no json"}, {"/a": {"no": "context"}}, {"/a": {"@context": {"a": {"@id": 5}}}}):
        server.documents = broken
        with pytest.raises(LdContextNotAvailable):
            await delete_context(ports, url, reload=True)
    assert (await ports.loader.load(url)).expand_term("a") == "https://example.org/new"


async def test_5_13_5_4_what_is_not_kept_is_neither_found_nor_of_a_kind_to_reload(ports: Ports) -> None:
    with pytest.raises(ResourceNotFound):
        await delete_context(ports, "https://example.org/absent.jsonld")
    with pytest.raises(BadRequestData, match="not kept"):
        await delete_context(ports, "https://example.org/absent.jsonld", reload=True)


async def test_5_13_5_what_cannot_be_deleted_or_reloaded(ports: Ports) -> None:
    for unknown in ("12345", "https://example.org/unknown"):
        with pytest.raises(ResourceNotFound):
            await delete_context(ports, unknown)
        with pytest.raises(ResourceNotFound):
            await serve_context(ports, unknown, BASE)
    hosted = await add_context(ports, A)
    with pytest.raises(BadRequestData):
        await delete_context(ports, hosted, reload=True)
    with pytest.raises(BadRequestData):
        await delete_context(ports, "")
    assert await serve_context(ports, hosted, BASE) == A


async def test_the_core_context_stays(ports: Ports) -> None:
    with pytest.raises(BadRequestData):
        await delete_context(ports, DEFAULT_CORE_CONTEXT)
    await delete_context(ports, DEFAULT_CORE_CONTEXT, reload=True)
    assert (await serve_context(ports, DEFAULT_CORE_CONTEXT, BASE, details=True))["URL"] == DEFAULT_CORE_CONTEXT


async def test_copies_of_foreign_contexts_are_bounded(mongo_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mongo_contexts, "MAX_CACHED", 3)
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_url)
    store = MongoContexts(client[f"contexts-{uuid4().hex}"]["contexts"])
    await store.put({"_id": "hosted", "kind": "Hosted", "document": "{}", "createdAt": 0})
    for number in range(6):
        entry = {"_id": f"c{number}", "url": f"https://example.org/{number}", "kind": "Cached"}
        await store.put({**entry, "document": "{}", "createdAt": number})
        await store.use("c0", 1, 100 + number)
    assert {entry["_id"] for entry in await store.all()} == {"hosted", "c0", "c5", "c4"}
    await client.close()
