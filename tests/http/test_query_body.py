"""What a Query in a body may hold (clauses 5.2.13, 5.2.23, 5.2.33, 5.2.43, 6.23)."""

from typing import Any

import pytest

from tests.http.client import Client
from tests.http.samples import SENSOR, sensor


async def ask(client: Client, **members: Any) -> Any:
    return await client.post("/entityOperations/query?local=true", {"type": "Query", **members})


@pytest.fixture(autouse=True)
async def _stored(client: Client) -> None:
    await client.post("/entityOperations/create", [sensor(1), sensor(2)])


@pytest.mark.parametrize(
    "selector",
    [{}, {"id": SENSOR}, {"idPattern": ".*"}, {"type": "Sensor", "id": []}, {"type": "Sensor", "colour": 1}, "Sensor"],
)
async def test_5_2_33_a_selector_has_a_type_and_nothing_unknown(client: Client, selector: Any) -> None:
    answer = await ask(client, entities=[selector], q="temperature")
    assert (answer.status, answer.error) == (400, "BadRequestData")


async def test_5_2_33_ids_take_precedence_over_the_pattern(client: Client) -> None:
    answer = await ask(client, entities=[{"type": "Sensor", "id": [SENSOR], "idPattern": ".*:2"}])
    assert [entity["id"] for entity in answer.json] == [SENSOR]
    bad = await ask(client, entities=[{"type": "Sensor", "id": SENSOR, "idPattern": 5}])
    assert bad.error == "BadRequestData"


@pytest.mark.parametrize(
    "members",
    [
        {"geoQ": {}},
        {"geoQ": {"georel": "within", "geometry": "Point"}},
        {"ordering": {}},
        {"ordering": {"collation": "und-x-icu"}},
        {"join": "flat", "joinLevel": "1"},
        {"join": "flat", "joinLevel": True},
        {"join": "flat", "joinLevel": 1.5},
    ],
)
async def test_5_2_23_members_have_their_types_and_mandatory_members(client: Client, members: dict[str, Any]) -> None:
    answer = await ask(client, q="temperature", **members)
    assert (answer.status, answer.error) == (400, "BadRequestData")
