"""The registrations of all tenants in this process: known in memory, kept in step, counted, removed when expired."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import structlog

from broker.core.federate.index import RegistrationIndex
from broker.core.federate.registration import Registration
from broker.core.model.errors import NgsiLdError, ResourceNotFound
from broker.operations.notify import SubscriptionRecords
from broker.operations.ports import Clock, ContextLoader, TenantStore
from broker.operations.registrations import load_registration
from broker.workers.board import Board
from broker.workers.registration_notifications import RegistrationNotifications
from broker.workers.tallies import Tallies

_log = structlog.get_logger("eclor.registrations")

_UPKEEP = 1.0
"""Seconds between two looks at what other processes did and at what has expired."""

RegistrationBoard: TypeAlias = Board[Registration, RegistrationIndex]


class Registrations:
    """The Registry of a process. `start` before use, `close` after it.

    `is_shared` tells whether other processes change the store, too. `on_change` is told the tenant and the id of each
    registration that this process changed.
    """

    def __init__(
        self,
        *,
        store: SubscriptionRecords,
        tenants: TenantStore,
        loader: ContextLoader,
        clock: Clock,
        notifications: RegistrationNotifications,
        is_shared: Callable[[], bool] = lambda: True,
    ) -> None:
        self._is_shared = is_shared
        self._store = store
        self._tenants = tenants
        self._loader = loader
        self._clock = clock
        self._notifications = notifications
        self._tallies = Tallies(store)
        self._boards: dict[str, RegistrationBoard] = {}
        self._indexes: dict[str, RegistrationIndex] = {}
        self._upkeep: asyncio.Task[None] | None = None
        self._looks: dict[str, asyncio.Task[None]] = {}
        self._looking: dict[str, asyncio.Lock] = {}
        self.on_change: Callable[[str, str], None] | None = None

    async def start(self) -> None:
        """Load all registrations, and keep up with them."""
        for tenant in await self._tenants.all():
            await self.refresh(tenant)
        self._upkeep = asyncio.create_task(self._keep_up())

    async def close(self) -> None:
        """Stop keeping up; counts are written."""
        if self._upkeep is not None:
            self._upkeep.cancel()
        await self._tallies.close()

    def of(self, tenant: str) -> RegistrationIndex | None:
        """The tenant's registrations; None where there is not one."""
        return self._indexes.get(tenant)

    async def refresh(self, tenant: str) -> None:
        """See what other broker processes did to the registrations."""
        try:
            await self._board(tenant).refresh()
        except NgsiLdError as error:
            _log.warning("registrations can't be read", tenant=tenant, reason=error.detail)
        self._note(tenant)

    async def catch_up(self, tenant: str) -> None:
        """As `refresh`, where there are other processes. Requests that come together share a look at the store.

        A look that began before a request came may miss what was answered before it: it waits for the next one.
        """
        if not self._is_shared():
            return
        following = self._looks.get(tenant)
        if following is None:
            if tenant not in self._boards and not await self._tenants.exists(tenant):
                return
            following = self._looks[tenant] = asyncio.create_task(self._look(tenant))
        await asyncio.shield(following)

    async def _look(self, tenant: str) -> None:
        async with self._looking.setdefault(tenant, asyncio.Lock()):
            self._looks.pop(tenant, None)
            await self.refresh(tenant)

    async def changed(
        self, tenant: str, registration_id: str, before: Registration | None, after: Registration | None
    ) -> None:
        """This process stored a new state of a registration; None: it was not there, or it was deleted."""
        board = self._board(tenant)
        if after is None:
            board.remove(registration_id)
        else:
            board.put(after)
        self._note(tenant)
        await self._notifications.tell(tenant, before, after)
        if self.on_change is not None:
            self.on_change(tenant, registration_id)

    def sent(self, tenant: str, registration_id: str) -> None:
        """A request is on its way to the source."""
        self._tallies.of(tenant, registration_id).sent(self._clock.now())

    def answered(self, tenant: str, registration_id: str, *, well: bool) -> None:
        """The source answered as it should, or not."""
        tally = self._tallies.of(tenant, registration_id)
        if well:
            tally.succeeded(self._clock.now())
        else:
            tally.failed(self._clock.now())

    async def counted(self, tenant: str) -> None:
        """Return once the store has what was counted so far."""
        await self._tallies.written(tenant)

    def _board(self, tenant: str) -> RegistrationBoard:
        board = self._boards.get(tenant)
        if board is None:
            load = partial(load_registration, self._loader)
            board = self._boards[tenant] = Board(tenant, self._store, RegistrationIndex(), load)
        return board

    def _note(self, tenant: str) -> None:
        index = self._boards[tenant].index
        if len(index):
            self._indexes[tenant] = index
        else:
            self._indexes.pop(tenant, None)

    async def _keep_up(self) -> None:
        while True:
            await asyncio.sleep(_UPKEEP)
            try:
                for tenant in await self._tenants.all():
                    await self.refresh(tenant)
                    await self._board(tenant).look_again()
                    self._note(tenant)
                    await self._remove_expired(tenant)
            except NgsiLdError as error:
                _log.warning("registrations wait for the database", reason=error.detail)
            except Exception:
                _log.exception("registrations could not be kept up")

    async def _remove_expired(self, tenant: str) -> None:
        index = self._indexes.get(tenant)
        if index is None:
            return
        for registration_id in index.expired(self._clock.now()):
            before = index.get(registration_id)
            try:
                await self._store.delete(tenant, registration_id)
            except ResourceNotFound:
                _log.debug("another process removed the registration", registration=registration_id)
            await self.changed(tenant, registration_id, before, None)
