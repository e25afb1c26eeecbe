"""Why an agent refuses something. Each detail says what was wrong with it."""


class AgentError(Exception):
    """An agent could not do what was asked."""

    reason = "error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Rejected(AgentError):
    """A message that cannot become a measure."""


class MalformedMessage(Rejected):
    """Not what its topic or network promises."""

    reason = "malformed"


class UnknownDevice(Rejected):
    """Nobody registered the device that sent it."""

    reason = "unknown-device"


class UndecodablePayload(Rejected):
    """The codec refused the payload, failed, or used too much time or memory."""

    reason = "codec"


class UnusableReading(Rejected):
    """The decoded measures give no attribute of the entity."""

    reason = "no-attribute"


class InvalidDescription(AgentError):
    """A device or a device model is described wrongly."""

    reason = "description"


class StoreUnavailable(AgentError):
    """The store of registrations does not answer for now."""

    reason = "store-unavailable"


class BrokerUnavailable(AgentError):
    """The context broker did not take a batch for now; it may later."""

    reason = "broker-unavailable"

    def __init__(self, detail: str, *, answered: bool = False, doubtful: bool = False) -> None:
        super().__init__(detail)
        self.answered = answered
        """It answered with a failure of its own: something in the batch may be the cause."""
        self.doubtful = doubtful
        """It may have stored the batch, or a part of it, and only its answer is missing."""


class SpoolFull(AgentError):
    """There is no room to keep another message; the sender has to keep it for now."""

    reason = "spool-full"


class NoHistory(AgentError):
    """The context broker keeps no history to which anything could be added."""

    reason = "no-history"
