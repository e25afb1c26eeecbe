"""All who look at what became of uplinks."""

from agents.operations.item import Item
from agents.operations.supervise import Supervision
from agents.operations.trace import Trace


class Observation:
    """Passes each uplink on to the supervision and to the trace."""

    def __init__(self, supervision: Supervision, trace: Trace) -> None:
        self.supervision = supervision
        self.trace = trace

    def observe(self, item: Item) -> None:
        """This one has been stored or rejected."""
        self.supervision.observe(item)
        self.trace.observe(item)
