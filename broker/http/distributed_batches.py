"""Batches that sources have a part in: what the client is told (clauses 5.2.16, 5.2.17, 6.14 to 6.17, 6.31)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from broker.core.federate.index import RegistrationIndex
from broker.core.model.entity import Entity
from broker.core.model.errors import NgsiLdError
from broker.http.distribution import inquiry_for
from broker.http.message import Request, Response
from broker.http.problems import problem_details
from broker.http.responses import no_content, plain_json
from broker.operations.distributed.batches import Batch, Item, write_batch
from broker.operations.ports import Ports
from broker.operations.results import BatchResult


async def distribute_batch(
    ports: Ports,
    request: Request,
    index: RegistrationIndex,
    batch: Batch,
    items: Sequence[Item],
    failures: Sequence[tuple[str, NgsiLdError]],
    local: Callable[[list[Entity]], Awaitable[BatchResult]],
    *,
    created: bool = False,
) -> Response:
    """Divide a batch over sources and this broker, whose part `local` does; 201, 204, or 207 with what became of each.

    `failures` are elements that were no entities; with `created` success is always 201.
    """
    inquiry = await inquiry_for(ports, request, index, items[0].context)
    result = await write_batch(inquiry, batch, items, local)
    errors = [_error(entity_id, error, None) for entity_id, error in failures]
    errors += [_error(*each) for each in result.errors]
    if errors:
        return plain_json(207, {"success": list(result.succeeded), "errors": errors})
    if created:
        return plain_json(201, list(result.succeeded))
    return plain_json(201, list(result.created)) if result.created else no_content()


def forwarded(request: Request) -> tuple[tuple[str, str], ...]:
    """The parameters of a request that go along with it."""
    return tuple((name, value) for name, value in request.parameters.items() if name != "local")


def _error(entity_id: str, error: NgsiLdError | dict[str, Any], registration_id: str | None) -> dict[str, Any]:
    where = {} if registration_id is None else {"registrationId": registration_id}
    told = error if isinstance(error, dict) else problem_details(error)
    return {"entityId": entity_id, "error": told, **where}
