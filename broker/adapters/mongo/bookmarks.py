"""Where a page ended, so that the next one begins there instead of counting through all before it.

The standard pages by `offset` (clause 6.3.10), and MongoDB reaches an offset by walking over everything in front of it:
two microseconds an entity. As long as nothing happened that could move an entity into or out of a query, or within its
order, a page that begins where an earlier one ended begins behind that one's last id.
"""

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from typing import TypeAlias

from broker.core.ql.ast import EntityQuery

Epochs: TypeAlias = Callable[[], tuple[int, int] | None]
"""How often entities came, went or changed their types, scopes or expiry, and how often anything changed, as
`Committer` counts both. None while other processes write, too."""

MOST = 4_096
"""Bookmarks of a tenant, about 300 bytes each: clients that go through pages at the same time."""


class Bookmarks:
    """One tenant's bookmarks, in this process."""

    def __init__(self, epochs: Epochs) -> None:
        self._epochs = epochs
        self._ends: OrderedDict[bytes, tuple[int, str]] = OrderedDict()

    def epoch(self, query: EntityQuery) -> int | None:
        """At which state the answer to a query is read now. None where others may change it."""
        epochs = self._epochs()
        if epochs is None:
            return None
        return epochs[0] if is_by_identity(query) else epochs[1]

    def before(self, query: EntityQuery, offset: int) -> str | None:
        """The id in front of the offset, where it is known for certain."""
        known = self._ends.get(key_of(query, offset)) if self._ends else None
        if known is None or known[0] != self.epoch(query):
            return None
        return known[1]

    def put(self, query: EntityQuery, offset: int, last: str, began: int | None) -> None:
        """A page that ended in front of `offset` with the id `last` was read; `began`: the epoch in front of it."""
        if began is None or began != self.epoch(query):
            return
        key = key_of(query, offset)
        self._ends[key] = (began, last)
        self._ends.move_to_end(key)
        if len(self._ends) > MOST:
            self._ends.popitem(last=False)


def is_by_identity(query: EntityQuery) -> bool:
    """Whether ids, types and scopes alone decide what a query finds."""
    return query.q is None and query.geo is None and not query.attributes


def key_of(query: EntityQuery, offset: int = 0) -> bytes:
    """A digest of a query from this offset on, because a query may be as long as its client likes."""
    return blake2b(f"{offset} {query!r}".encode(), digest_size=16).digest()
