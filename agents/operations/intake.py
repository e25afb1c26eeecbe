"""From the senders into the spool: a message is acknowledged when it is durable, and not before."""

import asyncio
from collections.abc import Sequence

from agents.core.errors import SpoolFull
from agents.operations.backlog import Backlog
from agents.operations.backoff import Backoff
from agents.operations.ports import Delivery, Source
from agents.operations.tally import Tally

_TAKEN = 1_000


class Intake:
    """Takes messages in from every side."""

    def __init__(self, backlog: Backlog, tally: Tally) -> None:
        self._backlog = backlog
        self._tally = tally

    async def accept(self, deliveries: Sequence[Delivery]) -> None:
        """Take messages in; when it returns they will be stored, or listed as rejected.

        Raises:
            SpoolFull: None was taken; the sender keeps them and tries again.
        """
        repeated = await self._backlog.add(deliveries)
        self._tally.count("messages", len(deliveries))
        self._tally.count("repeated", repeated)

    async def run(self, source: Source) -> None:
        """Take in what a source brings, until cancelled.

        While the spool is full nothing is taken from the source: what the MQTT broker wants acknowledged waits there.
        """
        while True:
            deliveries = await source.take(_TAKEN)
            backoff = Backoff()
            while True:
                try:
                    await self.accept(deliveries)
                    break
                except SpoolFull:
                    self._tally.count("spool_full")
                    await asyncio.sleep(backoff.next())
            source.acknowledge(deliveries)
