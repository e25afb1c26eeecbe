"""Queries as MongoDB filters.

MongoDB only narrows: a filter matches at least every entity that satisfies the query. What it cannot decide exactly
stays in the residual, which `broker.core.ql.evaluate` finishes. Where nothing stays, limit, offset and count are
MongoDB's. Only what is exact goes under a negation. Works on MongoDB 4.4 to 8.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from broker.adapters.mongo.documents import escape
from broker.adapters.mongo.geo_filters import geo_filter
from broker.adapters.mongo.term_filters import Part, interval_filter, term_filter
from broker.core.model.instant import Instant
from broker.core.ql.ast import EntityQuery, EntitySelector
from broker.core.ql.evaluate import DEFAULT_INSTANCE
from broker.core.ql.nodes import ANY_LANGUAGE, And, Compare, Linked, Not, Or, Path, QNode, Value
from broker.core.ql.pattern_text import literal_of, prefix_of
from broker.core.ql.scope import ScopePattern, ScopeQuery
from broker.core.ql.types import TypeSelection

Filter: TypeAlias = dict[str, Any]

_NOTHING: Filter = {"_id": {"$in": []}}


@dataclass(frozen=True, slots=True)
class Compiled:
    """A filter, and what remains to be decided for each document that it lets through.

    `filter` is `timeless` without the entities that have expired.
    """

    filter: Filter
    timeless: Filter
    residual: EntityQuery | None = None


def compile(query: EntityQuery, now: Instant) -> Compiled:  # the module is its namespace
    """Compile a query. Entities that have expired by `now` (microseconds) never match."""
    conditions: list[Filter] = []
    rest = EntityQuery(dataset_ids=query.dataset_ids)
    datasets = _datasets(query.dataset_ids)
    if query.selectors:
        selectors = [_selector(selector) for selector in query.selectors]
        conditions.append(_any_of([part for part, _ in selectors]))
        if not all(exact for _, exact in selectors):
            rest = replace(rest, selectors=query.selectors)
    if query.attributes:
        conditions.append(_any_of([_has_attribute(name) for name in query.attributes]))
    if query.scope is not None:
        conditions.append(_scope(query.scope))
    if query.q is not None:
        narrowing, node = _node(query.q, datasets)
        conditions.append(narrowing or {})
        rest = replace(rest, q=node)
    if query.geo is not None:
        narrowing, exact = geo_filter(query.geo)
        conditions.append(narrowing)
        if not exact or datasets:
            rest = replace(rest, geo=query.geo)
    timeless = _all_of(conditions)
    living = _all_of([*conditions, {"expiresAt": {"$not": {"$lte": now}}}])
    decided = not (rest.selectors or rest.q or rest.geo)
    return Compiled(living, timeless, None if decided else rest)


def _node(node: QNode, datasets: Filter | None) -> tuple[Filter | None, QNode | None]:
    """What narrows (None: nothing does), and what remains of the node (None: nothing does)."""
    if isinstance(node, And):
        intervals, terms = _intervals(node.terms) if datasets is None else ([], node.terms)
        parts = [_node(term, datasets) for term in terms]
        conditions = [interval_filter(interval) for interval in intervals]
        conditions += [condition for condition, _ in parts if condition is not None]
        left = tuple(rest for _, rest in parts if rest is not None)
        return (_all_of(conditions) if conditions else None), (And(left) if left else None)
    if isinstance(node, Or):
        parts = [_node(term, datasets) for term in node.terms]
        exact = all(rest is None for _, rest in parts)
        conditions = [condition for condition, _ in parts if condition is not None]
        return (_any_of(conditions) if len(conditions) == len(parts) else None), (None if exact else node)
    if isinstance(node, Not):
        condition, rest = _node(node.term, datasets)
        return ({"$nor": [condition]}, None) if condition is not None and rest is None else (None, node)
    if isinstance(node, Linked):
        return {f"attributes.{escape(node.relationship)}.type": {"$in": ["Relationship", "ListRelationship"]}}, node
    part: Part = term_filter(node, datasets)
    return part.filter, None if part.exact else node


def _intervals(terms: Sequence[QNode]) -> tuple[list[list[Compare]], list[QNode]]:
    """Terms that bound the same target by numbers from two sides, and the other terms."""
    bounds: dict[Path, list[Compare]] = {}
    for term in terms:
        if isinstance(term, Compare) and _bounds_by_number(term):
            bounds.setdefault(term.path, []).append(term)
    intervals = [group for group in bounds.values() if len(group) > 1]
    taken = {id(term) for group in intervals for term in group}
    return intervals, [term for term in terms if id(term) not in taken]


def _bounds_by_number(term: Compare) -> bool:
    path, value = term.path, term.values[0]
    plain = len(path.attributes) == 1 and path.member is None and path.trail != ANY_LANGUAGE
    return plain and term.operator not in {"==", "!="} and isinstance(value, Value) and value.kind == "number"


def _selector(selector: EntitySelector) -> tuple[Filter, bool]:
    conditions: list[Filter] = []
    exact = True
    if selector.ids:
        conditions.append({"_id": {"$in": list(selector.ids)}})
    if selector.types is not None and not selector.types.selects_all:
        conditions.append(_types(selector.types))
    if selector.id_pattern is not None:
        literal = literal_of(selector.id_pattern)
        if literal is None or "\0" in literal[1]:
            exact = False
            if prefix := prefix_of(selector.id_pattern):
                conditions.append({"_id": {"$regex": "^" + re.escape(prefix)}})
        else:
            begins, text, ends = literal
            # `^` and not `\A`: it is what MongoDB turns into bounds of the index on _id.
            conditions.append({"_id": {"$regex": ("^" if begins else "") + re.escape(text) + ("\\z" if ends else "")}})
    return _all_of(conditions), exact


def _types(selection: TypeSelection) -> Filter:
    single = [types[0] for types in selection.alternatives if len(types) == 1]
    several = [{"types": {"$all": list(types)}} for types in selection.alternatives if len(types) > 1]
    if single:
        wanted: Any = single[0] if len(single) == 1 else {"$in": single}
        several.append({"types": wanted})
    return _any_of(several)


def _has_attribute(name: str) -> Filter:
    return {f"attributes.{escape(name)}.type": {"$exists": True}}


def _scope(query: ScopeQuery) -> Filter:
    return _any_of([_all_of([_scope_pattern(each) for each in patterns]) for patterns in query.alternatives])


def _scope_pattern(pattern: ScopePattern) -> Filter:
    if not pattern.levels:
        return {"scopes.0": {"$exists": True}}
    levels = "/".join("[^/]+" if level == "+" else re.escape(level) for level in pattern.levels)
    end = "(?:/|\\z)" if pattern.below else "\\z"
    return {"scopes": {"$regex": f"^/?{levels}{end}"}}


def _datasets(dataset_ids: tuple[str, ...]) -> Filter | None:
    """What an instance must be to count; None where all do."""
    if not dataset_ids:
        return None
    named = [each for each in dataset_ids if each != DEFAULT_INSTANCE]
    conditions: list[Filter] = [{"datasetId": {"$in": named}}] if named else []
    if len(named) < len(dataset_ids):
        conditions.append({"datasetId": {"$exists": False}})
    return _any_of(conditions)


def _any_of(conditions: list[Filter]) -> Filter:
    if any(not condition for condition in conditions):
        return {}
    if not conditions:
        return _NOTHING
    return conditions[0] if len(conditions) == 1 else {"$or": conditions}


def _all_of(conditions: list[Filter]) -> Filter:
    conditions = [condition for condition in conditions if condition]
    if len(conditions) <= 1:
        return conditions[0] if conditions else {}
    return {"$and": conditions}
