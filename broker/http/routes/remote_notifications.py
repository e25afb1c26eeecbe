"""Where context sources send notifications of the subscriptions that this broker made there (clause 5.8.6)."""

from broker.core.model.errors import InvalidRequest, ResourceNotFound
from broker.http.message import Request, Response
from broker.http.negotiate import is_json_ld, linked_context, read_json
from broker.http.responses import no_content
from broker.http.route import Answer, Route
from broker.operations.distributed.remote_requests import PATH
from broker.operations.distributed.subscriptions import take_in
from broker.operations.ports import Ports


async def receive(ports: Ports, request: Request) -> Response:
    """A notification. The token in the path says whose it is, whatever tenant the source names."""
    relay = None if ports.federation is None else ports.federation.relay
    if relay is None:
        raise ResourceNotFound("This broker subscribes to nothing elsewhere.")
    is_json_ld(request)
    document = read_json(request)
    if not isinstance(document, dict):
        raise InvalidRequest("The body shall be a JSON object: a Notification (clause 5.3.1).")
    context = await ports.loader.load(document.pop("@context", None) or linked_context(request))
    await take_in(ports, relay, request.path[0], document, context)
    return no_content()


ROUTES = (
    Route(
        "POST",
        PATH + "{token}",
        receive,
        "receiveNotification",
        "5.8.6",
        "Take in what a context source tells",
        answers=(Answer(204, "Taken."),),
        errors=(404,),
        is_described=False,
    ),
)
