"""Bounds on what a client may ask in one query. Each is far above what an application writes by hand."""

from broker.core.model.errors import TooComplexQuery

QUERY_CHARACTERS = 16_384
"""Of any one query text: what fits a URL in practice (RFC 9110 asks servers for at least 8,000 octets)."""

QUERY_TERMS = 256
"""Terms of one `q`, and values in one of its lists: each costs every entity that is looked at."""

QUERY_DEPTH = 16
"""Nested associations or links: bounds the recursion of the parser, the evaluator and MongoDB's own (100 levels)."""

PATH_NAMES = 16
"""Names in one attribute path or one trailing path."""

PATTERN_CHARACTERS = 1_024
"""Of one regular expression."""

PATTERN_STATES = 4_096
"""States of the automaton of one regular expression, which its counted repetitions multiply."""

GEOMETRY_POSITIONS = 10_000
"""Positions of a reference geometry: the outline of a large region has about 5,000."""

SELECTION_ITEMS = 256
"""Types, scopes or names in one selection, projection or ordering."""


def check_length(text: str, what: str, bound: int = QUERY_CHARACTERS) -> None:
    """Raise TooComplexQuery where a text is longer than its bound."""
    if len(text) > bound:
        raise TooComplexQuery(f"{what} has {len(text)} characters; at most {bound} are accepted. Ask in several parts.")


def check_count(count: int, what: str, bound: int) -> None:
    """Raise TooComplexQuery where there are more of something than its bound."""
    if count > bound:
        raise TooComplexQuery(f"{what}: more than {bound}. Ask in several parts.")
