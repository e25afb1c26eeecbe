"""Changes of temporal evolutions that are partly or wholly elsewhere (clauses 5.6.11 to 5.6.16, 6.3.17)."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from broker.core.model.errors import ResourceNotFound
from broker.operations.distributed.asking import Inquiry
from broker.operations.distributed.writes import Names, R, Result, Write, write

_ADDING = ("upsertTemporal", "appendAttrsTemporal")


async def write_evolution(inquiry: Inquiry, change: Write, local: Callable[[Names], Awaitable[R]]) -> Result[R]:
    """Divide a change over the sources and this broker, as `write` does.

    What is to be deleted or modified may be at any one of the sources: that others don't know it is no failure.
    """
    result = await write(inquiry, replace(change, evolution=True), local)
    if change.operation in _ADDING or len(result.failed) == len(result.outcomes):
        return result
    told = tuple(each for each in result.outcomes if not isinstance(each.error, ResourceNotFound))
    return replace(result, outcomes=told)
