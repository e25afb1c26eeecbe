"""What proves a network server that posts here: a token it was told, in a header or in the address."""

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Mapping

from fastapi import Request

from agents.core.tokens import FOR_ALL


def is_loopback(host: str) -> bool:
    """Whether an address to listen on can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class Tokens:
    """The tokens of connections, and whether one is needed at all."""

    def __init__(self, tokens: Mapping[str, str], *, open_without: bool) -> None:
        self._tokens = tokens
        self._open_without = open_without

    def refusal(self, network: str, request: Request) -> str | None:
        """Why a request is not taken; `None` where it is."""
        wanted = [token for name, token in self._tokens.items() if name in (network, FOR_ALL)]
        if not wanted:
            if self._open_without and not self._tokens:
                return None
            return (
                f"no token is set for {network}, and this port can be reached from other machines: "
                f"start the agents with ECLOR_LORAWAN_TOKENS={network}=TOKEN and let the network server send it"
            )
        shown = _shown(request)
        if shown is None:
            return "a token is missing: send it as Authorization: Bearer TOKEN, or as ?token=TOKEN in the address"
        # Every one is compared: how long that takes must not tell which was near.
        fits = [hmac.compare_digest(shown.encode(), token.encode()) for token in wanted]
        return None if any(fits) else f"the token is not the one set for {network}"


def _shown(request: Request) -> str | None:
    authorization = request.headers.get("authorization")
    if authorization:
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() == "basic":
            return _password(value)
        return value.strip() if scheme.lower() == "bearer" else authorization.strip()
    return request.headers.get("x-api-key") or request.query_params.get("token")


def _password(encoded: str) -> str | None:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return None
