"""What a request wants of temporal evolutions (clauses 4.11, 5.2.21, 5.2.44, 6.3.10 to 6.3.12, 6.18.3.2, 6.24)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from broker.core.jsonld.context import ActiveContext
from broker.core.model.draft import SCOPE
from broker.core.model.errors import BadRequestData, InvalidRequest
from broker.core.model.instant import format_instant
from broker.core.ql.projection import parse_projection
from broker.core.ql.temporal import TemporalQuery, parse_temporal
from broker.core.represent import Representation, parse_languages
from broker.core.temporal.aggregate import Aggregation, parse_aggregation
from broker.core.temporal.evolution import Cut, Demand
from broker.http import params
from broker.http.message import CONTENT_RANGE, Header
from broker.http.route import Parameter

VALUES, AGGREGATED = "temporalValues", "aggregatedValues"
FORMATS = ("normalized", VALUES, AGGREGATED)
_TEMPORAL_Q = ("timerel", "timeAt", "endTimeAt", "timeproperty", "lastN", "aggrMethods", "aggrPeriodDuration")
_AGGREGATION = ("aggrMethods", "aggrPeriodDuration")
_MEMBERS = frozenset(("id", "type", "scope"))


TIMEREL = Parameter("timerel", "before, after or between (clause 4.11).")
TIME_AT = Parameter("timeAt", "The instant of timerel, or the first one of between.")
END_TIME_AT = Parameter("endTimeAt", "The end of between.")
TIMEPROPERTY = Parameter("timeproperty", "observedAt (the default), createdAt, modifiedAt or deletedAt.")
LAST_N = Parameter("lastN", "Only the last so many instances of each attribute.")
AGGR_METHODS = Parameter("aggrMethods", "avg, distinctCount, max, min, stddev, sum, sumsq, totalCount (clause 4.5.19).")
AGGR_PERIOD = Parameter("aggrPeriodDuration", "ISO 8601 duration of a period; PT0S, the default, is the whole range.")
FORMAT = Parameter("format", "normalized, temporalValues or aggregatedValues (clause 6.3.12).")
RANGE = (TIMEREL, TIME_AT, END_TIME_AT, TIMEPROPERTY, LAST_N)
AGGREGATION = (AGGR_METHODS, AGGR_PERIOD)


@dataclass(frozen=True, slots=True)
class TemporalView:
    """The samples wanted, and how they are to look."""

    demand: Demand
    representation: Representation
    form: str
    aggregation: Aggregation | None


def read_view(parameters: Mapping[str, str], context: ActiveContext, page: int, *, required: bool) -> TemporalView:
    """The view that the parameters describe; `required`: there has to be a temporal query (clause 5.7.4.4).

    Raises BadRequestData or InvalidRequest where they are wrong or contradict each other.
    """
    form = _form(parameters)
    aggregation = None
    if form == AGGREGATED:
        aggregation = parse_aggregation(parameters.get("aggrMethods"), parameters.get("aggrPeriodDuration"))
    attrs = params.expanded(parameters, "attrs", context.expand_term)
    pick, omit = _projection(parameters, "pick", context), _projection(parameters, "omit", context)
    if attrs and (pick is not None or omit is not None):
        raise BadRequestData("attrs stands for pick and q: give either attrs, or pick and omit.")
    if pick is not None and omit is not None and pick & omit:
        raise BadRequestData("pick and omit name the same member; give it to one of them.")
    shown = pick if pick is not None else _MEMBERS.union(attrs) if attrs else None
    # Nobody who names attributes wants scopes aggregated.
    concerned = frozenset(attrs) if attrs and aggregation is not None else shown
    datasets = params.dataset_ids(parameters)
    demand = Demand(
        _query(parameters, required),
        _last(parameters),
        page if aggregation is None else None,
        None
        if concerned is None
        else frozenset(SCOPE if name == "scope" else name for name in concerned - {"id", "type"}),
        frozenset(datasets) if datasets else None,
    )
    representation = Representation(
        sys_attrs="sysAttrs" in params.options(parameters),
        languages=parse_languages(parameters["lang"]) if "lang" in parameters else None,
        pick=shown,
        omit=omit,
    )
    return TemporalView(demand, representation, form, aggregation)


def unfold(document: dict[str, Any]) -> dict[str, str]:
    """Take `temporalQ` and `aggrParams` out of a Query: the parameters that they stand for."""
    if "temporalQ" not in document:
        raise BadRequestData("The query needs a temporalQ with timerel and timeAt (clause 5.7.4).")
    found: dict[str, str] = {}
    for name, members in (("temporalQ", _TEMPORAL_Q), ("aggrParams", _AGGREGATION)):
        part = document.pop(name, {})
        if not isinstance(part, dict) or not part.keys() <= {*members, "type"}:
            raise BadRequestData(f"{name} shall be an object with members of {', '.join(members)}.")
        found.update((member, _text(part[member], member)) for member in members if member in part)
    return found


def content_range(demand: Demand, cut: Cut) -> Header:
    """What part of the range an answer holds (clause 6.3.10)."""
    query = demand.query
    start, end = (query.start, query.end) if query is not None else (None, None)
    if demand.last is not None:
        first = end if end is not None else cut.last
        last, size = cut.first, str(demand.last)
    else:
        first = start if start is not None else cut.first
        last, size = cut.last, "*"
    return CONTENT_RANGE, f"date-time {format_instant(first)}-{format_instant(last)}/{size}".encode()


def _form(parameters: Mapping[str, str]) -> str:
    keywords = [name for name in (VALUES, AGGREGATED) if name in params.options(parameters)]
    if len(keywords) > 1:
        raise InvalidRequest(f"options holds either {VALUES} or {AGGREGATED}, not both.")
    form = parameters.get("format", keywords[0] if keywords else "normalized")
    if form not in FORMATS:
        raise InvalidRequest(f"format is one of {', '.join(FORMATS)}, not '{form[:100]}'.")
    return form


def _query(parameters: Mapping[str, str], required: bool) -> TemporalQuery | None:
    timerel, timeproperty = parameters.get("timerel"), parameters.get("timeproperty", "observedAt")
    if timerel is None:
        if required or "timeAt" in parameters or "endTimeAt" in parameters:
            raise BadRequestData("A temporal query needs timerel (before, after or between) and timeAt.")
        if "timeproperty" not in parameters:
            return None
        return TemporalQuery(
            None, None, parse_temporal("after", "1970-01-01T00:00:00Z", None, timeproperty).timeproperty
        )
    times = [parameters[name].replace(" ", "+") if name in parameters else None for name in ("timeAt", "endTimeAt")]
    return parse_temporal(timerel, times[0], times[1], timeproperty)


def _last(parameters: Mapping[str, str]) -> int | None:
    if "lastN" not in parameters:
        return None
    last = params.natural(parameters, "lastN", 0)
    if not last:
        raise BadRequestData("lastN is an integer of at least 1.")
    return last


def _projection(parameters: Mapping[str, str], name: str, context: ActiveContext) -> frozenset[str] | None:
    if name not in parameters:
        return None
    projection = parse_projection(parameters[name], context.expand_term)
    if projection.linked:
        raise BadRequestData(f"{name} asks for members of linked entities, which histories do not have.")
    return projection.names


def _text(value: Any, name: str) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    raise BadRequestData(f"{name} shall be a string.")
