"""The context broker over HTTP: batch upsert (NGSI-LD 5.6.8), and what tells whether one has been carried out.

What is asked is what the broker holds itself (`local`, 5.5.13): its sources may be these agents, for lazy attributes.
The state is read by a batch query (5.7.2 by POST, 6.23), the history by its own operations (5.7.3, 5.6.11), and
a batch update (5.6.9) that changes nothing shows that nothing sent before is under way any more.
"""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import orjson
from yarl import URL

from agents.core.errors import BrokerUnavailable, NoHistory
from agents.core.instant import format_instant, parse_instant
from agents.core.model import Instant
from agents.operations.ports import EntityRef

_UPSERT = "/ngsi-ld/v1/entityOperations/upsert?options=update"
_UPDATE = "/ngsi-ld/v1/entityOperations/update"
_QUERY = f"/ngsi-ld/v1/entityOperations/query?local=true&limit={(_QUERIED := 200)}"
_HISTORY = "/ngsi-ld/v1/temporal/entities"
_HEADERS = {"Accept": "application/json"}
_WITH_CONTEXT = {"Content-Type": "application/ld+json"}
_TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)
_RETRY_LATER = frozenset({401, 403, 404, 408, 413, 425, 429})
"""Client errors that speak of the set-up or the moment and not of an entity: retried like an absent broker."""
_ANSWER_LIMIT = 16 * 1024 * 1024


class NgsiLdBroker:
    """One broker and one tenant of it."""

    def __init__(self, url: str, *, tenant: str | None = None) -> None:
        self._url = url.rstrip("/")
        self._tenant = tenant
        self._session: aiohttp.ClientSession | None = None

    async def upsert(self, entities: Sequence[dict[str, Any]], tenant: str | None = None) -> dict[str, str]:
        """Create or update entities, in their order; gives id and reason of those refused.

        Raises:
            BrokerUnavailable: No connection, no answer in time, or an answer that speaks of the broker's own state.
        """
        if not entities:
            return {}
        status, body = await self._request("POST", _UPSERT, tenant, _WITH_CONTEXT, orjson.dumps(entities))
        if status in (200, 201, 204):
            return {}
        if status == 207:
            return _refused(body)
        if status < 400:
            raise BrokerUnavailable(f"the broker answered {status}")
        if len(entities) == 1:
            return {entities[0]["id"]: f"{status}: {_detail(body)}"}
        return await self._halves(entities, tenant)

    async def decided(self, entities: Sequence[EntityRef]) -> None:
        """Wait until all that was sent before about these entities, of one tenant, is stored or will never be.

        An update without attributes changes nothing and creates nothing, yet it waits its turn behind other writes.

        Raises:
            BrokerUnavailable: As for `upsert`.
        """
        body = [{"id": ref.id, "type": ref.type, "@context": ref.context} for ref in entities]
        await self._request("POST", _UPDATE, entities[0].tenant, _WITH_CONTEXT, orjson.dumps(body))

    async def newest(self, entities: Sequence[EntityRef]) -> dict[str, dict[str, Instant]]:
        """When the current values of attributes were observed, by entity and attribute name; of one tenant.

        Raises:
            BrokerUnavailable: As for `upsert`.
        """
        contexts: dict[str, list[EntityRef]] = defaultdict(list)
        for ref in entities:
            contexts[ref.context].append(ref)
        found: dict[str, dict[str, Instant]] = {}
        for context, refs in contexts.items():
            for at in range(0, len(refs), _QUERIED):
                asked = [{"id": ref.id, "type": ref.type} for ref in refs[at : at + _QUERIED]]
                body = orjson.dumps({"@context": context, "type": "Query", "entities": asked})
                status, answer = await self._request("POST", _QUERY, refs[0].tenant, _WITH_CONTEXT, body)
                if status == 200:
                    found.update(_observed(_json(answer)))
        return found

    async def recorded(self, entity: EntityRef, at: Instant) -> dict[str, list[Any]] | None:
        """The values observed at an instant, by attribute name; `None` where the broker keeps no history.

        Raises:
            BrokerUnavailable: As for `upsert`.
        """
        window = {"timeAt": format_instant(at - 1_000), "endTimeAt": format_instant(at + 1_000)}
        query = urlencode({"local": "true", "timerel": "between", "timeproperty": "observedAt", **window})
        link = {"Link": f'<{entity.context}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'}
        status, body = await self._request(
            "GET", f"{_HISTORY}/{quote(entity.id, safe='')}?{query}", entity.tenant, link
        )
        if status in (200, 206):
            return _values_at(_json(body), at)
        return {} if status == 404 else None

    async def append_to_history(self, entity: EntityRef, fragment: dict[str, Any]) -> str | None:
        """Add values to the history without touching the current state; the reason where it is refused.

        Raises:
            NoHistory: The broker has no such operation.
            BrokerUnavailable: As for `upsert`.
        """
        body = {
            name: [each] if isinstance(each, dict) and name != "@context" else each for name, each in fragment.items()
        }
        status, answer = await self._request("POST", _HISTORY, entity.tenant, _WITH_CONTEXT, orjson.dumps(body))
        if status in (404, 405, 501):
            raise NoHistory(f"the broker answered {status}")
        return None if status < 300 else f"{status}: {_detail(answer)}"

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _halves(self, entities: Sequence[dict[str, Any]], tenant: str | None) -> dict[str, str]:
        # The batch as such was refused: halving finds the entity that spoils it, and the others go through.
        middle = len(entities) // 2
        return {**await self.upsert(entities[:middle], tenant), **await self.upsert(entities[middle:], tenant)}

    async def _request(
        self, method: str, path: str, tenant: str | None, headers: dict[str, str], body: bytes | None = None
    ) -> tuple[int, bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT, headers=_HEADERS)
        tenant = tenant or self._tenant
        if tenant:
            headers = {**headers, "NGSILD-Tenant": tenant}
        url = URL(self._url + path, encoded=True)
        try:
            async with self._session.request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as response:
                status, answer = response.status, await response.content.read(_ANSWER_LIMIT)
        except aiohttp.ClientConnectorError as problem:
            raise BrokerUnavailable(f"the broker cannot be reached: {type(problem).__name__}") from problem
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            detail = f"the broker did not answer: {type(problem).__name__}"
            raise BrokerUnavailable(detail, doubtful=True) from problem
        if (status >= 500 and status != 501) or status in _retry_later(path):
            raise BrokerUnavailable(f"the broker answered {status}", answered=status == 500, doubtful=status >= 500)
        return status, answer


def _retry_later(path: str) -> frozenset[int]:
    # Of a history, 404 says that there is none; of a query, that nobody has written to the tenant yet.
    return _RETRY_LATER - {404} if path.startswith((_HISTORY, _QUERY)) else _RETRY_LATER


def _observed(answer: Any) -> dict[str, dict[str, Instant]]:
    found: dict[str, dict[str, Instant]] = {}
    for entity in answer if isinstance(answer, list) else ():
        if isinstance(entity, dict) and isinstance(entity.get("id"), str):
            times = {
                name: max((_time(each) for each in _instances(value)), default=-1) for name, value in entity.items()
            }
            found[entity["id"]] = {name: instant for name, instant in times.items() if instant >= 0}
    return found


def _values_at(answer: Any, at: Instant) -> dict[str, list[Any]]:
    return {
        name: [each.get("value") for each in _instances(value) if _time(each) == at]
        for name, value in (answer.items() if isinstance(answer, dict) else ())
    }


def _instances(value: Any) -> list[dict[str, Any]]:
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]


def _time(instance: dict[str, Any]) -> Instant:
    instant = parse_instant(instance.get("observedAt"))
    return -1 if instant is None else instant


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
