"""Who this broker is (clause 6.33)."""

from broker.http.message import Request, Response
from broker.http.negotiate import answer_type, context_of
from broker.http.responses import with_context
from broker.http.route import Answer, Route
from broker.operations.identity import source_identity
from broker.operations.ports import Ports


async def retrieve(ports: Ports, request: Request) -> Response:
    """5.15.1."""
    media_type, context = answer_type(request), await context_of(ports, request)
    return with_context(request, context, await source_identity(ports, request.tenant), media_type)


ROUTES = (
    Route(
        "GET",
        "/info/sourceIdentity",
        retrieve,
        "retrieveContextSourceIdentity",
        "5.15.1, 6.33.3.1",
        "Tell who this broker is",
        answers=(Answer(200, "The identity of this broker.", "ContextSourceIdentity", ("Link",)),),
        errors=(404,),
    ),
)
