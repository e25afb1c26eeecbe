"""Requests to the running broker in the name of its operator: whoever can read the broker's secret."""

import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from broker.adapters.membership.keys import FILE, VARIABLE, SecretError, SecretKeys, given_secret, kept_secret

_TIMEOUT = 30.0
"""Seconds: the broker itself waits ten for another one."""
_LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))


class RefusedError(Exception):
    """What was asked was not done; the text says why and what to do."""


class Operator:
    """Asks the broker at `broker_url` with the token out of the secret in `data_dir`, or in the environment."""

    def __init__(self, broker_url: str, data_dir: Path) -> None:
        self._url = broker_url.rstrip("/")
        parts = urlsplit(self._url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise RefusedError(
                f"{broker_url}: the operator's token goes over https:// or stays on this machine. Run this beside the "
                "broker, with --broker-url http://127.0.0.1:PORT."
            )
        self._token = _token(data_dir)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON that the broker answers, None where it answers nothing. Raises RefusedError."""
        request = urllib.request.Request(self._url + path, method=method)  # noqa: S310  (the scheme is checked above)
        request.add_header("Authorization", f"Bearer {self._token}")
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, content, _TIMEOUT) as answer:  # noqa: S310  (as above)
                text = answer.read()
        except urllib.error.HTTPError as refused:
            raise RefusedError(_detail(refused)) from None
        except (OSError, ValueError) as problem:
            raise RefusedError(f"no broker answers at {self._url} ({problem}); start it, or see --broker-url") from None
        return json.loads(text) if text else None


def _token(data_dir: Path) -> str:
    given = os.environ.get(VARIABLE)
    try:
        if given:
            return SecretKeys(given_secret(given)).operator_token
        if not (data_dir / FILE).exists():
            raise RefusedError(
                f"{data_dir} has no {FILE}: the broker makes it there when it starts. Name the data directory of the "
                f"running broker with --data-dir, or give its {VARIABLE}."
            )
        return SecretKeys(kept_secret(data_dir, make=False)).operator_token
    except SecretError as error:
        raise RefusedError(str(error)) from None


def _detail(refused: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(refused)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the broker answered {refused.code}: it may be an earlier version of ECLOR, or something else"
