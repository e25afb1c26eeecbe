"""Terms of `q` as MongoDB filters.

A term is a disjunction over the kinds of attribute that can satisfy it, each a condition on one instance under
`$elemMatch` with the `type` of the instance in front: so an index on type and value serves the kind that an attribute
has, and shows at once that there is nothing of the other kinds.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from broker.adapters.mongo.documents import escape
from broker.core.model.entity import VALUE_MEMBER
from broker.core.ql.nodes import ANY_LANGUAGE, Compare, Exists, Match, Path, Range, Value
from broker.core.ql.pattern_text import literal_of, prefix_of

Filter: TypeAlias = dict[str, Any]

_NO_ARRAY = {"$not": {"$type": "array"}}
"""An order relation looks at a value; MongoDB would look into an array."""
_EXACT_KINDS = frozenset({"number", "string", "boolean"})
_ORDERS = {">": "$gt", ">=": "$gte", "<": "$lt", "<=": "$lte"}
_ENTITY_FIELDS = {"id": "_id", "type": "types", "scope": "scopes"}
_DRAWN = "GeoProperty drawn"
"""A GeoProperty whose geometry MongoDB has a cover of (`documents`): what was given is in `drawn`."""
_WITH_MEMBERS = ("Property", "JsonProperty", "GeoProperty", _DRAWN, "LanguageProperty")
"""Kinds whose values can have members for a trail to address."""
_MEMBER = {**VALUE_MEMBER, _DRAWN: "drawn"}
_TYPE = {_DRAWN: "GeoProperty"}
_INDEXED_ALONE = ("Property", "Relationship", "VocabProperty")
_ZONE_DAYS = 5
"""Days that a zone of two digits of hours can be off (real ones are less than one)."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Part:
    """A filter that narrows, and whether it decides."""

    filter: Filter
    exact: bool = True


def term_filter(node: Exists | Compare | Match, datasets: Filter | None) -> Part:
    """The filter of a term; `datasets` is the condition on instances of the first attribute that count."""
    path = node.path
    if not path.attributes:
        return _condition(node, _ENTITY_FIELDS.get(path.member or "", path.member or ""))
    if path.member is not None:
        part = _condition(node, path.member)
        return Part(_wrap(path, part.filter, datasets), part.exact)
    if isinstance(node, Exists) and not path.trail:
        return Part(_wrap(path, {"type": {"$exists": True}}, datasets))
    if isinstance(node, Compare) and node.operator == "!=":
        return _unequal(node, datasets)
    return _over_kinds(node, datasets)


def interval_filter(nodes: Sequence[Compare]) -> Filter:
    """The exact filter of several orders of one target to numbers: `a>=1;a<2`.

    MongoDB reads one bound of an index for conditions that different instances may meet. An attribute with a single
    instance has to meet all of them in it, which reads both bounds; those with more have an index of their own.
    """
    path = nodes[0].path
    several = {f"attributes.{escape(path.attributes[0])}.1.type": {"$exists": True}}
    apart = [term_filter(node, None).filter for node in nodes]
    in_one = [_wrap(path, {"$and": [_of_kind(node, kind).filter for node in nodes]}, None) for kind in _kinds(nodes[0])]
    return {"$or": [*in_one, {"$and": [several, *apart]}]}


def _over_kinds(node: Exists | Compare | Match, datasets: Filter | None) -> Part:
    """Kinds that an index may serve each on their own, the others together."""
    branches: list[Filter] = []
    together: list[Filter] = []
    exact = True
    for kind in _kinds(node):
        if kind == "LanguageProperty" and node.path.trail in ((), ANY_LANGUAGE):
            part = _in_any_language(node, datasets)
            branches.append(part.filter)
            exact = exact and part.exact
            continue
        part = _of_kind(node, kind)
        exact = exact and part.exact
        if kind in _INDEXED_ALONE or (node.path.trail and kind == "LanguageProperty"):
            branches.append(_wrap(node.path, part.filter, datasets))
        else:
            together.append(part.filter)
    if together:
        kinds = [condition.pop("type") for condition in together]
        branches.append(_wrap(node.path, {"type": {"$in": kinds}, "$or": together}, datasets))
    return Part({"$or": branches} if len(branches) > 1 else branches[0], exact)


def _kinds(node: Exists | Compare | Match) -> tuple[str, ...]:
    """The kinds of attribute that can satisfy a term other than with `!=`."""
    if node.path.trail == ANY_LANGUAGE:
        return ("LanguageProperty",)
    if node.path.trail:
        return _WITH_MEMBERS
    if isinstance(node, Match):
        return ("Property", "VocabProperty", "JsonProperty", "LanguageProperty")
    if not isinstance(node, Compare):
        return tuple(VALUE_MEMBER)
    texts = any(_kind(value) != "number" and _kind(value) != "boolean" for value in node.values)
    arrays = node.operator == "==" and any(isinstance(value, Value) for value in node.values)
    kinds = ["Property", "JsonProperty"]
    if texts:
        kinds += ["VocabProperty", "LanguageProperty"]
    if arrays:
        kinds += ["ListProperty"]
    if texts and node.operator == "==":
        kinds += ["Relationship", "ListRelationship"]
    return tuple(kinds)


def _unequal(node: Compare, datasets: Filter | None) -> Part:
    """`!=`: an instance has the target, and it is not equal."""
    path = node.path
    equal = Compare(path, "==", node.values)
    if path.trail == ANY_LANGUAGE or not all(_kind(value) in _EXACT_KINDS for value in node.values):
        return Part(_wrap(path, {"type": {"$exists": True}}, datasets), exact=False)
    conditions: list[Filter] = []
    for kind in _WITH_MEMBERS if path.trail else tuple(VALUE_MEMBER):
        if kind == "LanguageProperty" and not path.trail:
            continue
        inner = _of_kind(equal, kind).filter
        exists = _member_exists(kind, path.trail)
        conditions.append({"type": inner.pop("type"), **exists, "$nor": [inner]})
    others = _wrap(path, {"$or": conditions}, datasets)
    if path.trail:
        return Part(others)
    texts = _in_any_language(node, datasets)
    return Part({"$or": [others, texts.filter]}, texts.exact)


def _of_kind(node: Exists | Compare | Match, kind: str) -> Part:
    """The condition on an instance of this kind, with its `type`."""
    trail = node.path.trail
    field = ".".join((_MEMBER[kind], *trail))
    part = _condition(node, field)
    guards = _member_exists(kind, trail, last=False) if trail else {}
    return Part({"type": _TYPE.get(kind, kind), **guards, **part.filter}, part.exact)


def _member_exists(kind: str, trail: tuple[str, ...], *, last: bool = True) -> Filter:
    """That the steps of a trail are objects and not arrays (into which MongoDB would look); and that it leads on."""
    steps = [_MEMBER[kind], *trail]
    found: Filter = {".".join(steps[: number + 1]): _NO_ARRAY for number in range(len(trail))}
    if trail and kind == "GeoProperty":
        found["drawn"] = {"$exists": False}
    return {**found, ".".join(steps): {"$exists": True}} if last else found


def _condition(node: Exists | Compare | Match, field: str) -> Part:
    """The condition on the value of a field."""
    if isinstance(node, Exists):
        return Part({field: {"$exists": True}})
    if isinstance(node, Match):
        return _pattern(node, field)
    if node.operator == "==":
        return _equal(node.values, field)
    if node.operator == "!=":
        equal = _equal(node.values, field)
        exists: Filter = {field: {"$exists": True}}
        return Part({"$and": [exists], "$nor": [equal.filter]}) if equal.exact else Part(exists, exact=False)
    bound = node.values[0]
    if isinstance(bound, Value) and bound.kind in _EXACT_KINDS:
        return Part({field: {_ORDERS[node.operator]: bound.value, **_NO_ARRAY}})
    low = bound if node.operator in {">", ">="} else None
    high = bound if node.operator in {"<", "<="} else None
    return Part(_temporal(field, low, high), exact=False)


def _equal(values: tuple[Value | Range, ...], field: str) -> Part:
    single = [value.value for value in values if isinstance(value, Value) and value.kind in _EXACT_KINDS]
    conditions: list[Filter] = [{field: single[0] if len(single) == 1 else {"$in": single}}] if single else []
    exact = True
    for value in values:
        low, high = (value.low, value.high) if isinstance(value, Range) else (value, value)
        if low.kind not in _EXACT_KINDS:
            conditions.append(_temporal(field, low, high))
            exact = False
        elif isinstance(value, Range):
            conditions.append({field: {"$gte": low.value, "$lte": high.value, **_NO_ARRAY}})
    return Part(conditions[0] if len(conditions) == 1 else {"$or": conditions}, exact)


def _temporal(field: str, low: Any, high: Any) -> Filter:
    """Texts that may be a Date, Time or DateTime in these bounds, and typed values.

    Whatever its zone, an ISO 8601 text begins with a date at most `_ZONE_DAYS` off, and such texts order as text.
    """
    bounds: Filter = {"$type": "string"}
    if low is not None and low.kind == "dateTime":
        bounds["$gte"] = _day(low.value, -_ZONE_DAYS)
    if high is not None and high.kind == "dateTime":
        bounds["$lt"] = _day(high.value, _ZONE_DAYS + 1)
    typed = {field: {"$type": "object"}, f"{field}.@value": {"$exists": True}}
    return {"$or": [{field: bounds}, typed]}


def _day(instant: int, days: int) -> str:
    try:
        return (_EPOCH + timedelta(microseconds=instant, days=days)).date().isoformat()
    except OverflowError:
        return "0000" if days < 0 else ":"


def _pattern(node: Match, field: str) -> Part:
    literal = literal_of(node.pattern)
    if literal is None or "\0" in literal[1]:
        prefix = "" if node.negated else prefix_of(node.pattern)
        found: Filter = {"$regex": "^" + re.escape(prefix)} if prefix else {"$type": "string"}
        return Part({field: found}, exact=False)
    begins, text, ends = literal
    found = {"$regex": ("^" if begins else "") + re.escape(text) + ("\\z" if ends else "")}
    if not node.negated:
        return Part({field: {**found, **_NO_ARRAY}})
    return Part({"$and": [{field: {"$type": "string"}}, {field: _NO_ARRAY}, {field: {"$not": found}}]})


def _in_any_language(node: Exists | Compare | Match, datasets: Filter | None) -> Part:
    """Texts of a LanguageProperty in whatever language: by an expression where texts are compared for equality."""
    path = node.path
    kind: Filter = _wrap(path, {"type": "LanguageProperty"}, datasets)
    plain = isinstance(node, Compare) and node.operator in {"==", "!="} and datasets is None
    values = node.values if isinstance(node, Compare) else ()
    if not plain or len(path.attributes) > 1 or not all(_is_text(value) for value in values):
        return Part(kind, exact=False)
    texts = {"$literal": [value.value for value in values if isinstance(value, Value) and value.kind == "string"]}
    each = {
        "$cond": [
            {"$isArray": ["$$text.v"]},
            {
                "$gt": [
                    {"$size": {"$setIntersection": [{"$cond": [{"$isArray": ["$$text.v"]}, "$$text.v", []]}, texts]}},
                    0,
                ]
            },
            {"$in": ["$$text.v", texts]},
        ]
    }
    entries = {"$objectToArray": {"$ifNull": ["$$instance.languageMap", {}]}}
    found: Filter = {"$anyElementTrue": [{"$map": {"input": entries, "as": "text", "in": each}}]}
    if isinstance(node, Compare) and node.operator == "!=":
        found = {"$and": [{"$gt": [{"$size": entries}, 0]}, {"$not": [found]}]}
    holds = {"$and": [{"$eq": ["$$instance.type", "LanguageProperty"]}, found]}
    instances = {"$ifNull": [f"$attributes.{escape(path.attributes[0])}", []]}
    return Part({**kind, "$expr": {"$anyElementTrue": [{"$map": {"input": instances, "as": "instance", "in": holds}}]}})


def _is_text(value: Value | Range) -> bool:
    """Whether equality with a text decides; ranges and dates need more. Other types never equal a text."""
    return isinstance(value, Value) and value.kind in _EXACT_KINDS


def _kind(value: Value | Range) -> str:
    return value.low.kind if isinstance(value, Range) else value.kind


def _wrap(path: Path, condition: Filter, datasets: Filter | None) -> Filter:
    """A condition on an instance of the last attribute of a path, as one on the document."""
    names = [f"attributes.{escape(name)}" for name in path.attributes]
    for name in reversed(names[1:]):
        condition = {name: {"$elemMatch": condition}}
    if datasets is not None:
        condition = {"$and": [datasets, condition]}
    return {names[0]: {"$elemMatch": condition}}
