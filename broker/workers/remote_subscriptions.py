"""Subscriptions at context sources, kept in step with those here and with registrations (clauses 5.8.1.4 to 5.8.5).

What sources shall have is worked out from subscriptions and registrations and stored; what is stored is carried out,
and tried again until it is. So neither a crash nor a source that is away leaves anything behind.
"""

import asyncio
from dataclasses import replace

import structlog

from broker.core.federate.passing import concerned, wanted_of
from broker.core.federate.registration import Registration
from broker.core.model.errors import NgsiLdError
from broker.core.model.instant import Instant
from broker.operations.distributed.subscriptions import RemoteSubscription
from broker.workers.remote_copies import Surroundings, wanted_remotes

_log = structlog.get_logger("eclor.remote")

_AT_ONCE = 16
"""Requests to sources at the same time: a sixteenth of the forwarder's connections."""
_LOOK = 1.0
"""Seconds between two looks at what is due."""
_DUE_AT_ONCE = 100
"""Taken up in one look; the others a second later."""
_REPAIR = 3_600.0
"""Seconds between two comparisons of everything, the first at the start: they find what a process left undone that died
between storing a subscription or registration and working out what follows from it."""
_CLAIMED = 150_000_000
"""Microseconds for which one process has a remote subscription to itself: two requests of the longest timeout."""
_FIRST_DELAY, _LONGEST_DELAY = 2.0, 300.0
"""Seconds after which a source that failed is told again, twice as many each time."""
_MOST_FAREWELLS = 20
"""Attempts to end a subscription at a source, over an hour; after that, what it still sends is refused with 404."""
_YIELD_EVERY = 50
"""Subscriptions held against a registration before others have their turn."""
_SECOND = 1_000_000


class RemoteSubscriptionsWorker:
    """RemoteSubscriptions of a process. `start` before use, `close` after it."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._with = surroundings
        self._changed: dict[tuple[str, str], None] = {}
        self._registered: dict[tuple[str, str], None] = {}
        self._wake = asyncio.Event()
        self._permits = asyncio.Semaphore(_AT_ONCE)
        self._acting: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._loops: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to keep up."""
        self._loops = [asyncio.create_task(each) for each in (self._follow(), self._look(), self._repair())]

    async def close(self) -> None:
        """Stop; what is not carried out is stored."""
        tasks = [*self._loops, *self._acting.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def subscription_changed(self, tenant: str, subscription_id: str) -> None:
        """A subscription was created, updated or deleted by this process."""
        self._changed[tenant, subscription_id] = None
        self._wake.set()

    def registration_changed(self, tenant: str, registration_id: str) -> None:
        """A registration was created, updated or deleted by this process."""
        self._registered[tenant, registration_id] = None
        self._wake.set()

    async def _follow(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._changed or self._registered:
                await self._follow_one()

    async def _follow_one(self) -> None:
        queue = self._changed or self._registered
        key = next(iter(queue))
        del queue[key]
        try:
            if queue is self._changed:
                await self._settle(*key)
            else:
                await self._settle_registration(*key)
        except NgsiLdError as error:
            # The database is away: the comparison of everything makes up for it.
            _log.warning("a subscription is passed on later", tenant=key[0], id=key[1], reason=error.detail)
            await asyncio.sleep(_LOOK)
            queue[key] = None
        except Exception:
            _log.exception("a subscription can't be passed on", tenant=key[0], id=key[1])

    async def _settle_registration(self, tenant: str, registration_id: str) -> None:
        around = self._with
        await around.registry.refresh(tenant)
        index = around.registry.of(tenant)
        registration = None if index is None else index.get(registration_id)
        concerns = dict.fromkeys(await around.store.subscribers_of(tenant, registration_id))
        if registration is not None:
            alias, now = around.alias_of(tenant), around.clock.now()
            for number, subscription in enumerate(around.about(tenant, _types(registration))):
                if not number % _YIELD_EVERY:
                    await asyncio.sleep(0)
                if concerned(registration, subscription, wanted_of(subscription), alias, now):
                    concerns[subscription.id] = None
        for subscription_id in concerns:
            await self._settle(tenant, subscription_id)

    async def _settle(self, tenant: str, subscription_id: str) -> None:
        """Store what sources shall have of one subscription, and have it carried out."""
        around = self._with
        subscription = await around.find(tenant, subscription_id)
        there = {each.key: each for each in await around.store.of_subscription(tenant, subscription_id)}
        if subscription is not None:
            await around.registry.refresh(tenant)
        wanted = await wanted_remotes(around, tenant, subscription, there) if subscription is not None else {}
        now = around.clock.now()
        for key, remote in wanted.items():
            if remote is not there.get(key):
                await around.store.put(replace(remote, due=now))
                self._act_soon(key)
        for key, remote in there.items():
            if key not in wanted and remote.is_wanted:
                await around.store.put(replace(remote, is_wanted=False, due=now))
                self._act_soon(key)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK)
            try:
                for key in await self._with.store.due(self._with.clock.now(), _DUE_AT_ONCE):
                    self._act_soon(key)
            except NgsiLdError as error:
                _log.warning("subscriptions at sources wait for the database", reason=error.detail)

    async def _repair(self) -> None:
        while True:
            try:
                await self._compare_all()
            except NgsiLdError as error:
                _log.warning("subscriptions at sources wait for the database", reason=error.detail)
            except Exception:
                _log.exception("subscriptions at sources could not be compared")
            await asyncio.sleep(_REPAIR)

    async def _compare_all(self) -> None:
        around = self._with
        for tenant in {*await around.tenants.all(), *await around.store.tenants()}:
            for each in await around.store.of_tenant(tenant):
                if each.is_wanted:
                    self._changed[tenant, each.subscription] = None
            index = around.registry.of(tenant)
            for registration in index or ():
                self._registered[tenant, registration.id] = None
        self._wake.set()

    def _act_soon(self, key: str) -> None:
        if key in self._acting:
            self._again.add(key)
            return
        task = self._acting[key] = asyncio.create_task(self._act(key))
        task.add_done_callback(lambda _: self._ended(key))

    def _ended(self, key: str) -> None:
        self._acting.pop(key, None)
        if key in self._again:
            self._again.discard(key)
            self._act_soon(key)

    async def _act(self, key: str) -> None:
        around = self._with
        async with self._permits:
            try:
                now = around.clock.now()
                remote = await around.store.claim(key, now, now + _CLAIMED)
                if remote is None:
                    return
                done = await self._carried_out(remote)
                if not done.is_wanted and done.due is None and await around.store.remove(key):
                    return
                await around.store.settle(done, remote)
            except NgsiLdError as error:
                _log.warning("a source is told later", reason=error.detail)
            except Exception:
                _log.exception("a source can't be told")

    async def _carried_out(self, remote: RemoteSubscription) -> RemoteSubscription:
        """What came of telling the source; `due` again where it failed."""
        around = self._with
        if remote.is_wanted:
            subscription = await around.find(remote.tenant, remote.subscription)
            done, problem = await around.requests.establish(remote, subscription.via if subscription else "")
        else:
            done, problem = await around.requests.end(remote)
        if problem is None:
            return replace(done, failures=0, due=None)
        failures = remote.failures + 1
        _log.warning(
            "a source was not told",
            tenant=remote.tenant,
            subscription=remote.subscription,
            registration=remote.registration["id"],
            reason=problem,
        )
        if not remote.is_wanted and failures >= _MOST_FAREWELLS:
            return replace(done, failures=failures, due=None)
        return replace(done, failures=failures, due=around.clock.now() + _delay(failures))


def _types(registration: Registration) -> set[str] | None:
    """The types of the entities that are registered; None for any."""
    if not all(information.entities for information in registration.information):
        return None
    return {name for information in registration.information for info in information.entities for name in info.types}


def _delay(failures: int) -> Instant:
    return int(min(_FIRST_DELAY * 2.0 ** min(failures - 1, 16), _LONGEST_DELAY) * _SECOND)
