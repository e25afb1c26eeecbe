"""GET /deliveries: what operators are told of notifications that failed."""

from broker.core.model.errors import ResourceNotFound
from tests.http.client import memory_client


async def test_failed_deliveries_are_answered_for_the_tenant_and_the_subscription_asked_for():
    asked = []

    async def deliveries(tenant, subscription):
        asked.append((tenant, subscription))
        return [{"subscription": subscription, "waiting": 3}]

    client = memory_client(deliveries=deliveries)
    answer = await client.get("//deliveries?subscription=urn:s:1", **{"NGSILD-Tenant": "city"})
    assert (answer.status, answer.json) == (200, [{"subscription": "urn:s:1", "waiting": 3}])
    await client.get("//deliveries")
    assert asked == [("city", "urn:s:1"), ("", None)]


async def test_what_is_not_there_is_a_problem_with_its_status():
    async def deliveries(_tenant, _subscription):
        raise ResourceNotFound("There is none.")

    answer = await memory_client(deliveries=deliveries).get("//deliveries?subscription=urn:s:1")
    assert answer.status == 404
    assert answer.json["detail"] == "There is none."
