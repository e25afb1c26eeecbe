"""The context broker over HTTP: batch upsert (NGSI-LD 5.6.8, 6.15)."""

import itertools
from collections.abc import Sequence
from typing import Any

import aiohttp
import orjson

from agents.core.errors import BrokerUnavailable

_PATH = "/ngsi-ld/v1/entityOperations/upsert?options=update"
_HEADERS = {"Content-Type": "application/ld+json", "Accept": "application/json"}
_TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)
_RETRY_LATER = frozenset({401, 403, 404, 408, 413, 425, 429})
"""Client errors that speak of the set-up or the moment and not of an entity: retried like an absent broker."""
_ANSWER_LIMIT = 16 * 1024 * 1024


class NgsiLdBroker:
    """One broker and one tenant of it."""

    def __init__(self, url: str, *, tenant: str | None = None) -> None:
        self._url = url.rstrip("/") + _PATH
        self._headers = {**_HEADERS, **({"NGSILD-Tenant": tenant} if tenant else {})}
        self._session: aiohttp.ClientSession | None = None

    async def upsert(self, entities: Sequence[dict[str, Any]]) -> dict[str, str]:
        """Create or update entities; gives id and reason of those refused.

        Raises:
            BrokerUnavailable: No connection, no answer in time, or an answer that speaks of the broker's own state.
        """
        if not entities:
            return {}
        status, body = await self._post(orjson.dumps(entities))
        if status in (200, 201, 204):
            return {}
        if status == 207:
            return _refused(body)
        if status >= 500 or status in _RETRY_LATER or status < 400:
            raise BrokerUnavailable(f"the broker answered {status}", answered=status == 500)
        if len(entities) == 1:
            return {entities[0]["id"]: f"{status}: {_detail(body)}"}
        return await self._halves(entities)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _halves(self, entities: Sequence[dict[str, Any]]) -> dict[str, str]:
        # The batch as such was refused: halving finds the entity that spoils it, and the others go through.
        middle = len(entities) // 2
        return {**await self.upsert(entities[:middle]), **await self.upsert(entities[middle:])}

    async def _post(self, body: bytes) -> tuple[int, bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT, headers=self._headers)
        try:
            async with self._session.post(self._url, data=body, allow_redirects=False) as response:
                return response.status, await response.content.read(_ANSWER_LIMIT)
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            raise BrokerUnavailable(f"the broker cannot be reached: {type(problem).__name__}") from problem


def _refused(body: bytes) -> dict[str, str]:
    """Read a BatchOperationResult (5.2.16)."""
    answer = _json(body)
    errors = answer.get("errors") if isinstance(answer, dict) else None
    refused: dict[str, str] = {}
    for each in errors if isinstance(errors, list) else ():
        if isinstance(each, dict) and isinstance(each.get("entityId"), str):
            problem = each.get("error")
            refused[each["entityId"]] = _problem(problem) if isinstance(problem, dict) else "refused"
    return refused


def _detail(body: bytes) -> str:
    answer = _json(body)
    return _problem(answer) if isinstance(answer, dict) else "refused"


def _problem(problem: dict[str, Any]) -> str:
    parts = itertools.filterfalse(lambda part: not part, (problem.get("title"), problem.get("detail")))
    return ": ".join(map(str, parts))[:500] or "refused"


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
