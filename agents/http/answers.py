"""Answers of the agents' HTTP API."""

from typing import Any

import orjson
from fastapi import Response


def json_answer(content: Any, status: int = 200) -> Response:
    """An answer in JSON."""
    return Response(orjson.dumps(content), status, media_type="application/json")


def not_found(device_id: str) -> Response:
    """404 for a device that nobody registered."""
    return json_answer({"title": "Unknown device", "detail": f"no device {device_id} is registered"}, 404)
