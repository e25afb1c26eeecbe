"""Purges that sources have a part in: what the client is told (clauses 5.6.21, 6.4.3.3)."""

from typing import Any

from broker.core.federate.index import RegistrationIndex
from broker.core.jsonld.context import ActiveContext
from broker.core.model.entity_map import EntityMap
from broker.http.distribution import inquiry_for
from broker.http.message import Request
from broker.http.problems import problem_details
from broker.operations.distributed.purges import Purge, purge_elsewhere
from broker.operations.ports import Ports

_WHICHEVER = "urn:ngsi-ld:Entity:*"
"""Stands for the entities of a source, which only the source knows: an error has to name one (Table 5.2.17-1)."""


async def purge_distributed(
    ports: Ports,
    request: Request,
    index: RegistrationIndex,
    context: ActiveContext,
    purge: Purge,
    entity_map: EntityMap | None,
) -> list[dict[str, Any]]:
    """Have sources purge, too, with a map what it lists for them; the errors of those that did not."""
    inquiry = await inquiry_for(ports, request, index, context)
    errors = await purge_elsewhere(inquiry, purge, entity_map)
    return [
        {"entityId": _WHICHEVER, "error": problem_details(error), "registrationId": registration_id}
        for registration_id, error in errors
    ]
