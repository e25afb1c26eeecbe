"""One question to a running broker, for all commands that have one."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

_TIMEOUT = 10.0


class RefusedError(Exception):
    """What was asked was not done; the text says why, and what to do."""


def ask(
    broker_url: str,
    target: str,
    method: str = "GET",
    body: Mapping[str, Any] | Sequence[Any] | None = None,
    *,
    tenant: str = "",
    token: str = "",
    timeout: float = _TIMEOUT,
) -> Any:
    """The JSON of the broker's answer (None: an empty one); `timeout` in seconds. Raises RefusedError."""
    headers = {"Content-Type": "application/json"} | ({"NGSILD-Tenant": tenant} if tenant else {})
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    octets = None if body is None else json.dumps(body).encode()
    url = broker_url.rstrip("/") + target
    if not url.startswith(("http://", "https://")):
        raise RefusedError(f"{broker_url!r} is no URL of a broker, such as http://127.0.0.1:1026.")
    request = urllib.request.Request(url, octets, headers, method=method)  # noqa: S310 (the scheme is checked)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310 (as above)
            content = answer.read()
    except urllib.error.HTTPError as error:
        raise RefusedError(_reason(error)) from None
    except (OSError, ValueError) as error:
        raise RefusedError(
            f"No broker answers at {broker_url} ({error}). Start it with `eclor run`, or name it with --broker-url."
        ) from None
    return json.loads(content) if content else None


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        problem = json.loads(error.read())
        return str(problem.get("detail") or problem["title"])
    except (ValueError, KeyError, AttributeError, OSError):
        return f"The broker answered {error.code} {error.reason}: it may be another version, or no ECLOR."
