"""The connection to MongoDB, and which database holds which tenant.

Each tenant has a database of its own (ADR 3): `eclor` for the default tenant, `eclor-t-<name>` for others whose
name is lower case, and `eclor-h-<digest>` for the rest, because MongoDB takes names that differ only in case for one.
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


def database_name(tenant: str) -> str:
    """The database of a tenant."""
    if not tenant:
        return MAIN
    if _PLAIN.fullmatch(tenant):
        return f"{MAIN}-t-{tenant}"
    return f"{MAIN}-h-{hashlib.sha256(tenant.encode()).hexdigest()[:32]}"


class Databases:
    """The databases of all tenants on one server."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._by_tenant: dict[str, Database] = {}

    @property
    def main(self) -> Database:
        """What belongs to no tenant: tenants, contexts, broker processes."""
        return self.client[MAIN]

    def __call__(self, tenant: str) -> Database:
        """The database of a tenant; whether it exists is `tenants`' business."""
        database = self._by_tenant.get(tenant)
        if database is None:
            database = self._by_tenant[tenant] = self.client[database_name(tenant)]
        return database

    async def version(self) -> str:
        """The server's version. Raises PyMongoError where it can't be reached."""
        return str((await self.client.admin.command("buildInfo"))["version"])

    async def write_concern(self) -> dict[str, Any]:
        """What an acknowledged write waits for: the journal, and a majority where there are replicas."""
        hello = await self.client.admin.command("hello")
        replicated = "setName" in hello or hello.get("msg") == "isdbgrid"
        return {"w": "majority", "j": True} if replicated else {"w": 1, "j": True}
