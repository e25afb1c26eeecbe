"""Which chunks a demand needs, from their bounds alone."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from broker.adapters.mongo.history_documents import BOUNDS
from broker.core.ql.temporal import TemporalQuery
from broker.core.temporal.evolution import Demand


def range_filter(entity_ids: Sequence[str], demand: Demand) -> dict[str, Any]:
    """The filter for chunks that may hold samples of these entities that the demand asks for."""
    query: dict[str, Any] = {"e": entity_ids[0] if len(entity_ids) == 1 else {"$in": list(entity_ids)}}
    if demand.attributes is not None:
        query["a"] = {"$in": sorted(demand.attributes)}
    if demand.query is not None:
        query.update(_within(demand.query))
    return query


def _within(query: TemporalQuery) -> dict[str, Any]:
    if query.timeproperty == "observedAt":
        bounds: dict[str, Any] = {} if query.end is None else {"first": {"$lt": query.end}}
        return bounds if query.start is None else {**bounds, "last": {"$gte": query.start}}
    name = BOUNDS.get(query.timeproperty)
    if name is None:
        return {}
    # A chunk without bounds matches none of these, and has to be looked into.
    outside: list[dict[str, Any]] = []
    if query.end is not None:
        outside.append({f"{name}.first": {"$gte": query.end}})
    if query.start is not None:
        outside.append({f"{name}.last": {"$lt": query.start}})
    if name == "deleted":
        outside.append({"modified": {"$exists": True}, "deleted": {"$exists": False}})
    return {"$nor": outside} if outside else {}


DIRECTORY = {"e": 1, "a": 1, "n": 1, "first": 1, "last": 1, "created": 1, "modified": 1}
"""What of chunks has to be known to choose among them."""


def chosen(directory: Sequence[dict[str, Any]], demand: Demand) -> list[Any]:
    """The `_id`s of those chunks of a directory that can matter for one page of each attribute.

    All are needed where bounds are missing, and of deletions, which few samples of a chunk are.
    """
    timeproperty = "observedAt" if demand.query is None else demand.query.timeproperty
    name = BOUNDS.get(timeproperty)
    if demand.page is None or timeproperty not in ("observedAt", "createdAt", "modifiedAt"):
        return [each["_id"] for each in directory]
    if name is not None:
        if not all(name in each for each in directory):
            return [each["_id"] for each in directory]
        directory = [{**each, **each[name]} for each in directory]
    series: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for each in directory:
        series[each["e"], each["a"]].append(each)
    choose = _from_the_end if demand.last is not None else _from_the_start
    return [each["_id"] for chunks in series.values() for each in choose(chunks, demand, demand.page + 1)]


def _from_the_start(chunks: list[dict[str, Any]], demand: Demand, wanted: int) -> list[dict[str, Any]]:
    start = demand.query.start if demand.query is not None else None
    count = 0
    for chunk in sorted(chunks, key=lambda each: int(each["last"])):
        # Only a chunk wholly within the range is sure to hold so many samples of it.
        if start is None or chunk["first"] >= start:
            count += chunk["n"]
        if count >= wanted:
            return [each for each in chunks if each["first"] <= chunk["last"]]
    return chunks


def _from_the_end(chunks: list[dict[str, Any]], demand: Demand, wanted: int) -> list[dict[str, Any]]:
    end = demand.query.end if demand.query is not None else None
    count = 0
    for chunk in sorted(chunks, key=lambda each: int(each["first"]), reverse=True):
        if end is None or chunk["last"] < end:
            count += chunk["n"]
        if count >= wanted:
            return [each for each in chunks if each["last"] >= chunk["first"]]
    return chunks
