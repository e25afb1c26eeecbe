"""Requests that are not what they should be: tenants, queries, heads, and a @context that cannot be had."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
from aiohttp import web

from tests.chaos.platform_under_test import free_ports
from tests.hostile.client import Client, innocent


@pytest.mark.parametrize("path", ["/entities?type=T", "/entities/urn:a:b", "/subscriptions", "/types"])
async def test_4_14_an_unknown_tenant_does_not_exist(client: Client, path: str) -> None:
    answer = await client.call("GET", path, NGSILD_Tenant="nobody_knows_it")
    assert answer.status == 404
    assert answer.error == "NonexistentTenant"


@pytest.mark.parametrize("tenant", ["../etc", "a" * 300, "$where", "a.b/c", "ö", "a b"])
async def test_a_tenant_with_a_strange_name_never_leads_elsewhere(client: Client, tenant: str) -> None:
    answer = await client.call("GET", "/entities?type=Kept", NGSILD_Tenant=tenant)
    assert answer.status in (400, 404)


_LONG = 10_000


@pytest.mark.parametrize(
    "q",
    [
        "a==1;" * (_LONG // 5),
        "(" * _LONG,
        "(" * (_LONG // 2) + "a" + ")" * (_LONG // 2),
        "a." * (_LONG // 2) + "a==1",
        "a[" * (_LONG // 2),
        "text==" + ",".join(["1"] * (_LONG // 2)),
        "text=='" + "x" * _LONG + "'",
        "!" * _LONG,
        "text~=" + "(a*)*" * 200 + "b",
        "text~=(a+)+$",
        "text~=(a|a)*b",
        "text~=(a|aa)+$",
        "text~=(.*a){20}",
        "text~=((a{1,100}){1,100}){1,100}",
        "text~=[[:nonsense:]]",
        "text~=(?=a)",
    ],
    ids=lambda q: f"{q[:30]} {len(q)}",
)
async def test_a_query_that_is_too_much_is_refused_or_answered(client: Client, q: str) -> None:
    async with innocent(client):
        answer = await client.call("GET", "/entities?type=Kept&q=" + quote(q))
    assert answer.status in (200, 400, 403), answer.body[:300]
    if answer.status != 200:
        assert answer.error in ("BadRequestData", "InvalidRequest", "TooComplexQuery")
    posted = {"type": "Query", "entities": [{"type": "Kept"}], "q": q}
    assert (await client.call("POST", "/entityOperations/query", posted)).status == answer.status


@pytest.mark.parametrize("pattern", ["(a+)+$", "(.*)*x", "^(urn:.*)+!$", "("])
async def test_id_patterns_are_bounded_as_well(client: Client, pattern: str) -> None:
    answer = await client.call("GET", "/entities?type=Kept&idPattern=" + quote(pattern))
    assert answer.status in (200, 400, 403)


async def test_a_head_that_is_too_large_is_431_and_ends_the_connection(client: Client) -> None:
    start = b"GET /ngsi-ld/v1/types HTTP/1.1\r\nHost: a\r\n"
    for head in (
        start + b"X: " + b"x" * 200_000 + b"\r\n\r\n",
        start + b"X: y\r\n" * 50_000 + b"\r\n",
        start + b"X: " + b"x" * 70_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
    ):
        answer = await client.raw(head)
        assert answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400")) or not answer
        assert b" 200 " not in answer[:20]


async def test_a_head_without_end_is_ended(client: Client) -> None:
    async with innocent(client):
        await client.raw(b"GET / HTTP/1.1\r\n", *[b"X: " + b"y" * 65_000 + b"\r\n"] * 200)


@pytest.mark.parametrize(
    "nonsense", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x00" * 1_000, b"HELO\r\n\r\n", b"GET\r\n\r\n"]
)
async def test_what_is_not_http_is_400(client: Client, nonsense: bytes) -> None:
    answer = await client.raw(nonsense)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b'"detail"' in answer


class Contexts:
    """A server of contexts as one hopes never to meet."""

    def __init__(self) -> None:
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"

    async def start(self) -> web.AppRunner:
        application = web.Application()
        application.router.add_get("/html", self._html)
        application.router.add_get("/endless", self._endless)
        application.router.add_get("/self", self._self)
        application.router.add_get("/chain/{n}", self._chain)
        application.router.add_get("/redirect", self._redirect)
        application.router.add_get("/silent", self._silent)
        application.router.add_get("/deep", self._deep)
        application.router.add_get("/cut", self._cut)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        return runner

    async def _html(self, request: web.Request) -> web.Response:
        return web.Response(text="<html>this is a page</html>", content_type="application/ld+json")

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/ld+json"})
        await response.prepare(request)
        while True:
            await response.write(b" " * 65_536)

    async def _self(self, request: web.Request) -> web.Response:
        return web.json_response({"@context": [f"{self.url}/self", {"a": "urn:x:a"}]})

    async def _chain(self, request: web.Request) -> web.Response:
        return web.json_response({"@context": f"{self.url}/chain/{int(request.match_info['n']) + 1}"})

    async def _redirect(self, request: web.Request) -> web.Response:
        raise web.HTTPFound("/redirect")

    async def _silent(self, request: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    async def _deep(self, request: web.Request) -> web.Response:
        return web.Response(text='{"@context":' + "[" * 900 + "]" * 900 + "}")

    async def _cut(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"@context"')
        assert request.transport is not None
        request.transport.close()
        return response


@pytest.fixture(name="contexts")
async def hostile_contexts() -> AsyncIterator[str]:
    server = Contexts()
    runner = await server.start()
    yield server.url
    await runner.cleanup()


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/html", 504, "LdContextNotAvailable"),
        ("/none", 504, "LdContextNotAvailable"),
        ("/endless", 504, "LdContextNotAvailable"),
        ("/redirect", 504, "LdContextNotAvailable"),
        ("/cut", 504, "LdContextNotAvailable"),
        ("/silent", 504, "LdContextNotAvailable"),
        ("/self", 400, "BadRequestData"),
        ("/chain/1", 400, "BadRequestData"),
    ],
)
async def test_5_5_6_a_context_that_cannot_be_had_is_said_and_nobody_else_waits(
    client: Client, contexts: str, path: str, status: int, error: str
) -> None:
    body = {"@context": contexts + path, "id": "urn:ngsi-ld:Hostile:context", "type": "Hostile"}
    async with innocent(client):
        answer = await client.call("POST", "/entities", body, Content_Type="application/ld+json")
    assert answer.status == status, answer.body
    assert answer.error == error
    assert (await client.call("GET", "/entities/urn:ngsi-ld:Hostile:context")).status == 404


async def test_a_deep_context_from_a_server_is_an_answer_below_500_or_not_available(
    client: Client, contexts: str
) -> None:
    body = {"@context": contexts + "/deep", "id": "urn:ngsi-ld:Hostile:context", "type": "Hostile"}
    answer = await client.call("POST", "/entities?options=upsert", body, Content_Type="application/ld+json")
    assert answer.status in (201, 204, 400, 504), answer.body


async def test_5_5_6_a_context_where_nobody_listens_is_not_available(client: Client) -> None:
    (port,) = free_ports(1)
    body = {"@context": f"http://127.0.0.1:{port}/c", "id": "urn:ngsi-ld:Hostile:context", "type": "Hostile"}
    answer = await client.call("POST", "/entities", body, Content_Type="application/ld+json")
    assert (answer.status, answer.error) == (504, "LdContextNotAvailable")
