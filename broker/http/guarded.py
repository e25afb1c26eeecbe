"""Who may use the API: a member with its token what it was offered, the operator everything, others as configured.

A request without a token is answered as the broker is configured: to whoever reaches it, unless `open_to` names the
networks that need no token. A request that bears a token of a member is never answered as if it had none.
"""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, TypeAlias

from broker.core.model.errors import AccessDenied
from broker.http.message import Header, HeaderName, Request, headers_of
from broker.http.params import flag
from broker.http.problems import Refusal
from broker.http.router import Target
from broker.operations.membership.guard import Admission, Guard
from broker.operations.ports import Ports

Network: TypeAlias = IPv4Network | IPv6Network

_ALWAYS = frozenset(("retrieveContextSourceIdentity",))
_OPERATIONS: dict[str, str] = {
    "queryEntities": "queryEntity",
    "queryEntitiesByPost": "queryBatch",
    "purgeEntities": "purgeEntity",
    "appendAttributes": "appendAttrs",
    "updateAttributes": "updateEntity",
    "partialUpdateAttribute": "updateAttrs",
    "replaceAttribute": "replaceAttrs",
    "deleteAttribute": "deleteAttrs",
    "retrieveAttributes": "retrieveAttrTypes",
    "retrieveAttributeInfo": "retrieveAttrTypeInfo",
    "createEntityMap": "createEntityMapQueryEntity",
    "createEntityMapByPost": "createEntityMapQueryEntity",
    "querySubscriptions": "querySubscription",
    "queryTemporalByPost": "queryTemporal",
    "deleteAttrTemporal": "deleteAttrsTemporal",
    "createTemporalEntityMap": "createEntityMapQueryTemporal",
    "createTemporalEntityMapByPost": "createEntityMapQueryTemporal",
}
"""Route to operation of clause 4.20; others are called as they are there."""
_DETAILED = {"retrieveEntityTypes": "retrieveEntityTypeDetails", "retrieveAttributes": "retrieveAttrTypeDetails"}
"""The same where details are asked for."""
_ABOUT_HISTORIES = frozenset(
    (
        "retrieveTemporal",
        "queryTemporal",
        "queryTemporalByPost",
        "createTemporalEntityMap",
        "createTemporalEntityMapByPost",
    )
)

_CHALLENGE: Header = (HeaderName(b"WWW-Authenticate"), b'Bearer realm="ECLOR"')
_FOR_ALL = frozenset(("serveContext", "receiveNotification"))
"""Contexts are public, and notifications of sources come with a token in their path."""
_PATHS_FOR_ALL = (b"/federation/", b"/ngsi-ld/ex/v1/version")
_STATE = frozenset((b"/health", b"/version"))
_FORWARDED = (b"forwarded", b"x-forwarded-for")


class Door:
    """Lets requests in. `open_to` None: whoever has no token is let in from anywhere. `guard` None: no members."""

    def __init__(self, guard: Guard | None = None, open_to: Sequence[Network] | None = None) -> None:
        self._guard = guard
        self._open_to = open_to

    @property
    def is_open(self) -> bool:
        """Whether requests without a token are answered wherever they come from."""
        return self._open_to is None

    def check_route(self, scope: Mapping[str, Any], headers: Mapping[bytes, bytes], route: str) -> None:
        """Refuse a request to the API without a token from where one is needed. Raises Refusal (401)."""
        if route not in _FOR_ALL and not self._is_open_to(scope, headers) and not self._is_admitted(headers):
            raise _refused("This broker asks for the token of a federation member.")

    def check_path(self, scope: Mapping[str, Any], path: bytes) -> None:
        """The same for what is beside the API, which is not for members: only the operator's token opens it."""
        if path.startswith(_PATHS_FOR_ALL) or path in _STATE:
            return
        headers = headers_of(scope)
        token = _bearer(headers)
        operator = self._guard is not None and bool(token) and self._guard.admits_operator(token)
        if not operator and not self._is_open_to(scope, headers):
            raise _refused("This is open to the broker's own networks and its operator alone.")

    async def enter(self, ports: Ports, target: Target, request: Request) -> Ports:
        """The ports for a request that bears a token. Raises Refusal (401), AccessDenied.

        Tokens that are not of members mean nothing here: they may be for a proxy, or for context sources.
        """
        token = _bearer(request.headers)
        if not Guard.concerns(token):
            return ports
        admission = None if self._guard is None else await self._guard.admit(token)
        if admission is None:
            raise _refused("This token is not, or no longer, that of a federation member.")
        _require_offered(admission, target.name, request)
        return admission.histories if target.name in _ABOUT_HISTORIES else admission.ports

    def _is_open_to(self, scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> bool:
        """What came over a proxy says so, and counts as coming from far away."""
        client = scope.get("client")
        if not client or any(name in headers for name in _FORWARDED):
            return False
        address = ip_address(client[0])
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self._open_to or ())

    def _is_admitted(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether it bears the operator's token or one of the form of members', which `enter` looks at."""
        token = _bearer(headers)
        return self._guard is not None and (self._guard.concerns(token) or self._guard.admits_operator(token))


def _bearer(headers: Mapping[bytes, bytes]) -> str:
    scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _require_offered(admission: Admission, route: str, request: Request) -> None:
    if route in _ALWAYS:
        return
    offer = admission.offer
    if offer is None:
        raise AccessDenied("This broker offers you nothing; you offer it something.")
    operation = _OPERATIONS.get(route, route)
    if route in _DETAILED and flag(request.parameters, "details"):
        operation = _DETAILED[route]
    if operation not in offer.operations:
        raise AccessDenied(
            f"This broker does not offer you {operation}; it offers {', '.join(sorted(offer.operations))}."
        )
    if request.tenant != offer.tenant:
        raise AccessDenied(f"This broker offers you nothing in the tenant {request.tenant or '(default)'}.")


def _refused(detail: str) -> Refusal:
    return Refusal(401, AccessDenied(detail), (_CHALLENGE,))
