"""The JSON object that a request to what is beside NGSI-LD carries."""

from typing import Any

import orjson
from starlette.requests import Request

from broker.core.model.errors import InvalidRequest


async def read_object(request: Request, largest: int) -> dict[str, Any]:
    """The body of a request, of `largest` bytes at most. Raises InvalidRequest."""
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > largest:
            raise InvalidRequest(f"The body has more than {largest} bytes.")
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise InvalidRequest("The body has to be a JSON object.")
    return found
