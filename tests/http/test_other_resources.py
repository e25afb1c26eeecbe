"""Clauses 6.10, 6.11 and 6.25 to 6.30."""

from tests.http.client import CORE_LINK, LD, PUBLIC_URL, Client
from tests.http.samples import SENSOR, sensor

SUBSCRIPTION = {
    "id": "urn:ngsi-ld:Subscription:1",
    "type": "Subscription",
    "entities": [{"type": "Sensor"}],
    "notification": {"endpoint": {"uri": "http://127.0.0.1:8085/notify"}},
}


async def test_6_25_types_by_name_and_in_detail(client: Client) -> None:
    await client.post("/entities", sensor())
    listed = await client.get("/types")
    assert (listed.json["type"], listed.json["typeList"]) == ("EntityTypeList", ["Sensor"])
    assert listed.headers["link"] == CORE_LINK
    [details] = (await client.get("/types?details=true", Accept=LD)).json
    assert (details["typeName"], details["attributeNames"]) == ("Sensor", ["temperature"])
    assert details["id"] == "https://uri.etsi.org/ngsi-ld/default-context/Sensor"
    assert "@context" in details


async def test_6_26_one_type_by_short_or_full_name(client: Client) -> None:
    await client.post("/entities", sensor())
    short = (await client.get("/types/Sensor")).json
    full = (await client.get("/types/https:%2F%2Furi.etsi.org%2Fngsi-ld%2Fdefault-context%2FSensor")).json
    assert short == full
    assert (await client.get("/types/https://uri.etsi.org/ngsi-ld/default-context/Sensor/")).json == full
    assert (short["type"], short["entityCount"]) == ("EntityTypeInfo", 1)
    assert short["attributeDetails"][0]["attributeTypes"] == ["Property"]
    assert (await client.get("/types/Lamp")).status == 404


async def test_6_27_6_28_attributes(client: Client) -> None:
    await client.post("/entities", sensor())
    assert (await client.get("/attributes")).json["attributeList"] == ["temperature"]
    [details] = (await client.get("/attributes?details=true")).json
    assert (details["attributeName"], details["typeNames"]) == ("temperature", ["Sensor"])
    one = (await client.get("/attributes/temperature")).json
    assert (one["attributeCount"], one["attributeTypes"], one["typeNames"]) == (1, ["Property"], ["Sensor"])
    assert (await client.get("/attributes/humidity")).status == 404


async def test_6_10_6_11_a_subscription_lives_and_dies(client: Client) -> None:
    created = await client.post("/subscriptions", SUBSCRIPTION)
    assert created.status == 201
    path = created.headers["location"].removeprefix("/ngsi-ld/v1")
    shown = await client.get(path)
    assert shown.json["entities"] == [{"type": "Sensor"}]
    assert "createdAt" not in shown.json
    assert "createdAt" in (await client.get(f"{path}?options=sysAttrs")).json
    assert (await client.post("/subscriptions", SUBSCRIPTION)).status == 409
    assert (await client.patch(path, {"description": "all sensors"})).status == 204
    assert (await client.get(path, Accept=LD)).json["description"] == "all sensors"
    assert (await client.delete(path)).status == 204
    assert (await client.get(path)).status == 404
    assert (await client.delete(path)).status == 404


async def test_6_10_3_2_subscriptions_come_in_pages(client: Client) -> None:
    for number in range(3):
        await client.post("/subscriptions", {**SUBSCRIPTION, "id": f"urn:ngsi-ld:Subscription:{number}"})
    page = await client.get("/subscriptions/?limit=1&offset=1&count=true", Accept=LD)
    links = [value.decode() for name, value in page.raw if name == b"Link"]
    assert f'</ngsi-ld/v1/subscriptions?count=true&limit=1&offset=2>;rel="next";type="{LD}"' in links
    assert page.headers["ngsild-results-count"] == "3"
    timed = (await client.get("/subscriptions?options=sysAttrs")).json
    assert all("modifiedAt" in each for each in timed)


async def test_6_29_6_30_contexts_are_hosted_listed_served_and_deleted(client: Client) -> None:
    context = {"temperature": "https://example.org/temperature"}
    created = await client.post("/jsonldContexts", {"@context": context}, Content_Type=LD)
    location = created.headers["location"]
    path = location.removeprefix("/ngsi-ld/v1")
    assert created.status == 201
    assert (await client.get(path)).json == {"@context": context}
    assert (await client.get("/jsonldContexts")).json == [PUBLIC_URL + location]
    assert (await client.get("/jsonldContexts?kind=Cached")).json == []
    [details] = (await client.get("/jsonldContexts?details=true&kind=Hosted")).json
    assert (details["URL"], details["kind"]) == (PUBLIC_URL + location, "Hosted")
    assert (await client.get(f"{path}?details=true")).json["localId"] == location.rsplit("/", 1)[-1]
    assert (await client.get("/jsonldContexts?kind=Stolen")).status == 400
    assert (await client.delete(path)).status == 204
    assert (await client.get(path)).status == 404


async def test_6_29_3_1_what_holds_no_context_is_refused(client: Client) -> None:
    assert (await client.post("/jsonldContexts", {"a": 1})).error == "InvalidRequest"
    assert (await client.post("/jsonldContexts", b"[")).error == "InvalidRequest"


async def test_5_13_a_context_of_this_broker_is_found_without_asking_itself_over_http(client: Client) -> None:
    location = (await client.post("/jsonldContexts", {"@context": {"temperature": "https://e.org/t"}})).headers[
        "location"
    ]
    link = f'<{PUBLIC_URL}{location}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
    assert (await client.post("/entities", sensor(), Link=link)).status == 201
    assert "https://e.org/t" in (await client.get(f"/entities/{SENSOR}")).json
