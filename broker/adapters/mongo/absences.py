"""What this broker has no entity of, so that MongoDB is not asked for it with each query over sources.

What sources send is united with what is stored here (clause 4.5.5), and mostly nothing is: of the types asked for, or
under the ids found. As long as no entity came, what was looked for in vain need not be looked for again.
"""

import time
from collections.abc import Callable, Iterable, Sequence

from broker.adapters.mongo.bookmarks import is_by_identity, key_of
from broker.core.ql.ast import EntityQuery

MOST = 16_384
"""Ids remembered of a tenant, and queries: as many as entities are, about 2 MB each."""
LONGEST = 30.0
"""Seconds for which they are: a write of unknown outcome may still arrive when nobody waits for it any more."""


class Absences:
    """One tenant's, in this process.

    `arrivals` tells how often entities came or went; None while a group is under way, or other processes write, too.
    `clock` tells seconds that never go back.
    """

    def __init__(self, arrivals: Callable[[], int | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._arrivals = arrivals
        self._clock = clock
        self._absent: set[str] = set()
        self._empty: set[bytes] = set()
        self._state: int | None = None
        self._until = 0.0

    def begin(self) -> int | None:
        """The state at which a reading begins."""
        return self._arrivals()

    def uncertain(self, entity_ids: Sequence[str]) -> list[str]:
        """Those that may be stored, in their order."""
        if not self._absent or not self._holds():
            return list(entity_ids)
        return [each for each in entity_ids if each not in self._absent]

    def learn(self, entity_ids: Iterable[str], began: int | None) -> None:
        """They were looked for in vain by a reading that began at this state."""
        if self._may_learn(began):
            room = MOST - len(self._absent)
            self._absent.update(each for each, _ in zip(entity_ids, range(room), strict=False))

    def is_empty(self, query: EntityQuery) -> bool:
        """Whether the query is known to find nothing."""
        return bool(self._empty) and self._holds() and key_of(query) in self._empty

    def learn_empty(self, query: EntityQuery, began: int | None) -> None:
        """The query found nothing, by a reading that began at this state. One that values decide is not remembered."""
        if is_by_identity(query) and self._may_learn(began):
            self._empty.add(key_of(query))

    def _holds(self) -> bool:
        state = self._arrivals()
        return state is not None and state == self._state and self._clock() < self._until

    def _may_learn(self, began: int | None) -> bool:
        """Whether nothing came since; makes room, and forgets what holds no more."""
        if began is None or began != self._arrivals():
            return False
        now = self._clock()
        is_full = len(self._absent) >= MOST or len(self._empty) >= MOST
        if began != self._state or now >= self._until or is_full:
            self._absent, self._empty = set(), set()
            self._state, self._until = began, now + LONGEST
        return True
