"""The connection to MongoDB, and which database holds which tenant.

Each tenant has a database of its own (ADR 3): `eclor` for the default tenant, `eclor-t-<name>` for others whose
name is lower case, and `eclor-h-<digest>` for the rest, because MongoDB takes names that differ only in case for one.
Brokers that share a server without sharing data have another word than `eclor` each.
"""

import hashlib
import re
from typing import Any, TypeAlias

from pymongo import AsyncMongoClient, WriteConcern
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

Database: TypeAlias = AsyncDatabase[dict[str, Any]]
Client: TypeAlias = AsyncMongoClient[dict[str, Any]]

DatabaseError: TypeAlias = PyMongoError
"""What the driver raises, for those above that may not know the driver."""

MAIN = "eclor"
_PLAIN = re.compile(r"[a-z0-9_]{1,50}")
DURABLE = WriteConcern("majority", j=True)
"""For what is acknowledged to a client: no crash of a server takes it away. A lone server counts as a majority."""
_POOL = 32
"""Connections at most. Group commit needs few; a pool smaller than what runs at once starves callers."""


def connect(url: str) -> Client:
    """A client that finds the server in the background and gives up a command after seconds, not minutes."""
    return AsyncMongoClient(
        url,
        maxPoolSize=_POOL,
        serverSelectionTimeoutMS=3_000,
        connectTimeoutMS=3_000,
        socketTimeoutMS=60_000,
        retryReads=True,
        appname="eclor",
    )


def database_name(tenant: str, main: str = MAIN) -> str:
    """The database of a tenant, `main` being that of the default one."""
    if not tenant:
        return main
    if _PLAIN.fullmatch(tenant):
        return f"{main}-t-{tenant}"
    return f"{main}-h-{hashlib.sha256(tenant.encode()).hexdigest()[:32]}"


class Databases:
    """The databases of all tenants of a broker on one server."""

    def __init__(self, client: Client, main: str = MAIN) -> None:
        self.client = client
        self._main = main
        self._by_tenant: dict[str, Database] = {}

    @property
    def main(self) -> Database:
        """What belongs to no tenant: tenants, contexts, broker processes."""
        return self.client[self._main]

    def __call__(self, tenant: str) -> Database:
        """The database of a tenant; whether it exists is `tenants`' business."""
        database = self._by_tenant.get(tenant)
        if database is None:
            database = self._by_tenant[tenant] = self.client[self.name_of(tenant)]
        return database

    def name_of(self, tenant: str) -> str:
        """The name of a tenant's database."""
        return database_name(tenant, self._main)

    async def version(self) -> str:
        """The server's version. Raises PyMongoError where it can't be reached."""
        return str((await self.client.admin.command("buildInfo"))["version"])

    async def write_concern(self) -> dict[str, Any]:
        """What an acknowledged write waits for: the journal, and a majority where there are replicas."""
        hello = await self.client.admin.command("hello")
        replicated = "setName" in hello or hello.get("msg") == "isdbgrid"
        return {"w": "majority", "j": True} if replicated else {"w": 1, "j": True}
