"""Packed histories answer as unpacked ones do, wherever packing was interrupted, and can be changed (ADR 11)."""

import asyncio
from typing import Any

from broker.adapters.mongo import history_compaction as compaction
from broker.adapters.mongo.history_lock import locked
from broker.adapters.mongo.history_ranges import range_filter
from broker.core.model.entity import Entity
from broker.core.model.instant import format_instant
from broker.core.ql.temporal import TemporalQuery
from broker.core.temporal.evolution import Demand
from broker.core.temporal.policy import parse_retention
from broker.core.temporal.sample import deleted
from tests.http.client import Client
from tests.temporal.conftest import World

ENTITY = "urn:x:1"
HERE = f"/temporal/entities/{ENTITY}"
TEMP, SCOPE = "urn:temp", "https://uri.etsi.org/ngsi-ld/scope"
MINUTE = 60_000_000
START = 1_790_000_000_000_000
DAY = 86_400_000_000


def sample(number: int, **members: Any) -> dict[str, Any]:
    time = START + number * MINUTE
    return {
        "type": "Property",
        "value": number / 10,
        "observedAt": time,
        "createdAt": START,
        "modifiedAt": time,
        **members,
    }


async def record(world: World, numbers: range, **members: Any) -> None:
    """As if each sample had been committed on its own."""
    for number in numbers:
        entity = Entity(ENTITY, ["urn:Room"], {TEMP: [sample(number, **members)]})
        await world.history.add("", entity, START + number * MINUTE)


async def fill(world: World, count: int) -> None:
    """Many samples at once."""
    entity = Entity(ENTITY, ["urn:Room"], {TEMP: [sample(number) for number in range(count)]})
    await world.history.add("", entity, START - 1)


async def everything(client: Client, **more: str) -> list[Any]:
    query = "".join(f"&{name}={value}" for name, value in more.items())
    answer = await client.get(f"{HERE}?timerel=after&timeAt=2000-01-01T00:00:00Z&attrs={TEMP}&lastN=10{query}")
    assert answer.status == 200, answer.body
    found: list[Any] = answer.json[TEMP]
    return found


async def count(client: Client) -> int:
    """How many samples there are, and no doubles."""
    query = "timerel=after&timeAt=2000-01-01T00:00:00Z&options=aggregatedValues&aggrMethods=totalCount"
    answer = await client.get(f"{HERE}?{query}")
    assert answer.status == 200
    return int(answer.json.get(TEMP, {"totalCount": [[0]]})["totalCount"][0][0])


async def test_packing_changes_no_answer(world: World) -> None:
    await record(world, range(30))
    before = await everything(world.client)
    assert await compaction.compact(world.database, ENTITY) == 30
    assert await world.database["history"].count_documents({}) == 0
    assert await everything(world.client) == before
    assert await count(world.client) == 30
    await record(world, range(30, 40))
    assert await count(world.client) == 40
    assert [each["value"] for each in await everything(world.client)] == [number / 10 for number in range(30, 40)]


async def test_a_chunk_grows_until_it_is_full(world: World) -> None:
    await fill(world, 700)
    await compaction.compact(world.database, ENTITY)
    await record(world, range(700, 705))
    await compaction.compact(world.database, ENTITY)
    assert [each["n"] async for each in world.database["chunks"].find()] == [705]
    entity = Entity(ENTITY, ["urn:Room"], {TEMP: [sample(number) for number in range(705, 1500)]})
    await world.history.add("", entity, START + 1500 * MINUTE)
    await compaction.compact(world.database, ENTITY)
    assert sorted([each["n"] async for each in world.database["chunks"].find()]) == [500, 1000]
    assert await count(world.client) == 1500


async def test_packing_that_was_killed_before_it_removed_anything_is_done_again(world: World) -> None:
    await record(world, range(25))
    recent = await world.database["history"].find().to_list()
    before = await everything(world.client)
    await compaction.compact(world.database, ENTITY)
    # What a process leaves behind that dies between writing chunks and removing what they hold.
    await world.database["history"].insert_many(recent)
    assert await everything(world.client) == before
    assert await count(world.client) == 25
    await compaction.compact(world.database, ENTITY)
    assert await everything(world.client) == before
    assert [each["n"] async for each in world.database["chunks"].find()] == [25]


async def test_histories_are_whole_while_they_are_packed(world: World) -> None:
    await record(world, range(60))
    finished = asyncio.create_task(compaction.compact(world.database, ENTITY))
    seen = {await count(world.client)}
    while not finished.done():
        seen.add(await count(world.client))
    assert seen == {60}


async def test_one_process_packs_at_a_time(world: World) -> None:
    await record(world, range(5))
    later = START + 10 * DAY
    async with locked(world.database, "*"):
        assert await world.history.compact("", later) == 0
    assert await world.history.compact("", later) == 5


async def test_which_entities_are_due(world: World) -> None:
    await record(world, range(5))
    now = START + 10 * MINUTE
    assert await compaction.due(world.database, now, 5, DAY) == [ENTITY]
    assert await compaction.due(world.database, now, 6, DAY) == []
    assert await compaction.due(world.database, now + DAY, 6, DAY) == [ENTITY]


async def test_5_6_14_an_instance_in_a_chunk_is_modified(world: World) -> None:
    await record(world, range(10), datasetId="urn:d:1")
    await compaction.compact(world.database, ENTITY)
    old = (await everything(world.client))[3]
    path = f"{HERE}/attrs/{TEMP}/{old['instanceId']}"
    body = {TEMP: [{"type": "Property", "value": "corrected", "observedAt": old["observedAt"]}]}
    assert (await world.client.patch(path, body)).status == 204
    new = (await everything(world.client, options="sysAttrs"))[3]
    assert (new["value"], new["instanceId"]) == ("corrected", old["instanceId"])
    assert new["createdAt"] == "2026-09-21T14:13:20Z"
    assert new["modifiedAt"] > "2026-11"
    assert len(await everything(world.client)) == 10
    assert (await world.client.patch(path[:-1] + "7", body)).status == 404


async def test_5_6_15_an_instance_in_a_chunk_is_deleted(world: World) -> None:
    await record(world, range(10))
    await compaction.compact(world.database, ENTITY)
    gone = (await everything(world.client))[3]["instanceId"]
    assert (await world.client.delete(f"{HERE}/attrs/{TEMP}/{gone}")).status == 204
    assert gone not in {each["instanceId"] for each in await everything(world.client)}
    assert await count(world.client) == 9
    assert (await world.client.delete(f"{HERE}/attrs/{TEMP}/{gone}")).status == 404


async def test_5_6_15_an_instance_stays_deleted_when_packing_was_killed(world: World) -> None:
    await record(world, range(3))
    recent = await world.database["history"].find().to_list()
    await compaction.compact(world.database, ENTITY)
    await world.database["history"].insert_many(recent)
    gone = (await everything(world.client))[1]["instanceId"]
    assert (await world.client.delete(f"{HERE}/attrs/{TEMP}/{gone}")).status == 204
    assert await count(world.client) == 2
    await compaction.compact(world.database, ENTITY)
    assert await count(world.client) == 2


async def test_5_6_13_and_5_6_16_chunks_go_with_their_attribute_and_entity(world: World) -> None:
    await record(world, range(5))
    await record(world, range(5, 8), datasetId="urn:d:1")
    await compaction.compact(world.database, ENTITY)
    await record(world, range(8, 10))
    assert (await world.client.delete(f"{HERE}/attrs/{TEMP}")).status == 204
    assert {each.get("datasetId") for each in await everything(world.client)} == {"urn:d:1"}
    assert (await world.client.delete(f"{HERE}/attrs/{TEMP}")).status == 404
    assert (await world.client.delete(f"{HERE}/attrs/{TEMP}?deleteAll=true")).status == 204
    await record(world, range(3))
    await compaction.compact(world.database, ENTITY)
    assert (await world.client.delete(HERE)).status == 204
    assert (await world.client.get(HERE)).status == 404
    assert await world.database["chunks"].count_documents({}) == 0


async def test_retention_removes_what_is_older_to_the_sample(world: World) -> None:
    await record(world, range(100))
    await compaction.compact(world.database, ENTITY)
    policy = parse_retention("PT1H")
    assert await world.history.retain("", policy, START + 90 * MINUTE) == 1
    assert await count(world.client) == 70
    assert await world.history.retain("", parse_retention("/Hall=PT1H"), START + 10 * DAY) == 0
    # The entity is known by its history alone, and was recorded just now.
    await world.database["evolutions"].update_one({"_id": ENTITY}, {"$set": {"modifiedAt": START}})
    assert await world.history.retain("", policy, START + 10 * DAY) == 1
    assert await world.database["evolutions"].count_documents({}) == 0
    assert await world.database["chunks"].count_documents({}) == 0


async def test_a_page_of_a_long_series_reads_what_it_needs(world: World) -> None:
    await fill(world, 7_000)
    await compaction.compact(world.database, ENTITY)
    first = await world.client.get(f"{HERE}?attrs={TEMP}")
    assert first.status == 206
    assert [each["value"] for each in first.json[TEMP]] == [number / 10 for number in range(10)]
    last = await world.client.get(f"{HERE}?attrs={TEMP}&lastN=500")
    assert [each["value"] for each in last.json[TEMP]] == [number / 10 for number in range(6_990, 7_000)]
    query = "timerel=between&timeAt=2026-09-23T14:13:20Z&endTimeAt=2026-09-24T14:13:20Z"
    middle = await world.client.get(f"{HERE}?{query}&attrs={TEMP}")
    assert [each["value"] for each in middle.json[TEMP]] == [number / 10 for number in range(2_880, 2_890)]
    assert middle.headers["content-range"] == "date-time 2026-09-23T14:13:20Z-2026-09-23T14:22:20Z/*"


async def test_the_lock_is_held_by_one_and_ends_with_its_lease(world: World) -> None:
    order = []

    async def work(name: str) -> None:
        async with locked(world.database, ENTITY):
            order.append(name)
            await asyncio.sleep(0.02)
            order.append(name)

    await asyncio.gather(work("a"), work("b"), work("c"))
    assert order[0::2] == order[1::2]
    await world.database["historyLocks"].insert_one({"_id": ENTITY, "until": 0, "holder": "gone"})
    await work("d")
    assert await world.database["historyLocks"].count_documents({}) == 0


async def test_4_11_ranges_of_other_times_read_only_the_chunks_concerned(world: World) -> None:
    await fill(world, 2_500)
    await compaction.compact(world.database, ENTITY)
    start = START + 1_200 * MINUTE
    for timeproperty in ("observedAt", "modifiedAt"):
        demand = Demand(TemporalQuery(start, start + 10 * MINUTE, timeproperty), page=5)
        assert await world.database["chunks"].count_documents(range_filter([ENTITY], demand)) == 1
        query = f"timerel=after&timeAt={format_instant(start)}&timeproperty={timeproperty}"
        answer = await world.client.get(f"{HERE}?{query}")
        assert [each["value"] for each in answer.json[TEMP]] == [number / 10 for number in range(1_200, 1_210)]
    for query, found in (
        (TemporalQuery(START, None, "createdAt"), 3),
        (TemporalQuery(None, START, "createdAt"), 0),
        (TemporalQuery(START, None, "deletedAt"), 0),
    ):
        assert await world.database["chunks"].count_documents(range_filter([ENTITY], Demand(query))) == found
    await world.database["chunks"].update_many({}, {"$unset": {"modified": "", "created": "", "deleted": ""}})
    early = Demand(TemporalQuery(start, None, "modifiedAt"))
    assert await world.database["chunks"].count_documents(range_filter([ENTITY], early)) == 3
    answer = await world.client.get(f"{HERE}?timerel=after&timeAt={format_instant(start)}&timeproperty=modifiedAt")
    assert answer.json[TEMP][0]["value"] == 120


async def test_4_11_deletions_in_chunks_are_found_by_their_time(world: World, client: Client) -> None:
    await fill(world, 20)
    marker = deleted({"type": "Property"}, START + 30 * MINUTE)
    await world.history.add("", Entity(ENTITY, ["urn:Room"], {TEMP: [marker]}), START + 30 * MINUTE)
    await compaction.compact(world.database, ENTITY)
    for time, status in ((START + 30 * MINUTE, 200), (START + 31 * MINUTE, 404)):
        query = f"timerel=after&timeAt={format_instant(time)}&timeproperty=deletedAt"
        assert (await client.get(f"{HERE}?{query}")).status == status


async def test_retention_of_hours_reaches_what_is_not_packed_yet(world: World, client: Client) -> None:
    await record(world, range(0, 120, 10))
    policy = parse_retention("PT1H")
    assert await world.history.retain("", parse_retention("/Hall=PT1H"), START + 120 * MINUTE) == 0
    assert await world.history.retain("", parse_retention("P30D"), START + 120 * MINUTE) == 0
    assert await count(client) == 12
    assert await world.history.retain("", policy, START + 120 * MINUTE) == 6
    assert await count(client) == 6
