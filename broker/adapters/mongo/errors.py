"""From the driver's failures to the errors of the core."""

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import (
    AutoReconnect,
    ConnectionFailure,
    ExecutionTimeout,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    WaitQueueTimeoutError,
)

from broker.core.model.errors import InternalError, NgsiLdError, TooComplexQuery, Unavailable

TRANSIENT = (AutoReconnect, ConnectionFailure, NetworkTimeout, NotPrimaryError, WaitQueueTimeoutError)
"""Failures after which the same command may succeed: the server is away, restarting, or changing its primary."""

_TRANSIENT_CODES = frozenset({6, 7, 89, 91, 112, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436})
"""Codes of the server (shutting down, stepping down, write conflict) that say the same."""


def is_transient(error: Exception) -> bool:
    """Whether trying again later can help."""
    return isinstance(error, (*TRANSIENT, Unavailable)) or (
        isinstance(error, OperationFailure) and error.code in _TRANSIENT_CODES
    )


def translate(error: PyMongoError | Unavailable) -> NgsiLdError:
    """The error that a client is told."""
    if isinstance(error, ExecutionTimeout):
        return TooComplexQuery("The query took longer than the broker allows; narrow it by type, id or area.")
    if is_transient(error):
        return Unavailable("The database can't be reached at the moment; try again in a few seconds.")
    return InternalError(f"The database refused the operation: {type(error).__name__}.")


@contextmanager
def translated() -> Iterator[None]:
    """What the driver raises within becomes the error that a client is told."""
    try:
        yield
    except PyMongoError as error:
        raise translate(error) from error
