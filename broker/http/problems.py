"""Errors on the wire (clauses 6.3.2, 6.3.3, 5.5.3): the only place that knows which status an error has."""

import traceback
from typing import Any

import orjson
import structlog

from broker.core.model.errors import (
    AccessDenied,
    AlreadyExists,
    BadRequestData,
    Conflict,
    InternalError,
    InvalidRequest,
    LdContextNotAvailable,
    LoopDetected,
    NgsiLdError,
    NoMultiTenantSupport,
    NonexistentTenant,
    OperationNotSupported,
    ResourceNotFound,
    SourceFailed,
    SourceTimedOut,
    TooComplexQuery,
    TooManyResults,
    Unavailable,
)
from broker.http.message import CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, Header, Response

STATUS: dict[type[NgsiLdError], int] = {
    AccessDenied: 403,
    AlreadyExists: 409,
    BadRequestData: 400,
    Conflict: 409,
    InternalError: 500,
    InvalidRequest: 400,
    LdContextNotAvailable: 504,
    LoopDetected: 508,
    NoMultiTenantSupport: 501,
    NonexistentTenant: 404,
    OperationNotSupported: 422,
    ResourceNotFound: 404,
    SourceFailed: 502,
    SourceTimedOut: 504,
    TooComplexQuery: 403,
    TooManyResults: 403,
    Unavailable: 503,
}
"""Table 6.3.2-1 and clause 6.3.17; AccessDenied, Conflict and Unavailable, which they do not list, as HTTP has them."""

_log = structlog.get_logger("broker.http")


class Refusal(Exception):
    """A refusal that HTTP itself defines (405, 406, 411, 413, 415), apart from the errors of the API.

    `error` is what the body says; None: the standard wants it empty (clause 6.3.4).
    """

    def __init__(self, status: int, error: NgsiLdError | None = None, headers: tuple[Header, ...] = ()) -> None:
        super().__init__(status)
        self.status = status
        self.error = error
        self.headers = headers


def status_of(error: NgsiLdError) -> int:
    """The HTTP status of an error, by its nearest class in the table."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return 500


def problem_details(error: NgsiLdError, status: int | None = None) -> dict[str, Any]:
    """The members of RFC 7807 that stand for an error, here or inside the result of a batch."""
    details: dict[str, Any] = {
        "type": error.type,
        "title": error.title,
        "detail": error.detail or error.title,
        "status": status if status is not None else status_of(error),
    }
    details.update(error.members)
    return details


def problem(error: NgsiLdError, status: int | None = None) -> Response:
    """The response to a request that failed; always application/json (clause 5.5.3)."""
    details = problem_details(error, status)
    body = orjson.dumps(details, default=str)
    headers: list[Header] = [(CONTENT_TYPE, b"application/json"), (CONTENT_LENGTH, b"%d" % len(body))]
    if details["status"] == 503:
        headers.append((RETRY_AFTER, b"1"))
    return Response(details["status"], headers, body)


def respond_to(error: Exception, method: str, path: str) -> Response:
    """Turn whatever a handler raised into a response, and say it in the log.

    The log has the path but not the query nor the body: those may hold what is nobody's business.
    """
    if isinstance(error, Refusal):
        return _refuse(error)
    if not isinstance(error, NgsiLdError):
        _log.error("request failed", method=method, path=path, error=repr(error)[:500], at=_place(error))
        return problem(InternalError("The broker failed on this request; its log tells more."))
    response = problem(error)
    if response.status >= 500:
        _log.error("request failed", method=method, path=path, status=response.status, error=error.detail[:500])
    else:
        _log.info("request refused", method=method, path=path, status=response.status, error=error.detail[:500])
    return response


def _refuse(refusal: Refusal) -> Response:
    if refusal.error is None:
        response = Response(refusal.status, [(CONTENT_LENGTH, b"0")])
    else:
        response = problem(refusal.error, refusal.status)
    response.headers.extend(refusal.headers)
    return response


def _place(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    return [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames]
