"""Subscriptions at other sources (clause 5.8.1.4): collection `remoteSubscriptions` of the default tenant's database.

All tenants share it, because a notification that comes in names no more than its token. `{_id, tenant, subscription,
registration, remoteId, token, digest, wanted: {...}, isWanted, sent, isAttempted, failures, due, claimedUntil}`; what
holds clients' names is kept as JSON text, with `sealing` encrypted, since it holds what goes to sources as headers. So
is the token, which is found by its `digest`: it goes to the source again whenever the endpoint does.
"""

import hashlib
from typing import Any

import orjson

from broker.adapters.mongo.client import DURABLE, Databases
from broker.adapters.mongo.errors import translated
from broker.adapters.mongo.sealing import Sealing, seal_value, unseal_value
from broker.core.model.instant import Instant
from broker.operations.distributed.subscriptions import RemoteSubscription

_Document = dict[str, Any]
_SECRET = ("registration", "desired")


class MongoRemoteSubscriptions:
    """RemoteStore."""

    def __init__(self, databases: Databases, sealing: Sealing | None = None) -> None:
        self._sealing = sealing
        self._collection = databases.main.get_collection("remoteSubscriptions", write_concern=DURABLE)
        self._is_indexed = False

    async def put(self, remote: RemoteSubscription) -> None:
        """Store a new one, or what is wanted of the one with its key."""
        wanted = {
            "tenant": remote.tenant,
            "subscription": remote.subscription,
            "registration": remote.registration["id"],
            "wanted": self._sealed(_wanted(remote), remote.key),
            "isWanted": remote.is_wanted,
            "failures": 0,
            "due": remote.due,
        }
        first = {
            "remoteId": remote.remote_id,
            "token": seal_value(remote.token, self._sealing, remote.key),
            "digest": _digest(remote.token),
            "sent": None,
            "isAttempted": False,
        }
        with translated():
            await self._ensure_indexes()
            change = {"$set": wanted, "$setOnInsert": first}
            await self._collection.update_one({"_id": remote.key}, change, upsert=True)

    async def get(self, key: str) -> RemoteSubscription | None:
        """One, or None."""
        return await self._one({"_id": key})

    async def by_token(self, token: str) -> RemoteSubscription | None:
        """The one that the source sends to by this token, or None."""
        # Before there were digests, tokens were kept as they are.
        return await self._one({"$or": [{"digest": _digest(token)}, {"token": token, "digest": None}]})

    async def of_subscription(self, tenant: str, subscription_id: str) -> list[RemoteSubscription]:
        """Those of one subscription here."""
        return await self._many({"tenant": tenant, "subscription": subscription_id})

    async def subscribers_of(self, tenant: str, registration_id: str) -> list[str]:
        """The subscriptions here for which the source of a registration was subscribed to."""
        query = {"tenant": tenant, "registration": registration_id}
        with translated():
            return list(await self._collection.distinct("subscription", query))

    async def of_tenant(self, tenant: str) -> list[RemoteSubscription]:
        """Those of one tenant."""
        return await self._many({"tenant": tenant})

    async def tenants(self) -> list[str]:
        """The tenants that have some."""
        with translated():
            return list(await self._collection.distinct("tenant"))

    async def claim(self, key: str, now: Instant, until: Instant) -> RemoteSubscription | None:
        """The one of that key for this process alone, until then; None where another has it or it is gone.

        From then on it counts as attempted; what comes back tells how it was before.
        """
        free = {"_id": key, "$or": [{"claimedUntil": None}, {"claimedUntil": {"$lte": now}}]}
        with translated():
            mine = {"$set": {"claimedUntil": until, "isAttempted": True}}
            document = await self._collection.find_one_and_update(free, mine)
        return None if document is None else self._to_remote(document)

    async def settle(self, remote: RemoteSubscription, was: RemoteSubscription) -> None:
        """Give back a claimed one with what was done; `due` only where what is wanted is still as it `was`."""
        done: _Document = {
            "remoteId": remote.remote_id,
            "sent": None if remote.sent is None else seal_value(_text(remote.sent), self._sealing, remote.key),
            "isAttempted": remote.is_attempted,
            "claimedUntil": None,
        }
        with translated():
            stored = await self._collection.find_one({"_id": remote.key}, {"wanted": 1})
            if stored is not None and self._opened(stored["wanted"], remote.key) == _wanted(was):
                # One text has many ciphertexts: what was read is what has to be there still.
                still = {"_id": remote.key, "wanted": stored["wanted"], "isWanted": was.is_wanted}
                times = {"failures": remote.failures, "due": remote.due}
                result = await self._collection.update_one(still, {"$set": {**done, **times}})
                if result.matched_count:
                    return
            await self._collection.update_one({"_id": remote.key}, {"$set": done})

    async def remove(self, key: str) -> bool:
        """Forget a claimed one, unless it is wanted again meanwhile; whether it is gone."""
        with translated():
            result = await self._collection.delete_one({"_id": key, "isWanted": False})
        return bool(result.deleted_count)

    async def due(self, now: Instant, limit: int) -> list[str]:
        """Keys of those of which something is due and that nobody has claimed."""
        wanted = {"due": {"$lte": now}, "$or": [{"claimedUntil": None}, {"claimedUntil": {"$lte": now}}]}
        with translated():
            found = await self._collection.find(wanted, {"_id": 1}).sort("due", 1).limit(limit).to_list()
        return [document["_id"] for document in found]

    async def _one(self, query: _Document) -> RemoteSubscription | None:
        with translated():
            document = await self._collection.find_one(query)
        return None if document is None else self._to_remote(document)

    async def _many(self, query: _Document) -> list[RemoteSubscription]:
        with translated():
            return [self._to_remote(document) async for document in self._collection.find(query)]

    def _sealed(self, wanted: _Document, key: str) -> _Document:
        return {**wanted, **{name: seal_value(wanted[name], self._sealing, key) for name in _SECRET}}

    def _opened(self, wanted: _Document, key: str) -> _Document:
        return {**wanted, **{name: unseal_value(wanted[name], self._sealing, key) for name in _SECRET}}

    def _to_remote(self, document: _Document) -> RemoteSubscription:
        key, sent = document["_id"], document["sent"]
        wanted = self._opened(document["wanted"], key)
        return RemoteSubscription(
            key=key,
            tenant=document["tenant"],
            subscription=document["subscription"],
            registration=orjson.loads(wanted["registration"]),
            remote_id=document["remoteId"],
            token=unseal_value(document["token"], self._sealing, key),
            desired=orjson.loads(wanted["desired"]),
            context=orjson.loads(wanted["context"]),
            filters_here=wanted["filtersHere"],
            made_of=wanted["madeOf"],
            is_wanted=document["isWanted"],
            is_attempted=document["isAttempted"],
            sent=None if sent is None else orjson.loads(unseal_value(sent, self._sealing, key)),
            failures=document["failures"],
            due=document["due"],
        )

    async def _ensure_indexes(self) -> None:
        if not self._is_indexed:
            await self._collection.create_index("token")
            await self._collection.create_index("digest")
            await self._collection.create_index("due", sparse=True)
            await self._collection.create_index([("tenant", 1), ("subscription", 1)])
            await self._collection.create_index([("tenant", 1), ("registration", 1)])
            self._is_indexed = True


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _text(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _wanted(remote: RemoteSubscription) -> _Document:
    return {
        "registration": _text(remote.registration),
        "desired": _text(remote.desired),
        "context": _text(remote.context),
        "filtersHere": remote.filters_here,
        "madeOf": remote.made_of,
    }
