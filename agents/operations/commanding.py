"""What messages of devices mean beside what is stored: results of commands, values of lazy attributes, the last one."""

from agents.operations.commands import Commands
from agents.operations.courier import DeviceCourier
from agents.operations.item import Item, Observer
from agents.operations.last_measures import LastMeasures
from agents.operations.lazy_reading import LazyReading
from agents.operations.questions import Questions


class Commanding:
    """Looks at every message before the next observer does."""

    def __init__(
        self,
        commands: Commands,
        courier: DeviceCourier,
        questions: Questions,
        lazy: LazyReading,
        last: LastMeasures,
        then: Observer,
    ) -> None:
        self._commands = commands
        self._courier = courier
        self._questions = questions
        self._lazy = lazy
        self._last = last
        self._then = then

    def observe(self, item: Item) -> None:
        """A message has been stored or rejected."""
        device, uplink = item.device, item.uplink
        if uplink.route:
            self._courier.routed(device, uplink.route)
        if uplink.kind == "results":
            self._commands.results(device, uplink.decoded or {})
            self._lazy.heard(device, uplink.decoded or {}, item.time)
        elif uplink.kind == "configuration":
            self._questions.ask(device, uplink)
        elif uplink.kind == "network" and uplink.decoded and "delivery" in uplink.decoded:
            told = uplink.decoded
            self._commands.settled(told.get("downlinks", ()), told["delivery"], told.get("detail", ""))
        elif uplink.kind == "measures":
            self._lazy.heard(device, item.measures or {}, item.time)
            self._last.heard(device, item.measures or {}, item.time)
        if device.commands:
            self._commands.heard(device)
        self._then.observe(item)
