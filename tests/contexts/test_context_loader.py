"""From a request's @context to an active one: where documents come from, and what may go wrong."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from context_server import ContextServer

from broker.adapters.contexts import Loader
from broker.adapters.contexts import loader as loader_module
from broker.adapters.contexts.fetch import MAX_BYTES
from broker.adapters.memory.stores import MemoryContexts
from broker.core.jsonld.context import DEFAULT_VOCABULARY
from broker.core.model.errors import BadRequestData, LdContextNotAvailable
from broker.operations.contexts import PATH, add_context, delete_context, host_implicitly
from broker.operations.ports import Ports
from schemas import CORE_CONTEXT_PREFIX, DEFAULT_CORE_CONTEXT

A = {"@context": {"a": "https://example.org/a"}}


async def test_no_context_is_the_core_alone(loader: Loader) -> None:
    active = await loader.load(None)
    assert active.reference == DEFAULT_CORE_CONTEXT
    assert active.link == DEFAULT_CORE_CONTEXT
    assert active.expand_term("a") == DEFAULT_VOCABULARY + "a"


@pytest.mark.parametrize("version", ["v1.3", "v1.6", "v1.8", "v1.9"])
async def test_5_5_7_any_core_version_may_stand_anywhere(loader: Loader, version: str) -> None:
    core = f"{CORE_CONTEXT_PREFIX}{version}.jsonld"
    plain = core.replace("https:", "http:")
    assert (await loader.load(plain)).expand_term("location") == "https://uri.etsi.org/ngsi-ld/location"
    for context in (core, [core], [core, A["@context"]], [A["@context"], core]):
        active = await loader.load(context)
        assert active.expand_term("location") == "https://uri.etsi.org/ngsi-ld/location"
        assert active.reference == (A["@context"] if A["@context"] in list(context) else core)


async def test_5_2_3_the_reference_is_the_users_context_only(loader: Loader, server: ContextServer) -> None:
    server.documents = {"/a": A, "/b": {"@context": {"b": "https://example.org/b"}}}
    first, second = server.url + "/a", server.url + "/b"
    alone = await loader.load([first, DEFAULT_CORE_CONTEXT])
    assert (alone.reference, alone.link) == (first, first)
    both = await loader.load([first, second, DEFAULT_CORE_CONTEXT])
    assert (both.reference, both.link) == ([first, second], None)
    assert both.expand_term("b") == "https://example.org/b"
    inline = await loader.load(A["@context"])
    assert (inline.reference, inline.link) == (A["@context"], None)


async def test_a_remote_context_is_fetched_once_however_many_ask(loader: Loader, server: ContextServer) -> None:
    server.documents = {"/a": A}
    actives = await asyncio.gather(*(loader.load(server.url + "/a") for _ in range(20)))
    assert {active.expand_term("a") for active in actives} == {"https://example.org/a"}
    await loader.load([server.url + "/a"])
    assert server.requests == {"/a": 1}


async def test_nested_and_relative_contexts(loader: Loader, server: ContextServer) -> None:
    server.documents = {
        "/d/compound": {"@context": ["terms", {"b": "https://example.org/b"}, f"{CORE_CONTEXT_PREFIX}v1.8.jsonld"]},
        "/d/terms": A,
    }
    active = await loader.load(server.url + "/d/compound")
    assert active.expand_term("a") == "https://example.org/a"
    assert active.expand_term("b") == "https://example.org/b"


@pytest.mark.parametrize("document", ["not json", "[1", "<html/>"])
async def test_5_5_6_what_is_no_json_is_not_available(loader: Loader, server: ContextServer, document: str) -> None:
    server.documents = {"/a": document}
    with pytest.raises(LdContextNotAvailable):
        await loader.load(server.url + "/a")


@pytest.mark.parametrize("document", [{}, [], 5, {"@context": 5}, {"@context": {"a": {"@id": 5}}}])
async def test_5_5_6_what_is_no_context_is_bad_request_data(
    loader: Loader, server: ContextServer, store: MemoryContexts, document: Any
) -> None:
    server.documents = {"/a": document}
    with pytest.raises(BadRequestData):
        await loader.load(server.url + "/a")
    assert await store.all() == []


@pytest.mark.parametrize("context", ["relative", "file:///etc/passwd", 5, [5], "http://x/" + "a" * 3000])
async def test_references_that_are_none(loader: Loader, context: Any) -> None:
    with pytest.raises(BadRequestData):
        await loader.load(context)


async def test_failures_are_not_remembered(loader: Loader, server: ContextServer, store: MemoryContexts) -> None:
    with pytest.raises(LdContextNotAvailable):
        await loader.load(server.url + "/a")
    assert await store.all() == []
    server.documents = {"/a": A}
    assert (await loader.load(server.url + "/a")).expand_term("a") == "https://example.org/a"


async def test_an_unreachable_server_is_not_available(loader: Loader) -> None:
    with pytest.raises(LdContextNotAvailable):
        await loader.load("http://127.0.0.1:1/a")


async def test_size_redirects_and_nesting_are_bounded(loader: Loader, server: ContextServer) -> None:
    async def around(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/around")

    server.handlers = {"/around": around}
    server.documents = {
        "/large": '{"@context": {"a": "https://example.org/' + "a" * MAX_BYTES + '"}}',
        "/self": {"@context": ["self"]},
        "/many": {"@context": ["a"] * 30},
        "/a": A,
    }
    for path, error in {
        "/large": LdContextNotAvailable,
        "/around": LdContextNotAvailable,
        "/self": BadRequestData,
        "/many": BadRequestData,
    }.items():
        with pytest.raises(error):
            await loader.load(server.url + path)
    assert server.requests["/around"] <= 5
    assert server.requests["/self"] == 1


async def test_a_client_that_goes_away_does_not_take_the_document_from_others(
    loader: Loader, server: ContextServer
) -> None:
    arrived, release = asyncio.Event(), asyncio.Event()

    async def slow(_request: web.Request) -> web.StreamResponse:
        arrived.set()
        await release.wait()
        return web.json_response(A)

    server.handlers = {"/a": slow}
    impatient = asyncio.create_task(loader.load(server.url + "/a"))
    patient = asyncio.create_task(loader.load(server.url + "/a"))
    await arrived.wait()
    impatient.cancel()
    release.set()
    assert (await patient).expand_term("a") == "https://example.org/a"
    assert server.requests["/a"] == 1


async def test_a_non_existing_core_version_is_not_taken_for_the_core(loader: Loader) -> None:
    assert not loader.is_bundled(f"{CORE_CONTEXT_PREFIX}v1.9-non-existing.jsonld")


@pytest.mark.parametrize("base", ["http://broker.example:1026", "http://127.0.0.1:1"])
async def test_5_13_own_contexts_are_found_without_asking_oneself(ports: Ports, loader: Loader, base: str) -> None:
    # Nobody listens at either address: over HTTP it would fail.
    context_id = await add_context(ports, A)
    active = await loader.load(base + PATH + context_id)
    assert active.expand_term("a") == "https://example.org/a"
    await delete_context(ports, context_id)
    with pytest.raises(LdContextNotAvailable):
        await loader.load(base + PATH + context_id)


async def test_5_13_1_implicitly_created_once_for_the_same_content(ports: Ports, loader: Loader) -> None:
    context = [A["@context"], {"b": "https://example.org/b"}]
    context_id = await host_implicitly(ports, context)
    assert await host_implicitly(ports, list(context)) == context_id
    active = await loader.load("http://broker.example:1026" + PATH + context_id)
    assert active.expand_term("b") == "https://example.org/b"


async def test_5_13_1_a_stale_copy_serves_while_its_server_is_away(
    loader: Loader, server: ContextServer, store: MemoryContexts
) -> None:
    server.documents = {"/a": A}
    await loader.load(server.url + "/a")
    (entry,) = await store.all()
    await store.put({**entry, "expiresAt": 1})
    server.documents = {}
    loader.forget()
    assert (await loader.load(server.url + "/a")).expand_term("a") == "https://example.org/a"
    assert server.requests["/a"] == 2


async def test_what_another_process_replaced_is_seen(
    loader: Loader, server: ContextServer, store: MemoryContexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader_module, "_TRUSTED_SECONDS", 0.0)
    server.documents = {"/a": A}
    url = server.url + "/a"
    await loader.load(url)
    (entry,) = await store.all()
    await store.put({**entry, "createdAt": 5, "document": '{"@context": {"a": "https://example.org/new"}}'})
    assert (await loader.load(url)).expand_term("a") == "https://example.org/new"
    assert server.requests["/a"] == 1


async def test_the_contexts_in_memory_are_bounded(loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader_module, "CONTEXTS_KEPT", 3)
    for number in range(6):
        await loader.load({"a": f"https://example.org/{number}"})
    assert len(loader._kept) == 3
    monkeypatch.setattr(loader_module, "TERMS_KEPT", 300)
    await loader.load({"a": "https://example.org/last"})
    assert len(loader._kept) == 1
