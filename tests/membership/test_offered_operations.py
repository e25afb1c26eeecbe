"""Clause 4.20: each operation that is offered is let through for a member, and no other one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from broker.adapters.membership.keys import SecretKeys
from broker.core.federate.invitation import Party
from broker.core.federate.names import OPERATIONS
from broker.core.federate.offer import Offer, write_offer
from broker.http.federation import Joining
from broker.http.gateway import build
from broker.http.guarded import Door
from broker.operations.membership.envelopes import digest_of
from broker.operations.membership.guard import Guard
from broker.operations.membership.ports import Member, Membership
from tests.http.client import PUBLIC_URL, Client, healthy, memory_ports

TOKEN = "ecm_member"
ENTITY = "/entities/urn:ngsi-ld:Event:1"
HISTORY = "/temporal" + ENTITY
SUBSCRIPTION = "/subscriptions/urn:ngsi-ld:Subscription:1"
MAP = "/entityMaps/urn:ngsi-ld:EntityMap:1"
DURING = "?type=Event&timerel=before&timeAt=2030-01-01T00:00:00Z"
REQUESTS: dict[str, list[tuple[str, str]]] = {
    "createEntity": [("POST", "/entities")],
    "updateEntity": [("PATCH", ENTITY + "/attrs")],
    "appendAttrs": [("POST", ENTITY + "/attrs")],
    "updateAttrs": [("PATCH", ENTITY + "/attrs/name")],
    "deleteAttrs": [("DELETE", ENTITY + "/attrs/name")],
    "deleteEntity": [("DELETE", ENTITY)],
    "createBatch": [("POST", "/entityOperations/create")],
    "upsertBatch": [("POST", "/entityOperations/upsert")],
    "updateBatch": [("POST", "/entityOperations/update")],
    "deleteBatch": [("POST", "/entityOperations/delete")],
    "upsertTemporal": [("POST", "/temporal/entities")],
    "appendAttrsTemporal": [("POST", HISTORY + "/attrs")],
    "deleteAttrsTemporal": [("DELETE", HISTORY + "/attrs/name")],
    "updateAttrInstanceTemporal": [("PATCH", HISTORY + "/attrs/name/urn:ngsi-ld:Instance:1-0")],
    "deleteAttrInstanceTemporal": [("DELETE", HISTORY + "/attrs/name/urn:ngsi-ld:Instance:1-0")],
    "deleteTemporal": [("DELETE", HISTORY)],
    "mergeEntity": [("PATCH", ENTITY)],
    "replaceEntity": [("PUT", ENTITY)],
    "replaceAttrs": [("PUT", ENTITY + "/attrs/name")],
    "mergeBatch": [("POST", "/entityOperations/merge")],
    "purgeEntity": [("DELETE", "/entities?type=Event")],
    "retrieveEntity": [("GET", ENTITY)],
    "queryEntity": [("GET", "/entities?type=Event")],
    "queryBatch": [("POST", "/entityOperations/query")],
    "retrieveTemporal": [("GET", HISTORY)],
    "queryTemporal": [("GET", "/temporal/entities" + DURING), ("POST", "/temporal/entityOperations/query")],
    "retrieveEntityTypes": [("GET", "/types")],
    "retrieveEntityTypeDetails": [("GET", "/types?details=true")],
    "retrieveEntityTypeInfo": [("GET", "/types/Event")],
    "retrieveAttrTypes": [("GET", "/attributes")],
    "retrieveAttrTypeDetails": [("GET", "/attributes?details=true")],
    "retrieveAttrTypeInfo": [("GET", "/attributes/name")],
    "createSubscription": [("POST", "/subscriptions")],
    "updateSubscription": [("PATCH", SUBSCRIPTION)],
    "retrieveSubscription": [("GET", SUBSCRIPTION)],
    "querySubscription": [("GET", "/subscriptions")],
    "deleteSubscription": [("DELETE", SUBSCRIPTION)],
    "retrieveEntityMap": [("GET", MAP)],
    "updateEntityMap": [("PATCH", MAP)],
    "deleteEntityMap": [("DELETE", MAP)],
    "createEntityMapQueryEntity": [("GET", "/entityMaps?type=Event"), ("POST", "/entityMaps")],
    "createEntityMapQueryTemporal": [("GET", "/temporal/entityMaps" + DURING), ("POST", "/temporal/entityMaps")],
    "retrieveContextSourceIdentity": [("GET", "/info/sourceIdentity")],
}
ALWAYS = {"retrieveContextSourceIdentity"}
NEVER = (
    ("GET", "/csourceRegistrations?type=Event"),
    ("POST", "/csourceRegistrations"),
    ("DELETE", "/csourceRegistrations/urn:ngsi-ld:ContextSourceRegistration:1"),
    ("GET", "/csourceSubscriptions"),
    ("POST", "/csourceSubscriptions"),
    ("POST", "/snapshots"),
    ("DELETE", "/snapshots"),
    ("GET", "/jsonldContexts"),
    ("POST", "/jsonldContexts"),
)


class OneMember:
    """A store of members with one in it."""

    def __init__(self, member: Member) -> None:
        self.member = member

    async def by_digest(self, digest: str) -> Member | None:
        return self.member if digest == self.member.digest else None

    async def get(self, member_id: str) -> Member | None:
        return self.member if member_id == self.member.id else None


@pytest.fixture
def ask() -> Callable[..., Any]:
    """Ask with the token of a member that is offered these operations: whether its request was let through."""
    party = Party("Brume", "brume", "http://brume.test", "key")
    store = OneMember(Member("id", party, 0, digest=digest_of(TOKEN)))
    ports = memory_ports()
    membership = Membership(ports, SecretKeys(b"k" * 32), store, None, None, "alba", PUBLIC_URL)  # type: ignore[arg-type]
    guard = Guard(membership)
    joining = Joining(membership, guard.forget, Door(guard))
    client = Client(build(ports, health=healthy, public_url=PUBLIC_URL, joining=joining), ports)

    async def ask(operations: frozenset[str], method: str, path: str) -> bool:
        types = ("https://uri.etsi.org/ngsi-ld/default-context/Event",)
        store.member = replace(store.member, given=write_offer(Offer(types, operations)))
        guard.forget()
        body = {} if method in ("POST", "PATCH", "PUT") else None
        answer = await client.call(method, path, body, authorization=f"Bearer {TOKEN}")
        return answer.status != 403 or "does not offer you" not in answer.json["detail"]

    return ask


def test_every_operation_of_the_standard_has_a_request_here() -> None:
    assert REQUESTS.keys() == OPERATIONS


@pytest.mark.parametrize("offered", sorted(OPERATIONS))
async def test_4_20_what_is_offered_is_let_through_and_nothing_else(ask: Callable[..., Any], offered: str) -> None:
    for operation, requests in REQUESTS.items():
        for method, path in requests:
            expected = operation == offered or operation in ALWAYS
            assert await ask(frozenset((offered,)), method, path) is expected, (method, path)


@pytest.mark.parametrize(("method", "path"), NEVER)
async def test_what_is_no_operation_of_4_20_is_never_let_through(
    ask: Callable[..., Any], method: str, path: str
) -> None:
    assert not await ask(OPERATIONS, method, path)
