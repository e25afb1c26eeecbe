"""Clients that write without pause, and note down what the broker acknowledged."""

import asyncio
import random

import aiohttp

from tests.chaos.platform_under_test import LIFE_OR_DEATH

_AGAIN = frozenset((500, 503))
_PAUSE = 0.05


class Writers:
    """Several clients, each with entities of its own whose sequence numbers only grow.

    `acknowledged` and `attempted` hold the last number of each entity, `all_acknowledged` every one. `wrong` has
    answers that no failure excuses.
    """

    def __init__(self, api: str, entity_type: str, seed: int, count: int = 8) -> None:
        self.acknowledged: dict[str, int] = {}
        self.attempted: dict[str, int] = {}
        self.all_acknowledged: list[tuple[str, int]] = []
        self.wrong: list[str] = []
        self.refused = 0
        self.unanswered = 0
        self._api = api
        self._type = entity_type
        self._stop = asyncio.Event()
        self._tasks = [asyncio.create_task(self._write(random.Random(f"{seed} {n}"), n)) for n in range(count)]

    async def stop(self) -> None:
        """Let each finish what it is at."""
        self._stop.set()
        await asyncio.gather(*self._tasks)

    async def _write(self, chance: random.Random, writer: int) -> None:
        mine: list[str] = []
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            while not self._stop.is_set():
                if not mine or chance.random() < 0.3:
                    entity_id = f"urn:ngsi-ld:{self._type}:{writer}-{len(mine)}"
                    if await self._create(session, entity_id):
                        mine.append(entity_id)
                else:
                    await self._update(session, chance.choice(mine))

    async def _create(self, session: aiohttp.ClientSession, entity_id: str) -> bool:
        """Whether the entity is there, by this request or by an earlier one of ours that was not answered."""
        was_tried = entity_id in self.attempted
        body = {"id": entity_id, "type": self._type, "number": {"type": "Property", "value": 0}}
        self.attempted[entity_id] = 0
        status = await self._request(session, "POST", "/entities", body)
        if status == 201:
            self._acknowledge(entity_id, 0)
        elif status == 409 and not was_tried:
            self.wrong.append(f"409 for {entity_id}, which nobody had tried to create before")
        return status in (201, 409)

    async def _update(self, session: aiohttp.ClientSession, entity_id: str) -> None:
        number = self.attempted[entity_id] + 1
        self.attempted[entity_id] = number
        body = {"number": {"type": "Property", "value": number}}
        status = await self._request(session, "PATCH", f"/entities/{entity_id}", body)
        if status == 204:
            self._acknowledge(entity_id, number)
        elif status == 404:
            self.wrong.append(f"404 for {entity_id}, which was there before")

    def _acknowledge(self, entity_id: str, number: int) -> None:
        self.acknowledged[entity_id] = number
        self.all_acknowledged.append((entity_id, number))

    async def _request(self, session: aiohttp.ClientSession, method: str, path: str, body: object) -> int | None:
        try:
            async with session.request(method, self._api + path, json=body) as answer:
                text = await answer.text()
        except LIFE_OR_DEATH:
            self.unanswered += 1
            await asyncio.sleep(_PAUSE)
            return None
        if answer.status in _AGAIN:
            self.refused += 1
            if answer.status == 503 and "Retry-After" not in answer.headers:
                self.wrong.append("503 without Retry-After")
            if answer.status == 500:
                self.wrong.append(f"500: {text[:300]}")
            await asyncio.sleep(_PAUSE)
        elif answer.status not in (201, 204, 404, 409):
            self.wrong.append(f"{answer.status}: {text[:300]}")
        return answer.status
