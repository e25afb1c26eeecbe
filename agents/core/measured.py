"""From the measures of a provisioned device to entities: expressions, explicit attributes, several entities.

An attribute whose expression lacks an input, or whose value does not fit its type, is skipped alone, and the reason is
told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from agents.core.errors import UnusableReading
from agents.core.instant import format_instant, parse_instant
from agents.core.jexl.evaluate import NOW, Expression
from agents.core.jexl.values import NotEvaluable
from agents.core.model import Device, Instant, Reading
from agents.core.provisioned import Attribute, Provisioned, entity_id
from agents.core.typed import NGSI_LD_TYPES, attribute, attribute_metadata

_RESERVED = {"id": "measure_id", "type": "measure_type", "@context": "measure_context"}
_TIME = "TimeInstant"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Target: TypeAlias = tuple[str, str]


@dataclass(slots=True)
class Measured:
    """What measures say: entities, the device's own first, and the attributes that could not be made."""

    entities: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    """Names and reasons."""


def measured(reading: Reading, device: Device, now: Instant, *, timed: bool, introduce: bool = False) -> Measured:
    """Make the entities that tell the broker of a reading.

    Args:
        timed: The measure said its time itself.
        introduce: Send the static attributes along.

    Raises:
        UnusableReading: Nothing came out, and nothing was said of lazy attributes.
    """
    work = _Work(reading, device, now, timed)
    work.declared()
    work.undeclared()
    entities = work.entities(introduce)
    if not entities and not lazy_measures(device, reading.measures):
        names = ", ".join(list(reading.measures)[:10])
        reasons = "; ".join(f"{name}: {reason}" for name, reason in work.skipped[:5])
        raise UnusableReading(f"the measures ({names}) give no attribute" + (f" ({reasons})" if reasons else ""))
    return Measured(entities, work.skipped)


def lazy_measures(device: Device, measures: Mapping[str, Any]) -> dict[str, Any]:
    """What a device said of its lazy attributes, by their names; these are not stored."""
    found = {}
    for each in device.provisioned.lazy:
        value = measures.get(each.object_id, measures.get(each.name))
        if value is not None:
            found[each.name] = value
    return found


def lazy_attribute(device: Device, name: str, value: Any, time: Instant) -> dict[str, Any]:
    """What is answered for a lazy attribute, normalized.

    Raises:
        NotEvaluable: Its expression has no value for this one, or the value does not fit its type.
    """
    described = next(each for each in device.provisioned.lazy if each.name == name)
    if described.expression is not None:
        known = {**device.provisioned.static_values, described.object_id: value, name: value}
        value = described.expression.evaluate(known)
    return attribute(described.type, value, format_instant(time), described.metadata)


def utc(local: Instant, provisioned: Provisioned) -> Instant:
    """The instant a device meant that gave its local time without a zone."""
    if provisioned.zone is None:
        return local
    naive = (_EPOCH + timedelta(microseconds=local)).replace(tzinfo=provisioned.zone)
    return (naive.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)


class _Work:
    """One reading on its way."""

    def __init__(self, reading: Reading, device: Device, now: Instant, timed: bool) -> None:
        self._device = device
        self._provisioned: Provisioned = device.provisioned
        self._now = now
        self._observed = format_instant(reading.time) if timed or self._provisioned.timestamp else None
        self._measures = {_RESERVED.get(n, n): v for n, v in reading.measures.items() if v is not None}
        self._context: dict[str, Any] | None = None
        self._made: dict[_Target | None, dict[str, Any]] = {None: {}}
        self._sources: dict[str, str] = {}
        self.skipped: list[tuple[str, str]] = []

    def declared(self) -> None:
        """Attributes the provisioning names, in its order: later expressions see what earlier ones gave."""
        for each in self._provisioned.attributes:
            try:
                value = self._value(each)
                if value is None or value == each.skip_value:
                    continue
                if each.entity is None and each.name in self._device.commands:
                    # Measured and commanded by one name, each report of the device would command it again.
                    raise NotEvaluable("a command has this name; give the measure another one")
                if each.name == _TIME:
                    self._timed(value)
                    continue
                if self._context is not None:
                    self._context[each.name] = value
                target = self._target(each)
                self._made.setdefault(target, {})[each.name] = self._attribute(each, value)
                self._sources[each.name] = each.object_id
            except NotEvaluable as reason:
                self.skipped.append((each.name, str(reason)))

    def undeclared(self) -> None:
        """Measures no attribute speaks of go under their own names."""
        own = self._made[None]
        known = self._provisioned.known
        for name, value in self._measures.items():
            if name in self._device.commands:
                self.skipped.append((name, "a command has this name; give the measure another one"))
            elif name not in known and name not in own and name != _TIME:
                own[name] = self._plain(value)

    def entities(self, introduce: bool) -> list[dict[str, Any]]:
        """The entities with what `explicitAttrs` lets through."""
        device = self._device
        explicit = self._explicit()
        own = self._made.pop(None)
        statics = self._provisioned.statics
        if isinstance(explicit, list):
            allowed, object_ids = _allowed(explicit)
            own = {n: a for n, a in own.items() if n in allowed or self._sources.get(n, n) in object_ids}
            statics = {n: a for n, a in statics.items() if n in allowed}
        elif explicit:
            own = {name: each for name, each in own.items() if name in self._sources}
        found: list[dict[str, Any]] = []
        if own:
            name = self._own_id()
            # An entity that an expression names may be a new one each time.
            if introduce or self._provisioned.entity_name is not None:
                own = {**statics, **own}
            found.append({"id": name, "type": device.entity_type, **own, "@context": device.context})
            found += self._linked(name, own)
        for target, attributes in self._made.items():
            if target is not None:
                found.append({"id": target[0], "type": target[1], **attributes, "@context": device.context})
        return found

    def _linked(self, entity: str, own: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Entities that show some of these attributes too, each telling from where."""
        found = []
        for link in self._provisioned.links:
            source = {link.relationship: {"type": "Relationship", "object": entity}}
            shown = {name: {**each, **source} for name, each in own.items() if name in link.attributes}
            if shown:
                found.append({"id": link.entity, "type": link.type, **shown, "@context": self._device.context})
        return found

    def _value(self, each: Attribute) -> Any:
        if each.expression is not None:
            return each.expression.evaluate(self._ready())
        measures = self._measures
        if each.object_id in measures:
            return measures[each.object_id]
        return measures.get(each.name)

    def _attribute(self, each: Attribute, value: Any) -> dict[str, Any]:
        metadata = each.metadata
        if each.computed_metadata:
            computed = {n: {"value": e.evaluate(self._ready())} for n, e in each.computed_metadata.items()}
            metadata = {**metadata, **attribute_metadata(computed)}
        if self._provisioned.payload_type != "iotagent" and isinstance(value, Mapping):
            return {**self._plain(value), **metadata}
        return attribute(each.type, value, self._observed, metadata)

    def _plain(self, value: Any) -> dict[str, Any]:
        """An attribute without a declared type, which NGSI payloads may bring along whole."""
        if (
            self._provisioned.payload_type == "ngsild"
            and isinstance(value, Mapping)
            and value.get("type") in NGSI_LD_TYPES
        ):
            made = dict(value)
            if self._observed is not None:
                made.setdefault("observedAt", self._observed)
            return made
        if self._provisioned.payload_type == "ngsiv2" and isinstance(value, Mapping) and "value" in value:
            metadata = attribute_metadata(value.get("metadata") or {})
            try:
                return attribute(str(value.get("type") or ""), value["value"], self._observed, metadata)
            except NotEvaluable:
                value = value["value"]
        return attribute("", value, self._observed, {})

    def _timed(self, value: Any) -> None:
        instant = parse_instant(value)
        if instant is None:
            raise NotEvaluable(f"{str(value)[:40]!r} is no ISO 8601 date and time")
        self._observed = format_instant(instant)
        for attributes in self._made.values():
            for each in attributes.values():
                each["observedAt"] = self._observed

    def _target(self, each: Attribute) -> _Target | None:
        if each.entity is None:
            return None
        name, kind = each.entity
        if isinstance(name, Expression):
            name = _named(name.evaluate(self._ready()))
        kind = kind or self._device.entity_type
        return (entity_id(name, kind) if name else self._device.entity_id, kind)

    def _own_id(self) -> str:
        rule = self._provisioned.entity_name
        if rule is None:
            return self._device.entity_id
        try:
            return entity_id(_named(rule.evaluate(self._ready())), self._device.entity_type)
        except NotEvaluable as reason:
            self.skipped.append(("entityNameExp", str(reason)))
            return self._device.entity_id

    def _explicit(self) -> Any:
        rule = self._provisioned.explicit
        if not isinstance(rule, Expression):
            return rule
        try:
            return rule.evaluate(self._ready())
        except NotEvaluable as reason:
            self.skipped.append(("explicitAttrs", str(reason)))
            return True

    def _ready(self) -> dict[str, Any]:
        """The context of expressions, made when the first one needs it."""
        if self._context is None:
            device, provisioned = self._device, self._provisioned
            self._context = {
                "id": provisioned.device_id,
                "entity_name": device.entity_id,
                "type": device.entity_type,
                "service": provisioned.service,
                "subservice": provisioned.subservice,
                "staticAttributes": dict(provisioned.static_values),
                "measures": self._measures,
                "metadata": {each.name: _plain_metadata(each.metadata) for each in provisioned.attributes},
                _TIME: self._observed,
                NOW: self._now,
                **provisioned.static_values,
                **self._measures,
            }
            for each in provisioned.attributes:
                # A measure can be spoken of by its attribute's name too, as soon as it is there.
                if each.expression is None and each.object_id in self._measures:
                    self._context.setdefault(each.name, self._measures[each.object_id])
        return self._context


def _plain_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each.get("value") if isinstance(each, Mapping) else each for name, each in metadata.items()}


def _named(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 512:
        raise NotEvaluable("the expression of a name has to give a text of 1 to 512 characters")
    return value


def _allowed(explicit: list[Any]) -> tuple[set[str], set[str]]:
    names = {each for each in explicit if isinstance(each, str)}
    return names, {each["object_id"] for each in explicit if isinstance(each, Mapping) and "object_id" in each}
