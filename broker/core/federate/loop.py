"""Which sources a request has passed already: the Via header (clauses 4.3.6.4, 6.3.18; RFC 9110, section 7.6.3)."""

from broker.core.federate.registration import Registration

_LONGEST = 100
"""Brokers that a request is followed through; a longer way is a loop of brokers that don't tell their aliases."""


def read_via(header: str | None) -> tuple[str, ...]:
    """The pseudonyms in a Via header, in order. What is no element of one is passed over."""
    if not header:
        return ()
    elements = [element.split() for element in header.split(",")]
    return tuple(words[1] for words in elements if len(words) > 1)


def write_via(header: str | None, alias: str) -> str:
    """The Via header of a request that goes on: what came in, and this broker's alias."""
    return f"{header}, 1.1 {alias}" if header else f"1.1 {alias}"


def is_loop(registration: Registration, via: tuple[str, ...], alias: str) -> bool:
    """Whether a request that came by `via` to the broker `alias` would run in circles if it went to the source."""
    return bool(via) and (alias in via or registration.alias in via or len(via) >= _LONGEST)
