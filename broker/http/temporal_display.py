"""Histories on their way into an answer: how they look, and what of a range is in it (6.3.10 to 6.3.12, 4.3.6.8)."""

from dataclasses import replace
from typing import Any

from broker.core.jsonld.context import ActiveContext
from broker.core.represent import Version
from broker.core.represent.temporal import represent_aggregates, represent_evolution, represent_values
from broker.core.represent.temporal_conformance import conforming_aggregates, conforming_evolution, conforming_excerpt
from broker.http.message import Header, Request, Response
from broker.http.responses import with_context
from broker.http.temporal import VALUES, TemporalView, content_range
from broker.http.versions import Conformance
from broker.operations.temporal_queries import EvolutionPage, Histories


def show(
    found: Histories, context: ActiveContext, view: TemporalView, conformance: Conformance | None
) -> list[dict[str, Any]]:
    """The JSON of each history, as the version has it that the client prefers."""
    shown = _represented(found, context, view)
    if conformance is None:
        return shown
    amended = _represented(_older(found, conformance.version, context, view), context, view)
    conformance.altered = amended != shown
    return amended


def answer(
    request: Request,
    context: ActiveContext,
    found: Histories,
    document: Any,
    view: TemporalView,
    media_type: str,
    extra: list[Header],
    conformance: Conformance | None,
) -> Response:
    """200 with what is shown of it; 203 where it had to be altered, and 206 where it is a part of the range."""
    cut = found.cut if isinstance(found, EvolutionPage) else None
    if cut is not None:
        extra = [content_range(view.demand, cut), *extra]
    response = with_context(request, context, document, media_type, extra, conformance=conformance)
    if cut is not None:
        response.status = 206
    return response


def _represented(found: Histories, context: ActiveContext, view: TemporalView) -> list[dict[str, Any]]:
    if isinstance(found, EvolutionPage):
        represent = represent_values if view.form == VALUES else represent_evolution
        return [represent(each, context, view.representation, view.demand) for each in found.excerpts]
    return [represent_aggregates(each, cells, context, view.representation) for each, cells in found.evolutions]


def _older(found: Histories, version: Version, context: ActiveContext, view: TemporalView) -> Histories:
    spoken = view.representation.languages is not None
    if isinstance(found, EvolutionPage):
        excerpts = [conforming_excerpt(each, version, context, spoken=spoken) for each in found.excerpts]
        return replace(found, excerpts=excerpts)
    evolutions = [
        (conforming_evolution(each, version), conforming_aggregates(cells, version, spoken=spoken))
        for each, cells in found.evolutions
    ]
    return replace(found, evolutions=evolutions)
