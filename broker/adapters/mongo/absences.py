"""Ids that this broker has no entity of, so that MongoDB is not asked for them with each query over sources.

What sources send is united with what is stored here under the same id (clause 4.5.5), and mostly nothing is. As long as
no entity came, an id that was looked for in vain need not be looked for again.
"""

import time
from collections.abc import Callable, Iterable, Sequence

MOST = 16_384
"""Ids remembered of a tenant: as many as entities are, about 2 MB."""
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
        self._state: int | None = None
        self._until = 0.0

    def begin(self) -> int | None:
        """The state at which a reading begins."""
        return self._arrivals()

    def uncertain(self, entity_ids: Sequence[str]) -> list[str]:
        """Those that may be stored, in their order."""
        state = self._arrivals()
        if state is None or state != self._state or self._clock() >= self._until:
            return list(entity_ids)
        return [each for each in entity_ids if each not in self._absent]

    def learn(self, entity_ids: Iterable[str], began: int | None) -> None:
        """They were looked for in vain by a reading that began at this state."""
        if began is None or began != self._arrivals():
            return
        now = self._clock()
        if began != self._state or now >= self._until or len(self._absent) >= MOST:
            self._absent, self._state, self._until = set(), began, now + LONGEST
        room = MOST - len(self._absent)
        self._absent.update(each for each, _ in zip(entity_ids, range(room), strict=False))
