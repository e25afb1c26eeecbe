"""What the operations need from outside. Adapters implement these; `broker.app` puts them together.

Every method names its tenant first (`""` is the default tenant). Adapters translate their failures into the errors of
`broker.core.model.errors` and never guess.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from broker.core.jsonld.context import ActiveContext
from broker.core.model.change import Change
from broker.core.model.entity import Entity, Instance
from broker.core.model.entity_map import EntityMap
from broker.core.model.errors import NgsiLdError
from broker.core.model.instant import Instant
from broker.core.ql.ast import EntityQuery, EntitySelector, PageRequest
from broker.core.subscribe.subscription import Subscription
from broker.core.temporal.aggregate import Period
from broker.core.temporal.evolution import Demand, Evolution
from broker.core.temporal.policy import Policy

if TYPE_CHECKING:
    from broker.operations.federation import Federation
    from broker.operations.snapshot_ports import Snapshots

Mutation: TypeAlias = Callable[[Entity | None], Change]
"""From the entity as it stands (`None`: absent) to the change wanted. Pure, may run again on a newer state, raises a
typed error to refuse."""


@dataclass(frozen=True, slots=True)
class EntityWrite:
    """One write to one entity. `creates` promises that the entity is most likely absent, which saves reading it."""

    entity_id: str
    mutation: Mutation
    creates: bool = False


@dataclass(frozen=True, slots=True)
class EntityPage:
    """A page of a query's results; `total` where a count was asked for; `more` where another page follows."""

    entities: list[Entity]
    total: int | None = None
    more: bool = False


class EntityStore(Protocol):
    """Current entities. A write that returned is durable, and its notifications are kept until delivered."""

    async def write(self, tenant: str, write: EntityWrite) -> Change:
        """Commit one write. Raises what the mutation raised."""

    async def write_many(self, tenant: str, writes: Sequence[EntityWrite]) -> list[Change | NgsiLdError]:
        """Commit many writes, each on its own: what one raised stands in its place. Same id twice: in order."""

    async def get(self, tenant: str, entity_id: str) -> Entity | None:
        """The entity, or None."""

    async def get_many(self, tenant: str, entity_ids: Sequence[str]) -> dict[str, Entity]:
        """Those that exist, by id."""

    async def find(self, tenant: str, query: EntityQuery, page: PageRequest) -> EntityPage:
        """The page of entities that satisfy the query, as `broker.core.ql.evaluate` defines satisfying."""

    async def expired(self, tenant: str, limit: int) -> list[str]:
        """Ids of at most `limit` entities of which something past its time (clause 4.22) is still stored."""

    async def count_types(self, tenant: str) -> dict[str, dict[str, set[str]]]:
        """Type IRI to attribute IRI to the attribute kinds in use (clauses 5.7.5 to 5.7.10)."""

    def forget(self, tenant: str) -> None:
        """Let go of what is remembered of a tenant that was removed."""


class TemporalStore(Protocol):
    """Histories of entities (clause 4.5.6). `EntityStore` records changes in it, this port does the rest."""

    async def about(self, tenant: str, entity_id: str) -> Evolution | None:
        """What is known of an entity that has a history, without its series."""

    async def recall(self, tenant: str, entity_id: str, demand: Demand) -> Evolution | None:
        """The same with its series, at least as far as the demand asks for them."""

    async def candidates(
        self, tenant: str, selectors: Sequence[EntitySelector], after: str | None, limit: int, *, descending: bool
    ) -> list[Evolution]:
        """Entities that may have a history, by id, beginning behind the id `after`; patterns are not looked at."""

    async def load(self, tenant: str, evolutions: Sequence[Evolution], demand: Demand) -> None:
        """Fill in the series, at least as far as the demand asks for them."""

    async def add(self, tenant: str, entity: Entity, at: Instant) -> bool:
        """Add instances, replacing those of the same attribute, dataset and `observedAt`; whether all of it is new."""

    async def replace_instance(
        self, tenant: str, entity_id: str, iri: str, key: tuple[Instant, int], instance: Instance
    ) -> bool:
        """Put an instance in the place of that key; its `createdAt` stays. Whether there was one."""

    async def delete_instance(self, tenant: str, entity_id: str, iri: str, key: tuple[Instant, int]) -> bool:
        """Remove the instance of that key; whether there was one."""

    async def delete_attribute(
        self, tenant: str, entity_id: str, iri: str, dataset_id: str | None, *, every: bool
    ) -> bool:
        """Remove the instances of one dataset (None: the default one), or `every` one; whether there were any."""

    async def delete_entity(self, tenant: str, entity_id: str) -> bool:
        """Remove the whole history; whether there was one."""

    async def compact(self, tenant: str, now: Instant) -> int:
        """Pack what was recorded some time ago; how many records that were."""

    async def retain(self, tenant: str, policy: Policy[Period | None], now: Instant) -> int:
        """Remove what was recorded longer ago than the policy keeps it; how many parts that concerned."""


class TenantStore(Protocol):
    """Which tenants exist (clause 4.14)."""

    async def exists(self, tenant: str) -> bool:
        """Whether anything was ever created under it. The default tenant always exists."""

    async def ensure(self, tenant: str) -> None:
        """Create the tenant with its indexes if need be; idempotent under concurrent calls."""

    async def all(self) -> list[str]:
        """Every tenant, the default one first."""

    async def remove(self, tenant: str) -> None:
        """Remove a tenant with everything in it; nothing where it is not there. Never the default one."""


class SubscriptionStore(Protocol):
    """Subscriptions as documents (clause 5.2.12, expanded by `broker.core.model.subscription`)."""

    async def create(self, tenant: str, subscription: Mapping[str, Any]) -> None:
        """Store a new one; AlreadyExists if its id is taken."""

    async def replace(self, tenant: str, subscription: Mapping[str, Any], since: Instant | None = None) -> bool:
        """Store a new state; ResourceNotFound if it is gone.

        With `since` only if that is still its `modifiedAt`: whether it was.
        """

    async def delete(self, tenant: str, subscription_id: str) -> None:
        """Remove; ResourceNotFound if it is not there."""

    async def get(self, tenant: str, subscription_id: str) -> dict[str, Any] | None:
        """One, or None."""

    async def page(
        self, tenant: str, limit: int, offset: int, *, member: str | None = None
    ) -> tuple[list[dict[str, Any]], int]:
        """A page in order of creation, and how many there are; with `member`, of those of that federation member."""

    async def stamp(self, tenant: str) -> int:
        """A number that grows with every create, replace and delete, whichever process did it."""


class ContextStore(Protocol):
    """Contexts kept by the broker (clause 5.13), shared by all tenants."""

    async def put(self, entry: Mapping[str, Any]) -> None:
        """Store or replace an entry by its `_id`."""

    async def get(self, context_id: str) -> dict[str, Any] | None:
        """An entry by its local identifier or URL."""

    async def delete(self, context_id: str) -> bool:
        """Remove; whether it was there."""

    async def all(self) -> list[dict[str, Any]]:
        """All entries."""

    async def use(self, context_id: str, hits: int, at: Instant) -> None:
        """Add to an entry's `hits` and set its `lastUsage`; nothing where it is gone."""


class ContextLoader(Protocol):
    """From what a request names as its @context to an active context, loaded once and cached."""

    async def load(self, context: Any, *, counts: bool = True) -> ActiveContext:
        """`context` is a URL, an object, a list of those, or None for the core context alone.

        `counts`: whether it is one of the uses that a stored context's `numberOfHits` counts (clause 5.13.4).

        Raises LdContextNotAvailable or BadRequestData.
        """

    def is_bundled(self, url: str) -> bool:
        """Whether the broker brings that context with it, so that it is neither fetched nor deleted."""

    async def reload(self, url: str) -> None:
        """Download a cached context anew and put it in the place of the old one. Raises LdContextNotAvailable."""

    async def flush(self) -> None:
        """Write the hits counted so far to the store."""

    def forget(self) -> None:
        """Drop what was built, after an entry of the store was removed or replaced."""


class Clock(Protocol):
    """The present."""

    def now(self) -> Instant:
        """Microseconds since 1970 UTC, never earlier than an answer before."""


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A committed change that at least one subscription asked for, kept in the database until all have it."""

    key: str
    tenant: str
    change: Change
    subscriptions: tuple[str, ...]


class Notifier(Protocol):
    """What the commit path asks of the notification side. `match` and `dispatch` never block and never raise."""

    def match(self, tenant: str, changes: Sequence[Change]) -> list[tuple[str, ...]]:
        """For each change, the ids of the subscriptions that it concerns (in memory, indexed)."""

    async def refresh(self, tenant: str) -> bool:
        """See what other broker processes did to the subscriptions; whether anything differed."""

    def dispatch(self, entries: Sequence[OutboxEntry]) -> None:
        """Take over entries that are durably in the outbox, and see that they are delivered."""

    def subscribed(self, tenant: str, subscription: Subscription) -> None:
        """A subscription was created or updated by this process: the next `match` knows it."""

    def unsubscribed(self, tenant: str, subscription_id: str) -> None:
        """A subscription was deleted by this process: nothing more is matched or sent for it."""

    async def counted(self, tenant: str) -> None:
        """Return once the store of subscriptions has all counts of notifications so far of this process."""


class Outbox(Protocol):
    """Changes not yet delivered to everyone who asked (at least once, over any crash)."""

    def settle(self, key: str, subscription_id: str) -> None:
        """Delivered to that subscription, or given up: written back soon, in groups."""

    async def pending(self, tenant: str, subscription_id: str, limit: int) -> list[OutboxEntry]:
        """The oldest entries of this process still open for that subscription, in order of commit.

        Only those that it has when it is asked: what is added or adopted meanwhile comes with the next call.
        """

    def adopt_abandoned(self) -> AsyncIterator[list[OutboxEntry]]:
        """Take over all entries of processes that are gone, in order of commit in each tenant, part by part.

        What is missing when it raises comes first with the next call.
        """


class EntityMapStore(Protocol):
    """Entity maps (clause 5.14) until some time after they expire."""

    async def create(self, tenant: str, entity_map: EntityMap) -> None:
        """Keep a new one; the oldest may have to make room."""

    async def get(self, tenant: str, map_id: str) -> EntityMap | None:
        """One, or None; it may have expired."""

    async def set_expiry(self, tenant: str, map_id: str, expires_at: Instant) -> bool:
        """Give it another end; whether it is there."""

    async def drop(self, tenant: str, map_id: str, entity_ids: Sequence[str]) -> None:
        """Take entities out of it; nothing where it is gone."""

    async def link(self, tenant: str, map_id: str, linked: Mapping[str, str]) -> None:
        """Give it other linked maps; nothing where it is gone."""

    async def delete(self, tenant: str, map_id: str) -> bool:
        """Remove it; whether it was there."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything the operations reach the world through, passed as their first argument.

    `temporal_page`: how many instances of one attribute go into one answer about histories (clause 6.3.10).
    `max_batch`: how many entities one batch may create; other batches cost twice as much and take half as many.
    """

    entities: EntityStore
    tenants: TenantStore
    subscriptions: SubscriptionStore
    contexts: ContextStore
    loader: ContextLoader
    clock: Clock
    notifier: Notifier
    history: TemporalStore | None = None
    temporal_page: int = 1_000
    federation: "Federation | None" = None
    entity_maps: EntityMapStore | None = None
    snapshots: "Snapshots | None" = None
    max_batch: int = 10_000
