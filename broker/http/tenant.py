"""The tenant of a request (clauses 4.14, 6.3.14)."""

from collections.abc import Mapping

from broker.core.model.errors import InvalidRequest

_MAX_LENGTH = 200  # a header line has room, a log line stays readable
_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:@~+")


def tenant_of(headers: Mapping[bytes, bytes]) -> str:
    """The tenant that the request names in `NGSILD-Tenant`, else in `Fiware-Service`; `""` is the default tenant.

    Names are taken as they are, letter case included.
    Raises InvalidRequest where the name has characters that no store could keep.
    """
    value = headers.get(b"ngsild-tenant") or headers.get(b"fiware-service")
    if not value:
        return ""
    name = value.decode("latin-1").strip()
    if len(name) > _MAX_LENGTH or not _ALLOWED.issuperset(name):
        raise InvalidRequest(
            f"The tenant in NGSILD-Tenant has 1 to {_MAX_LENGTH} letters, digits or characters of '_-.:@~+'."
        )
    return name
