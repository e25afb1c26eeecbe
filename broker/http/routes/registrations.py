"""Context Source Registrations (clauses 6.8, 6.9)."""

from typing import Any

from broker.core.federate.match import Wanted, source_filter, wanted_by
from broker.core.jsonld.context import ActiveContext
from broker.core.model.errors import BadRequestData
from broker.core.model.instant import format_instant
from broker.core.ql.temporal import TemporalQuery, parse_temporal
from broker.http import params
from broker.http.message import Request, Response
from broker.http.negotiate import answer_type, context_of, read_object
from broker.http.paging import paging_of
from broker.http.parameters import (
    END_TIME_AT,
    GEOMETRY_PROPERTY,
    LANG,
    OMIT,
    PAGE,
    PICK,
    SCOPE_Q,
    SELECTION,
    TIME_AT,
    TIMEPROPERTY,
    TIMEREL,
    options,
)
from broker.http.responses import ROOT, created, no_content, with_context
from broker.http.route import Answer, Route
from broker.http.selection import read_selection
from broker.operations import registrations
from broker.operations.ports import Ports

_PATH = "/csourceRegistrations"
_MEMBERS = frozenset(("id", "type", "scope"))


async def create(ports: Ports, request: Request) -> Response:
    """5.9.2."""
    document, context = await read_object(ports, request)
    return created(_PATH, await registrations.create_registration(ports, request.tenant, document, context))


async def query(ports: Ports, request: Request) -> Response:
    """5.10.2."""
    media_type, context, paging = answer_type(request), await context_of(ports, request), paging_of(request)
    wanted = _wanted(request, context)
    page, total = await registrations.query_registrations(
        ports, request.tenant, wanted, context, paging.limit, paging.offset
    )
    shown = [_with_times(request, each, item.created_at, item.modified_at) for each, item in page]
    extra = paging.headers(request, ROOT + _PATH, media_type, paging.offset + len(page) < total, total)
    return with_context(request, context, shown, media_type, extra)


async def retrieve(ports: Ports, request: Request) -> Response:
    """5.10.1."""
    media_type, context = answer_type(request), await context_of(ports, request)
    document, stored = await registrations.retrieve_registration(ports, request.tenant, request.path[0], context)
    shown = _with_times(request, document, stored["createdAt"], stored["modifiedAt"])
    return with_context(request, context, shown, media_type)


async def update(ports: Ports, request: Request) -> Response:
    """5.9.3."""
    document, context = await read_object(ports, request)
    await registrations.update_registration(ports, request.tenant, request.path[0], document, context)
    return no_content()


async def delete(ports: Ports, request: Request) -> Response:
    """5.9.4."""
    await registrations.delete_registration(ports, request.tenant, request.path[0])
    return no_content()


def _wanted(request: Request, context: ActiveContext) -> Wanted:
    """What the parameters of clause 6.8.3.2 want; those without a value count as absent."""
    parameters = {name: value for name, value in request.parameters.items() if value}
    selection = read_selection(parameters, context)
    picked = frozenset(params.expanded(parameters, "pick", _but_members(context)))
    return wanted_by(
        selection.query,
        attributes=picked - _MEMBERS,
        temporal=_temporal(parameters),
        source_filter=source_filter(parameters.get("csf"), context),
    )


def _but_members(context: ActiveContext) -> Any:
    return lambda name: name if name in _MEMBERS else context.expand_term(name)


def _temporal(parameters: dict[str, str]) -> TemporalQuery | None:
    timerel = parameters.get("timerel")
    if timerel is None:
        if "timeAt" in parameters or "endTimeAt" in parameters:
            raise BadRequestData("A temporal query needs timerel: before, after or between.")
        return None
    times = [text.replace(" ", "+") if (text := parameters.get(name)) else None for name in ("timeAt", "endTimeAt")]
    return parse_temporal(timerel, times[0], times[1], parameters.get("timeproperty", "observedAt"))


def _with_times(request: Request, document: dict[str, Any], created_at: int, modified_at: int) -> dict[str, Any]:
    """The registration with its system attributes, where they are asked for (clause 6.3.11)."""
    if "sysAttrs" not in params.options(request.parameters):
        return document
    return {**document, "createdAt": format_instant(created_at), "modifiedAt": format_instant(modified_at)}


ROUTES = (
    Route(
        "POST",
        _PATH,
        create,
        "createRegistration",
        "5.9.2, 6.8.3.1",
        "Register a context source",
        body="CSourceRegistration",
        answers=(Answer(201, "Registered.", headers=("Location",)),),
        errors=(409,),
    ),
    Route(
        "GET",
        _PATH,
        query,
        "queryRegistrations",
        "5.10.2, 6.8.3.2",
        "Find the context sources that may have entities",
        (
            *(*SELECTION, PICK, OMIT, SCOPE_Q, LANG, GEOMETRY_PROPERTY, *PAGE),
            *(TIMEREL, TIME_AT, END_TIME_AT, TIMEPROPERTY, options("sysAttrs", "count")),
        ),
        answers=(Answer(200, "A page of registrations.", "CSourceRegistration[]", ("Link", "NGSILD-Results-Count")),),
        errors=(404,),
    ),
    Route(
        "GET",
        _PATH + "/{registrationId}",
        retrieve,
        "retrieveRegistration",
        "5.10.1, 6.9.3.1",
        "Retrieve a registration",
        (options("sysAttrs"),),
        answers=(Answer(200, "The registration.", "CSourceRegistration", ("Link",)),),
        errors=(404,),
    ),
    Route(
        "PATCH",
        _PATH + "/{registrationId}",
        update,
        "updateRegistration",
        "5.9.3, 6.9.3.2",
        "Change a registration",
        body="CSourceRegistration",
        answers=(Answer(204, "Changed."),),
        errors=(404, 409),
    ),
    Route(
        "DELETE",
        _PATH + "/{registrationId}",
        delete,
        "deleteRegistration",
        "5.9.4, 6.9.3.3",
        "Delete a registration",
        answers=(Answer(204, "Deleted."),),
        errors=(404,),
    ),
)
