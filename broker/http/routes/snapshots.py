"""Snapshots (clauses 6.36 to 6.38)."""

from collections.abc import Mapping
from typing import Any

from broker.core.jsonld.context import ActiveContext
from broker.core.model.entity import NGSILD_NULL
from broker.core.model.errors import BadRequestData
from broker.core.model.snapshot import check_snapshot, new_snapshot
from broker.core.subscribe.endpoint import parse_endpoint
from broker.http import params
from broker.http.display import read_display
from broker.http.distributed_histories import history_of
from broker.http.distribution import asked_of, inquiry_for, sources_of
from broker.http.entity_maps import micros_of
from broker.http.message import Request, Response
from broker.http.negotiate import JSON, answer_type, context_of, read_object
from broker.http.parameters import Q
from broker.http.problems import problem_details
from broker.http.responses import created, no_content, plain_json, with_context
from broker.http.route import Answer, Route
from broker.http.selection import check_links, parameters_of, read_selection, selectors_of
from broker.http.temporal import read_view, unfold
from broker.operations import snapshots
from broker.operations.distributed.asking import Inquiry
from broker.operations.ports import Ports
from broker.operations.query import refuse_too_wide
from broker.operations.snapshot_content import WantedEntities, WantedHistories

_PATH = "/snapshots"
_MAX_QUERIES = 20  # each may find a whole city


async def create(ports: Ports, request: Request) -> Response:
    """5.16.1."""
    document, context = await read_object(ports, request)
    _check(document)
    queries, histories = _queries(document, "snapshotQueries"), _queries(document, "snapshotTemporalQueries")
    if not queries and not histories:
        raise BadRequestData("A snapshot needs snapshotQueries, snapshotTemporalQueries, or both.")
    snapshot = new_snapshot(request.tenant, document, _lifetime(document), ports.clock.now())
    index = sources_of(ports, request)
    inquiry = None if index is None else await inquiry_for(ports, request, index, context)
    identifier = await snapshots.create_snapshot(
        ports,
        request.tenant,
        snapshot,
        [_wanted_entities(each, context, inquiry) for each in queries],
        [_wanted_histories(ports, each, context, inquiry) for each in histories],
        inquiry,
    )
    return created(_PATH, identifier)


async def clone(ports: Ports, request: Request) -> Response:
    """5.16.2."""
    document, _ = await read_object(ports, request)
    _check(document)
    for name in ("snapshotQueries", "snapshotTemporalQueries"):
        if name in document:
            raise BadRequestData(f"A clone has the content of its original: leave {name} out.")
    snapshot = new_snapshot(request.tenant, document, _lifetime(document), ports.clock.now())
    return created(_PATH, await snapshots.clone_snapshot(ports, request.tenant, request.path[0], snapshot))


async def retrieve(ports: Ports, request: Request) -> Response:
    """5.16.3."""
    media_type, context = answer_type(request), await context_of(ports, request)
    found = await snapshots.retrieve_snapshot(ports, request.tenant, request.path[0])
    return with_context(request, context, found, media_type)


async def update(ports: Ports, request: Request) -> Response:
    """5.16.4."""
    document, context = await read_object(ports, request)
    _check(document, fragment=True)
    if document.get("id", request.path[0]) != request.path[0]:
        raise BadRequestData("The id of a snapshot cannot be changed.")
    updated = await snapshots.update_snapshot(ports, request.tenant, request.path[0], document, _lifetime(document))
    return with_context(request, context, updated, JSON)


async def delete(ports: Ports, request: Request) -> Response:
    """5.16.5."""
    await snapshots.delete_snapshot(ports, request.tenant, request.path[0])
    return no_content()


async def purge(ports: Ports, request: Request) -> Response:
    """5.16.7."""
    result = await snapshots.purge_snapshots(ports, request.tenant, request.parameters.get("q"))
    if not result.errors:
        return no_content()
    errors = [{"entityId": identifier, "error": problem_details(error)} for identifier, error in result.errors]
    return plain_json(207, {"success": result.updated, "errors": errors})


def _check(document: Mapping[str, Any], *, fragment: bool = False) -> None:
    check_snapshot(document, fragment=fragment)
    if document.get("id") is not None:
        params.require_uri(str(document["id"]), "The snapshot's id")
    endpoint, info = document.get("endpoint"), document.get("receiverInfo", [])
    if fragment and endpoint == NGSILD_NULL:
        endpoint = None
    if fragment and info in (NGSILD_NULL, [NGSILD_NULL]):
        info = []
    if endpoint is not None and (not isinstance(endpoint, str) or not endpoint.startswith(("http://", "https://"))):
        raise BadRequestData("endpoint is the http or https URL to which the status of the snapshot is sent.")
    parse_endpoint({"uri": endpoint or "http://localhost", "receiverInfo": info})


def _lifetime(document: Mapping[str, Any]) -> int | None:
    text = document.get("snapshotLifetime")
    if text is not None and not isinstance(text, str):
        raise BadRequestData("snapshotLifetime is an ISO 8601 duration such as PT1H.")
    return None if text is None else micros_of(text, "snapshotLifetime")


def _queries(document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    queries = document.get(name, [])
    if not isinstance(queries, list) or len(queries) > _MAX_QUERIES or not all(isinstance(q, dict) for q in queries):
        raise BadRequestData(f"{name} is an array of at most {_MAX_QUERIES} Queries.")
    return queries


def _wanted_entities(query: Mapping[str, Any], context: ActiveContext, inquiry: Inquiry | None) -> WantedEntities:
    if "temporalQ" in query:
        raise BadRequestData("A Query with temporalQ belongs into snapshotTemporalQueries.")
    parameters = parameters_of(query, {})
    display = read_display(parameters, context, JSON)
    selection = read_selection(parameters, context, selectors_of(query, context))
    check_links(selection.query, display.linking.level)
    refuse_too_wide(selection.query, local=selection.local)
    asked = None
    if inquiry is not None and not selection.local:
        asked = asked_of(inquiry, selection, parameters, display, "")
    return WantedEntities(selection.query, display.representation.shows, selection.local, asked)


def _wanted_histories(
    ports: Ports, query: Mapping[str, Any], context: ActiveContext, inquiry: Inquiry | None
) -> WantedHistories:
    if "temporalQ" not in query:
        raise BadRequestData("A Query without temporalQ belongs into snapshotQueries.")
    document = dict(query)
    given = unfold(document)
    parameters = parameters_of(document, given)
    view = read_view(parameters, context, ports.temporal_page, required=True)
    selection = read_selection(parameters, context, selectors_of(document, context))
    check_links(selection.query, 0)
    refuse_too_wide(selection.query, local=selection.local)
    asked = None
    if inquiry is not None and not selection.local:
        asked = history_of(inquiry, parameters, selection.query, view)
    return WantedHistories(selection.query, view.representation.shows, view.demand, asked)


ROUTES = (
    Route(
        "POST",
        "/snapshots",
        create,
        "createSnapshot",
        "5.16.1, 6.36.3.1",
        "Keep what queries find now",
        body="Snapshot",
        answers=(Answer(201, "Being prepared.", headers=("Location",)),),
        errors=(404, 409, 422),
    ),
    Route(
        "DELETE",
        "/snapshots",
        purge,
        "purgeSnapshots",
        "5.16.7, 6.36.3.2",
        "Delete the snapshots that q selects",
        (Q,),
        answers=(Answer(204, "Done."), Answer(207, "What became of each.", "BatchOperationResult")),
        errors=(404, 422),
    ),
    Route(
        "GET",
        "/snapshots/{snapshotId}",
        retrieve,
        "retrieveSnapshot",
        "5.16.3, 6.37.3.1",
        "Retrieve the status of a snapshot",
        answers=(Answer(200, "Its status.", "Snapshot", ("Link",)),),
        errors=(404, 422),
    ),
    Route(
        "PATCH",
        "/snapshots/{snapshotId}",
        update,
        "updateSnapshot",
        "5.16.4, 6.37.3.2",
        "Change how long a snapshot lasts, and who is told",
        body="Snapshot",
        answers=(Answer(200, "Its status.", "Snapshot", ("Link",)),),
        errors=(404, 422),
    ),
    Route(
        "DELETE",
        "/snapshots/{snapshotId}",
        delete,
        "deleteSnapshot",
        "5.16.5, 6.37.3.3",
        "Delete a snapshot",
        answers=(Answer(204, "Done."),),
        errors=(404, 422),
    ),
    Route(
        "POST",
        "/snapshots/{snapshotId}/clone",
        clone,
        "cloneSnapshot",
        "5.16.2, 6.38.3.1",
        "Make a snapshot with the content of another",
        body="Snapshot",
        answers=(Answer(201, "Being prepared.", headers=("Location",)),),
        errors=(404, 409, 422),
    ),
)
