"""A subscription ready for matching and sending: every name expanded, every text parsed (clause 5.2.12)."""

from collections.abc import Callable
from dataclasses import dataclass

from broker.core.jsonld.context import ActiveContext
from broker.core.model.change import Trigger
from broker.core.model.entity import Entity
from broker.core.model.instant import Instant
from broker.core.model.subscription import Endpoint, Format
from broker.core.ql.ast import EntityQuery


@dataclass(frozen=True, slots=True)
class NotificationParams:
    """What a notification holds and where it goes (clause 5.2.14).

    `pick`: the only entity members to be sent, or None for all; attributes as IRIs beside `id`, `type`, `scope`.
    `omit`: entity members that are left out.
    """

    endpoint: Endpoint
    format: Format = "normalized"
    pick: frozenset[str] | None = None
    omit: frozenset[str] = frozenset()
    sys_attrs: bool = False
    show_changes: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Subscription:
    """One subscription of one tenant.

    `triggers` has `entityUpdated` already replaced by what it stands for. `watched` is None where every attribute is
    watched. `satisfied` decides entities, q, geoQ and scopeQ. `context` is the one that notifications are written
    with. `throttling` and `time_interval` are in seconds. `modified_at` tells two states of one subscription apart.
    """

    id: str
    query: EntityQuery
    satisfied: Callable[[Entity], bool]
    triggers: frozenset[Trigger]
    notification: NotificationParams
    context: ActiveContext
    watched: frozenset[str] | None = None
    dataset_ids: frozenset[str] | None = None
    lang: str | None = None
    is_active: bool = True
    expires_at: Instant | None = None
    throttling: float = 0.0
    time_interval: float | None = None
    modified_at: Instant = 0

    def is_sending(self, now: Instant) -> bool:
        """Whether its status is `active`: neither paused nor expired."""
        return self.is_active and (self.expires_at is None or self.expires_at > now)
