"""Lazy attributes: the device is asked when somebody reads them, and what it said last is known.

FIWARE's agents register lazy attributes at the broker and leave the asking to whoever builds an agent; those for JSON
and UltraLight answer with empty values. Here the device is asked the way it is commanded, by the attribute's
`object_id` with an empty value, and answers with a measure or a result of that name.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson

from agents.core.errors import AgentError, MalformedMessage
from agents.core.jexl.values import NotEvaluable
from agents.core.measured import lazy_attribute, lazy_measures
from agents.core.model import Device, Instant
from agents.networks import ultralight
from agents.operations import clock
from agents.operations.courier import Poster, Publisher

PATIENCE = 2.0
"""Seconds a device has for its answer; brokers give a source some 5 to 6."""
FRESH = 1_000_000
"""Microseconds in which a device is not asked again."""
SILENCE = 60_000_000
"""Microseconds for which nobody waits for a device that did not answer."""
DEVICES_KNOWN = 50_000
"""Devices whose last values are kept, some 0.5 KB each."""
_Values: TypeAlias = dict[str, tuple[Any, Instant]]


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    """What a device is being asked."""

    names: frozenset[str]
    answered: asyncio.Event = field(default_factory=asyncio.Event)


class LazyReading:
    """Asks devices, and remembers what they said."""

    def __init__(
        self,
        publisher: Publisher,
        poster: Poster,
        *,
        patience: float = PATIENCE,
        now: Callable[[], Instant] = clock.now,
    ) -> None:
        self._publisher = publisher
        self._poster = poster
        self._patience = patience
        self._now = now
        self._known: OrderedDict[str, _Values] = OrderedDict()
        self._silent: dict[str, Instant] = {}
        self._asked: dict[str, dict[_Question, asyncio.Task[None]]] = {}

    def heard(self, device: Device, said: Mapping[str, Any], at: Instant) -> None:
        """A device sent measures or results; what they say of lazy attributes is kept."""
        if device.provisioned is None or not device.provisioned.lazy:
            return
        found = lazy_measures(device, said)
        if not found:
            return
        values = self._known.pop(device.id, {})
        values.update({name: (value, at) for name, value in found.items()})
        self._known[device.id] = values
        if len(self._known) > DEVICES_KNOWN:
            self._known.popitem(last=False)
        self._silent.pop(device.id, None)
        for question in self._asked.get(device.id, ()):
            if question.names & found.keys():
                question.answered.set()

    async def read(self, device: Device, names: Sequence[str] | None = None) -> dict[str, Any]:
        """Lazy attributes of a device, normalized: fresh where it answers, else as it said last; none it never said."""
        lazy = [each.name for each in device.provisioned.lazy if names is None or each.name in names]
        wanted = frozenset(name for name in lazy if not self._is_fresh(device, name))
        if wanted:
            # The question outlives the reader that first had it.
            await asyncio.shield(self._asking(device, wanted))
        found = {}
        for name, (value, at) in self._known.get(device.id, {}).items():
            if name in lazy:
                try:
                    found[name] = lazy_attribute(device, name, value, at)
                except NotEvaluable:
                    continue
        return found

    def _asking(self, device: Device, wanted: frozenset[str]) -> asyncio.Task[None]:
        """The question for these; of several readers at once the first one asks."""
        under_way = self._asked.setdefault(device.id, {})
        for question, task in under_way.items():
            if wanted <= question.names:
                return task
        question = _Question(wanted)
        under_way[question] = asyncio.create_task(self._ask(device, question))
        under_way[question].add_done_callback(lambda done: self._done(device.id, question))
        return under_way[question]

    def _done(self, device_id: str, question: _Question) -> None:
        del self._asked[device_id][question]
        if not self._asked[device_id]:
            del self._asked[device_id]

    async def _ask(self, device: Device, question: _Question) -> None:
        told = device.provisioned
        asked = [each.object_id for each in told.lazy if each.name in question.names]
        silent_since = self._silent.get(device.id)
        patient = silent_since is None or self._now() - silent_since > SILENCE
        if told.endpoint and told.transport != "MQTT":
            await self._post(device, asked)
        elif device.api_key is not None and not told.lorawan and told.transport != "HTTP":
            try:
                topic = f"/{device.api_key}/{told.device_id}/cmd"
                taken = await self._publisher.publish(topic, _question(device, asked), qos=0, retain=False)
                if taken and patient:
                    await asyncio.wait_for(question.answered.wait(), self._patience)
            except TimeoutError:
                self._silent[device.id] = self._now()
                if len(self._silent) > DEVICES_KNOWN:
                    del self._silent[next(iter(self._silent))]

    async def _post(self, device: Device, asked: Sequence[str]) -> None:
        told = device.provisioned
        plain = "UL" in told.protocol.upper()
        headers = {"Content-Type": "text/plain" if plain else "application/json",
                   "fiware-service": told.service, "fiware-servicepath": told.subservice}  # fmt: skip
        try:
            async with asyncio.timeout(self._patience):
                answered = await self._poster.post(told.endpoint, _question(device, asked), headers)
        except (TimeoutError, ValueError, AgentError):
            return
        if answered is not None and 200 <= answered[0] < 300:
            self.heard(device, _answer(answered[1], asked, plain=plain), self._now())

    def _is_fresh(self, device: Device, name: str) -> bool:
        known = self._known.get(device.id, {}).get(name)
        return known is not None and self._now() - known[1] < FRESH


def _question(device: Device, asked: Sequence[str]) -> bytes:
    told = device.provisioned
    if "UL" in told.protocol.upper():
        return "#".join(ultralight.command(told.device_id, name, "") for name in asked).encode()
    return orjson.dumps(dict.fromkeys(asked, ""))


def _answer(body: bytes, asked: Sequence[str], *, plain: bool) -> Mapping[str, Any]:
    """Measures in the answer of a device: an object or UltraLight; a bare value where one thing was asked."""
    try:
        if plain and b"|" in body:
            return {name: value for group in ultralight.groups(body.decode()) for name, value in group.items()}
        read = orjson.loads(body)
    except (MalformedMessage, ValueError):
        read = body.decode(errors="replace").strip()
    if isinstance(read, dict):
        return read
    return {asked[0]: read} if len(asked) == 1 and read != "" else {}
