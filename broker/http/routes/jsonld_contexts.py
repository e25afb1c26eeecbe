"""@contexts kept by the broker (clauses 6.29, 6.30, 5.13)."""

from broker.http import params
from broker.http.message import Request, Response
from broker.http.negotiate import answer_type, is_json_ld, read_json
from broker.http.parameters import DETAILS, KIND, RELOAD
from broker.http.responses import created, no_content, plain_json
from broker.http.route import Answer, Route
from broker.operations import contexts
from broker.operations.ports import Ports

_PATH = "/jsonldContexts"


async def add(ports: Ports, request: Request) -> Response:
    """5.13.2. The @context stands in the body whatever the media type: here it is the content itself."""
    is_json_ld(request)
    return created(_PATH, await contexts.add_context(ports, read_json(request)))


async def query(ports: Ports, request: Request) -> Response:
    """5.13.3."""
    media_type = answer_type(request)
    parameters = request.parameters
    kind = params.choice(parameters, "kind", contexts.KINDS)
    details = params.flag(parameters, "details")
    found = await contexts.list_contexts(ports, request.public_url, kind=kind, details=details)
    return plain_json(200, found, media_type)


async def serve(ports: Ports, request: Request) -> Response:
    """5.13.4."""
    media_type = answer_type(request)
    details = params.flag(request.parameters, "details")
    document = await contexts.serve_context(ports, request.path[0], request.public_url, details=details)
    return plain_json(200, document, media_type)


async def delete(ports: Ports, request: Request) -> Response:
    """5.13.5."""
    await contexts.delete_context(ports, request.path[0], reload=params.flag(request.parameters, "reload"))
    return no_content()


ROUTES = (
    Route(
        "POST",
        "/jsonldContexts",
        add,
        "addContext",
        "5.13.2, 6.29.3.1",
        "Let the broker host an @context",
        body="LocalContext",
        answers=(Answer(201, "Hosted.", headers=("Location",)),),
    ),
    Route(
        "GET",
        "/jsonldContexts",
        query,
        "listContexts",
        "5.13.3, 6.29.3.2",
        "List the @contexts kept",
        (DETAILS, KIND),
        answers=(Answer(200, "Their URLs, or with details=true what is known of them.", "ContextEntry[]"),),
    ),
    Route(
        "GET",
        "/jsonldContexts/{contextId}",
        serve,
        "serveContext",
        "5.13.4, 6.30.3.1",
        "Serve an @context",
        (DETAILS,),
        answers=(Answer(200, "The @context, or with details=true what is known of it.", "LocalContext"),),
        errors=(404, 422),
    ),
    Route(
        "DELETE",
        "/jsonldContexts/{contextId}",
        delete,
        "deleteContext",
        "5.13.5, 6.30.3.2",
        "Forget an @context, or fetch it anew",
        (RELOAD,),
        answers=(Answer(204, "Done."),),
        errors=(404,),
    ),
)
