"""A notification on its way to its endpoint, the same for every binding (clauses 6.3.8, 7.2)."""

from dataclasses import dataclass

from broker.core.model.snapshot import named_by


@dataclass(frozen=True, slots=True)
class Message:
    """`body` is JSON. `link` is the value of the Link header, where the @context is told outside of the body.

    `info` holds what the subscriber wants to be told with each notification (`receiverInfo`), in the given spelling.
    `tenant` is that of the subscription, empty for the default one (clause 6.3.14).
    """

    content_type: str
    body: bytes
    link: str | None = None
    info: tuple[tuple[str, str], ...] = ()
    tenant: str = ""

    @property
    def origin(self) -> list[tuple[str, str]]:
        """What tells the receiver which tenant and which snapshot the message is about (clauses 6.3.14, 6.3.22)."""
        tenant, snapshot = named_by(self.tenant)
        named = (("NGSILD-Tenant", tenant), ("NGSILD-Snapshot", snapshot))
        return [(name, value) for name, value in named if value]
