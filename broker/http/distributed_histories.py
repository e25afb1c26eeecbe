"""Retrieving and querying temporal evolutions that sources have a part in (clauses 6.18.3.2, 6.19.3.1, 6.24)."""

from collections.abc import Mapping

from broker.core.federate.index import RegistrationIndex
from broker.core.federate.notification import source_filter
from broker.core.jsonld.context import ActiveContext
from broker.core.model.errors import TooManyResults
from broker.core.temporal.evolution import excerpt, shorten
from broker.http import params
from broker.http.distribution import inquiry_for, warnings
from broker.http.message import Header, Request
from broker.http.problems import Refusal
from broker.http.temporal import TemporalView
from broker.operations.distributed import temporal_reads
from broker.operations.distributed.temporal_reads import Found
from broker.operations.ports import Ports
from broker.operations.temporal import (
    Aggregates,
    EvolutionPage,
    EvolutionQuery,
    aggregated,
    is_within,
    no_such_evolution,
    nothing_within,
)

Shown = Aggregates | EvolutionPage


async def retrieve_distributed(
    ports: Ports,
    request: Request,
    index: RegistrationIndex,
    context: ActiveContext,
    entity_id: str,
    view: TemporalView,
) -> tuple[Shown, list[Header]]:
    """5.7.3 with sources. Raises a 404 that tells what was wrong with sources where the history is nowhere."""
    inquiry = await inquiry_for(ports, request, index, context)
    found = await temporal_reads.retrieve(inquiry, entity_id, view.demand)
    if not found.evolutions:
        raise Refusal(404, no_such_evolution(entity_id), tuple(warnings(found.warnings)))
    if not is_within(found.evolutions[0], view.demand):
        raise Refusal(404, nothing_within(entity_id), tuple(warnings(found.warnings)))
    return _viewed(found, view), warnings(found.warnings)


async def query_distributed(
    ports: Ports,
    request: Request,
    index: RegistrationIndex,
    context: ActiveContext,
    parameters: Mapping[str, str],
    wanted: EvolutionQuery,
    view: TemporalView,
) -> tuple[Shown, list[Header]]:
    """5.7.4 with sources."""
    inquiry = await inquiry_for(ports, request, index, context)
    splits = inquiry.federation.splits_entities
    if "splitEntities" in parameters:
        splits = params.flag(parameters, "splitEntities")
    chosen = source_filter(parameters.get("csf"), context)
    found = await temporal_reads.query(inquiry, wanted, view.demand, parameters, chosen, splits=splits)
    return _viewed(found, view), warnings(found.warnings)


def _viewed(found: Found, view: TemporalView) -> Shown:
    """What was found as the client wants to see it. Raises TooManyResults where aggregates would lack something."""
    demand = view.demand
    if view.aggregation is None:
        excerpts = [excerpt(each, demand) for each in found.evolutions]
        return EvolutionPage(excerpts, shorten(excerpts, demand, found.edge), found.total, found.more)
    if found.edge is not None:
        raise TooManyResults("A source has more instances in this range than can be aggregated; ask for less time.")
    cells = [(each, aggregated(each, demand, view.aggregation)) for each in found.evolutions]
    return Aggregates(cells, found.total, found.more)
