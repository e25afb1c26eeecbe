"""Whom the broker trusts when it connects to others over TLS."""

import ssl
from pathlib import Path


class UntrustedFileError(Exception):
    """The file of certificate authorities can't be used; the message says why."""


def trusting(authorities: Path | None) -> ssl.SSLContext | None:
    """A context that trusts the authorities in a PEM file besides those of the system; None where no file is given.

    Raises UntrustedFileError.
    """
    if authorities is None:
        return None
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(authorities)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UntrustedFileError(f"{authorities}: {reason}; it has to hold certificates in PEM form.") from None
    return context
