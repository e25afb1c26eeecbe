"""The error types of clause 5.5.2, one class each.

Status codes are the business of `broker.http.problems`; a detail tells the client what to do.
"""

from typing import Any, ClassVar

_NAMESPACE = "https://uri.etsi.org/ngsi-ld/errors/"


class NgsiLdError(Exception):
    """An operation refused or failed, as clause 5.5.2 names it."""

    name: ClassVar[str] = "InternalError"
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str = "", **members: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.members = members

    @property
    def type(self) -> str:
        """The IRI that problem details carry as `type`."""
        return _NAMESPACE + self.name


class InternalError(NgsiLdError):
    """Something unexpected went wrong in the broker."""


class InvalidRequest(NgsiLdError):
    """The request itself is malformed: not JSON, a wrong parameter."""

    name = "InvalidRequest"
    title = "Invalid request"


class BadRequestData(NgsiLdError):
    """The request is well-formed, its content is not NGSI-LD."""

    name = "BadRequestData"
    title = "Bad request data"


class AlreadyExists(NgsiLdError):
    """The element to be created is there already."""

    name = "AlreadyExists"
    title = "Already exists"


class OperationNotSupported(NgsiLdError):
    """The operation is not offered here."""

    name = "OperationNotSupported"
    title = "Operation not supported"


class ResourceNotFound(NgsiLdError):
    """The element asked for does not exist."""

    name = "ResourceNotFound"
    title = "Resource not found"


class TooComplexQuery(NgsiLdError):
    """The query exceeds a bound on complexity."""

    name = "TooComplexQuery"
    title = "Query too complex"


class TooManyResults(NgsiLdError):
    """The query would return more than the broker gives in one answer."""

    name = "TooManyResults"
    title = "Too many results"


class LdContextNotAvailable(NgsiLdError):
    """A remote @context could not be had."""

    name = "LdContextNotAvailable"
    title = "JSON-LD @context not available"


class NoMultiTenantSupport(NgsiLdError):
    """The broker has no tenants."""

    name = "NoMultiTenantSupport"
    title = "No multi-tenant support"


class NonexistentTenant(NgsiLdError):
    """The tenant asked for does not exist."""

    name = "NonexistentTenant"
    title = "Tenant does not exist"


class Conflict(NgsiLdError):
    """The request contradicts what is stored."""

    name = "Conflict"
    title = "Conflict"


class AccessDenied(NgsiLdError):
    """Who asks may not: not in clause 5.5.2, which leaves security to others."""

    name = "AccessDenied"
    title = "Access denied"


class Unavailable(NgsiLdError):
    """A part that the broker depends on is away for now; the same request may succeed later."""

    name = "InternalError"
    title = "Temporarily unavailable"


class SourceFailed(NgsiLdError):
    """The context source that alone holds the data refused or failed (clause 6.3.17)."""

    title = "The context source failed"


class SourceTimedOut(NgsiLdError):
    """The context source that alone holds the data did not answer in time (clause 6.3.17)."""

    title = "The context source did not answer"


class LoopDetected(NgsiLdError):
    """The request has passed the source, or this broker, before (clause 6.3.17)."""

    title = "Loop detected"
