"""What a member may do here: what it was offered, and nothing else (ADR 14).

Whoever comes with a member's token gets ports that know only what is offered: whatever the operation, it finds nothing
else. What members offer this broker is not passed on to others: they don't reach sources through here.
"""

import time
from dataclasses import dataclass, replace

from broker.core.federate.index import RegistrationIndex
from broker.core.federate.offer import Offer, read_offer
from broker.core.federate.offered import View
from broker.core.federate.registration import Registration
from broker.operations.membership.envelopes import digest_of
from broker.operations.membership.histories import OfferedHistories
from broker.operations.membership.maps import MembersMaps
from broker.operations.membership.offered import OfferedEntities
from broker.operations.membership.ports import TOKEN_PREFIX, Member, Membership
from broker.operations.membership.subscribing import MembersNotifier, MembersSubscriptions
from broker.operations.ports import Ports

REMEMBERED_SECONDS = 2.0
"""For which a token is believed without a look at the store: so long another process may let in who was left."""
_MOST = 1_000
"""Members remembered at once, more than any broker has."""


@dataclass(frozen=True, slots=True)
class Admission:
    """A member at the door: its offer (None: nothing but whether this broker is there), and the ports it gets.

    `histories` are the ports for requests about histories: who may make entity maps for these may perhaps not for
    entities, and the other way round.
    """

    member: Member
    offer: Offer | None
    ports: Ports
    histories: Ports


class Guard:
    """Knows members by their tokens."""

    def __init__(self, membership: Membership) -> None:
        self._membership = membership
        self._known: dict[str, tuple[float, Admission]] = {}

    @staticmethod
    def concerns(token: str) -> bool:
        """Whether it is a token of a member, or was one."""
        return token.startswith(TOKEN_PREFIX)

    def admits_operator(self, token: str) -> bool:
        """Whether it is the operator's token: whoever has it may do everything."""
        return self._membership.keys.admits_operator(token)

    async def admit(self, token: str) -> Admission | None:
        """Who comes with a token, or None: it is not or no more one of a member's."""
        digest, now = digest_of(token), time.monotonic()
        known = self._known.get(digest)
        if known is not None and known[0] > now:
            return known[1]
        self._known.pop(digest, None)
        member = await self._membership.store.by_digest(digest)
        if member is None or member.is_leaving:
            return None
        admission = await self._admission(member)
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[digest] = (now + REMEMBERED_SECONDS, admission)
        return admission

    def forget(self) -> None:
        """A member was changed by this process: look at the store again."""
        self._known.clear()

    async def _admission(self, member: Member) -> Admission:
        ports = self._membership.ports
        alone = None if ports.federation is None else replace(ports.federation, registry=_Alone(), relay=None)
        closed = replace(ports, federation=alone, history=None, entity_maps=None, snapshots=None)
        if member.given is None:
            nothing = replace(closed, entities=OfferedEntities(ports.entities, None))
            return Admission(member, None, nothing, nothing)
        offer = read_offer(member.given, await ports.loader.load(None))
        view = View(offer)
        store = self._membership.store
        subscriptions = MembersSubscriptions(ports.subscriptions, store, ports.loader, member.id, view)
        narrowed = replace(
            closed,
            entities=OfferedEntities(ports.entities, view),
            history=None if ports.history is None else OfferedHistories(ports.history, ports.entities, view),
            subscriptions=subscriptions,
            notifier=MembersNotifier(ports.notifier, subscriptions),
        )
        return Admission(
            member,
            offer,
            self._with_maps(narrowed, member, creates="createEntityMapQueryEntity" in offer.operations),
            self._with_maps(narrowed, member, creates="createEntityMapQueryTemporal" in offer.operations),
        )

    def _with_maps(self, narrowed: Ports, member: Member, *, creates: bool) -> Ports:
        maps = self._membership.ports.entity_maps
        return (
            narrowed if maps is None else replace(narrowed, entity_maps=MembersMaps(maps, member.id, creates=creates))
        )


class _Alone:
    """A registry without registrations: a member is answered by this broker alone."""

    def of(self, tenant: str) -> RegistrationIndex | None:
        """None: there are none."""
        return None

    async def refresh(self, tenant: str) -> None:
        """Nothing to see."""

    async def changed(
        self, tenant: str, registration_id: str, before: Registration | None, after: Registration | None
    ) -> None:
        """Nobody may change registrations so."""
        raise RuntimeError("a member changed a registration")

    async def catch_up(self, tenant: str) -> None:
        """Nothing to catch up with."""

    def sent(self, tenant: str, registration_id: str) -> None:
        """Nothing is sent."""

    def answered(self, tenant: str, registration_id: str, *, well: bool) -> None:
        """Nothing is answered."""

    async def counted(self, tenant: str) -> None:
        """Nothing is counted."""
