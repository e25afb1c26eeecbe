"""A subscription ready for matching and sending: every name expanded, every text parsed (clause 5.2.12)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from broker.core.jsonld.context import ActiveContext
from broker.core.model.change import Trigger
from broker.core.model.entity import Entity
from broker.core.model.instant import Instant
from broker.core.model.subscription import Endpoint
from broker.core.ql.ast import EntityQuery
from broker.core.ql.evaluate import compile_query
from broker.core.represent import Representation, Version


@dataclass(frozen=True, slots=True, eq=False)
class Subscription:
    """One subscription of one tenant.

    `triggers` has `entityUpdated` already replaced by what it stands for. `watched` is None where every attribute is
    watched. `satisfied` decides entities, q, geoQ and scopeQ. Notifications are written with `context`, in the form
    `representation`; `join` (`flat`, `inline`, or empty) and `join_level` say which linked entities come along;
    `conformance` is the version of the specification that a receiver knows, None for ours.
    `throttling` and `time_interval` are in seconds. `modified_at` tells two states of one subscription apart.

    What concerns other sources: `is_local_only`; `splits`, whether parts of one entity may be at several sources (None:
    the deployment decides); `source_filter` (csf), a predicate on `Registration.described`; `via`, the brokers that the
    subscription itself came through.

    `names` are the attributes that whoever subscribed may know of (None: all).
    """

    id: str
    query: EntityQuery
    satisfied: Callable[[Entity], bool]
    triggers: frozenset[Trigger]
    endpoint: Endpoint
    representation: Representation
    context: ActiveContext
    show_changes: bool = False
    join: str = ""
    join_level: int = 0
    conformance: Version | None = None
    watched: frozenset[str] | None = None
    is_active: bool = True
    expires_at: Instant | None = None
    throttling: float = 0.0
    time_interval: float | None = None
    modified_at: Instant = 0
    is_local_only: bool = False
    splits: bool | None = None
    source_filter: Callable[[Entity], bool] | None = None
    via: str = ""
    whole: Callable[[Entity], bool] | None = None
    names: frozenset[str] | None = None

    def uniting(self, default: bool) -> "Subscription":
        """Itself, or where it splits entities (`default`: where it does not say) one that parts of entities satisfy.

        Its filters are then for the `whole` entity to satisfy, once its parts are put together (clause 5.2.12).
        """
        if self.is_local_only or self.whole is not None or not (default if self.splits is None else self.splits):
            return self
        parts = compile_query(EntityQuery(selectors=self.query.selectors))
        return replace(self, satisfied=parts, whole=self.satisfied)

    def is_sending(self, now: Instant) -> bool:
        """Whether its status is `active`: neither paused nor expired."""
        return self.is_active and (self.expires_at is None or self.expires_at > now)
