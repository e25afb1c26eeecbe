"""Requests to the running broker in the name of its operator: whoever can read the broker's secret."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from broker.adapters.membership.keys import FILE, VARIABLE, SecretError, SecretKeys, given_secret, kept_secret
from broker.console.ask import RefusedError, ask
from broker.operations.membership.envelopes import LOOPBACK

_TIMEOUT = 30.0
"""Seconds: the broker itself waits ten for another one."""


class Operator:
    """Asks the broker at `broker_url` with the operator's `token`. Raises RefusedError where it would be overheard."""

    def __init__(self, broker_url: str, token: str) -> None:
        parts = urlsplit(broker_url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise RefusedError(
                f"{broker_url}: the operator's token goes over https:// or stays on this machine. Run this beside the "
                "broker, with --broker-url http://127.0.0.1:PORT."
            )
        self._url = broker_url
        self._token = token

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON that the broker answers, None where it answers nothing. Raises RefusedError."""
        return ask(self._url, path, method, body, token=self._token, timeout=_TIMEOUT)


def operator_token(named: Path | None, usual: Path) -> str:
    """The token out of the secret in the data directory that was `named`, else in the environment, else in the `usual`
    data directory. Raises RefusedError.
    """
    given = os.environ.get(VARIABLE)
    if not given or (named is not None and (named / FILE).exists()):
        return kept_token(named or usual)
    try:
        return SecretKeys(given_secret(given)).operator_token
    except SecretError as error:
        raise RefusedError(str(error)) from None


def kept_token(data_dir: Path) -> str:
    """The token out of the secret that a broker keeps in its data directory. Raises RefusedError."""
    if not (data_dir / FILE).exists():
        raise RefusedError(
            f"{data_dir} has no {FILE}: the broker makes it there when it starts. Name the data directory of the "
            f"running broker with --data-dir, or give its {VARIABLE}."
        )
    try:
        return SecretKeys(kept_secret(data_dir, make=False)).operator_token
    except SecretError as error:
        raise RefusedError(str(error)) from None
