"""Calls of an ASGI application without a socket."""

import json
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI


class Calls:
    """Requests with JSON in and out; each gives status and answer."""

    def __init__(self, app: FastAPI, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = headers

    async def get(self, path: str, **options: Any) -> tuple[int, Any]:
        return await self.call("GET", path, **options)

    async def post(self, path: str, content: Any, **options: Any) -> tuple[int, Any]:
        return await self.call("POST", path, content, **options)

    async def put(self, path: str, content: Any, **options: Any) -> tuple[int, Any]:
        return await self.call("PUT", path, content, **options)

    async def patch(self, path: str, content: Any, **options: Any) -> tuple[int, Any]:
        return await self.call("PATCH", path, content, **options)

    async def delete(self, path: str, **options: Any) -> tuple[int, Any]:
        return await self.call("DELETE", path, **options)

    async def call(
        self, method: str, path: str, content: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        path, _, query = path.partition("?")
        body = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
        given = [(n.encode(), v.encode()) for n, v in (self._headers if headers is None else headers).items()]
        scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "headers": given}
        scope |= {"query_string": query.encode(), "http_version": "1.1", "asgi": {"version": "3.0"}}
        sent: list[dict[str, Any]] = []
        chunks = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> dict[str, Any]:
            return next(chunks, {"type": "http.disconnect"})

        async def send(message: Any) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        answer = b"".join(each.get("body", b"") for each in sent[1:])
        try:
            return sent[0]["status"], json.loads(answer) if answer else None
        except ValueError:
            return sent[0]["status"], answer.decode()
