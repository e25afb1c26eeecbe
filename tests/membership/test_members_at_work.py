"""What a member does with what it was offered beyond reading entities: histories, subscriptions, entity maps."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.membership.conftest import City, token_of

API = "/ngsi-ld/v1"
ENTITIES = f"{API}/entities"
HISTORIES = f"{API}/temporal/entities"
SUBSCRIPTIONS = f"{API}/subscriptions"
EVER = "timerel=before&timeAt=2040-01-01T00:00:00Z&timeproperty=modifiedAt"
EVENT, PERSON = "urn:ngsi-ld:Event:1", "urn:ngsi-ld:Person:1"


def _value(value: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value}


def _joined(pair: tuple[City, City], *offer: str) -> dict[str, str]:
    """The header with which the second one comes to the first one, once it joined by such an invitation."""
    here, there = pair
    done = there.join(here.invite("Event", *offer))
    assert done.returncode == 0, done.stderr
    return {"Authorization": f"Bearer {token_of(there, here)}"}


def _values(answer: tuple[int, Any], name: str) -> list[Any]:
    status, found = answer
    assert status in (200, 206), answer
    instances = found.get(name, [])
    return [each["value"] for each in (instances if isinstance(instances, list) else [instances])]


class Receiver:
    """A subscriber: the entities that it was told, in order."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        told = self.told

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["data"])
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + 30
        while True:
            for each in list(self.told):
                if holds(each):
                    return each
            assert time.monotonic() < deadline, self.told
            time.sleep(0.05)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def test_histories_are_read_as_far_as_types_and_attributes_are_offered(pair: tuple[City, City]) -> None:
    here, there = pair
    here.create(EVENT, "Event", name=_value("a"), wage=_value(9))
    here.create(PERSON, "Person", name=_value("Anne"))
    assert here.ask("PATCH", f"{ENTITIES}/{EVENT}/attrs", {"name": _value("b"), "wage": _value(10)})[0] == 204
    bearer = _joined(pair, "--allow", "read,histories", "--attributes", "name")
    assert _values(here.ask("GET", f"{HISTORIES}/{EVENT}", **bearer), "name") == ["a", "b"]
    assert "wage" not in here.ask("GET", f"{HISTORIES}/{EVENT}", **bearer)[1]
    assert here.ask("GET", f"{HISTORIES}/{EVENT}?attrs=wage", **bearer)[0] == 404
    assert here.ask("GET", f"{HISTORIES}/{PERSON}", **bearer)[0] == 404
    status, found = here.ask("GET", f"{HISTORIES}?type=Event,Person&{EVER}", **bearer)
    assert (status, [each["id"] for each in found], "wage" in found[0]) == (200, [EVENT], False)
    assert here.ask("GET", f"{HISTORIES}?type=Event&q=wage>1&{EVER}", **bearer) == (200, [])
    assert here.ask("DELETE", f"{HISTORIES}/{EVENT}", **bearer)[0] == 403
    # The joined city has it at its own broker.
    status, (found,) = there.ask("GET", f"{HISTORIES}?type=Event&{EVER}")
    assert _values((status, found), "name") == ["a", "b"]


def test_of_a_history_there_is_what_was_recorded_while_the_entity_was_within_the_offer(pair: tuple[City, City]) -> None:
    here, _ = pair
    here.create(EVENT, "Event", name=_value("in"), scope=["/culture/musique"])
    place = f"{ENTITIES}/{EVENT}"
    assert here.ask("PATCH", place, {"scope": ["/police"]})[0] == 204
    assert here.ask("PATCH", place, {"name": _value("out")})[0] == 204
    assert here.ask("PATCH", place, {"name": _value("out as well")})[0] == 204
    assert here.ask("PATCH", place, {"scope": ["/culture/danse"]})[0] == 204
    assert here.ask("PATCH", place, {"name": _value("in again")})[0] == 204
    here.create("urn:ngsi-ld:Event:2", "Event", name=_value("elsewhere"), scope=["/police"])
    bearer = _joined(pair, "--allow", "histories,write", "--scopes", "/culture/#")
    assert _values(here.ask("GET", f"{HISTORIES}/{EVENT}", **bearer), "name") == ["in", "in again"]
    assert _values(here.ask("GET", f"{HISTORIES}/{EVENT}?lastN=2", **bearer), "name") == ["in", "in again"]
    status, found = here.ask("GET", f"{HISTORIES}?type=Event&{EVER}", **bearer)
    assert (status, [each["id"] for each in found]) == (200, [EVENT])
    counted = f"{HISTORIES}/{EVENT}?options=aggregatedValues&aggrMethods=totalCount&aggrPeriodDuration=P1Y&{EVER}"
    assert here.ask("GET", counted, **bearer)[1]["name"]["totalCount"][0][0] == 2

    # Nobody writes itself into a past that it was not offered, or takes away what it does not see.
    past = {"type": "Event", "id": "urn:ngsi-ld:Event:2", "scope": [{"type": "Property", "value": ["/culture/x"]}]}
    assert here.ask("POST", HISTORIES, past, **bearer)[0] == 403
    assert here.ask("GET", f"{HISTORIES}/urn:ngsi-ld:Event:2", **bearer)[0] == 404
    assert here.ask("DELETE", f"{HISTORIES}/{EVENT}", **bearer)[0] == 403
    assert here.ask("DELETE", f"{HISTORIES}/{EVENT}/attrs/name?deleteAll=true", **bearer)[0] == 403
    assert _values(here.ask("GET", f"{HISTORIES}/{EVENT}"), "name") == ["in", "out", "out as well", "in again"]


def test_histories_are_written_within_the_offer_alone(pair: tuple[City, City]) -> None:
    here, _ = pair
    here.create(PERSON, "Person", name=_value("Anne"))
    bearer = _joined(pair, "--allow", "histories,write", "--attributes", "name")

    def sample(value: str) -> dict[str, Any]:
        return {"name": [{**_value(value), "observedAt": "2026-01-01T00:00:00Z"}]}

    history = {"id": EVENT, "type": "Event", **sample("a")}
    assert here.ask("POST", HISTORIES, history, **bearer)[0] == 201
    assert here.ask("POST", f"{HISTORIES}/{EVENT}/attrs", sample("b"), **bearer)[0] == 204
    assert here.ask("POST", HISTORIES, {**history, "id": "urn:ngsi-ld:Wage:1", "type": "Wage"}, **bearer)[0] == 403
    assert here.ask("POST", HISTORIES, {**history, "id": PERSON}, **bearer)[0] == 403
    assert here.ask("POST", f"{HISTORIES}/{EVENT}/attrs", {"wage": sample("c")["name"]}, **bearer)[0] == 403
    assert here.ask("POST", f"{HISTORIES}/{PERSON}/attrs", sample("c"), **bearer)[0] == 404
    assert here.ask("DELETE", f"{HISTORIES}/{PERSON}", **bearer)[0] == 404
    assert here.ask("DELETE", f"{HISTORIES}/{EVENT}/attrs/name", **bearer)[0] == 204
    assert here.ask("DELETE", f"{HISTORIES}/{EVENT}", **bearer)[0] in (204, 404)
    assert _values(here.ask("GET", f"{HISTORIES}/{PERSON}"), "name") == ["Anne"]


def test_a_subscriber_of_the_joined_city_is_told_what_is_offered_and_nothing_else(
    pair: tuple[City, City], receiver: Receiver
) -> None:
    here, there = pair
    _joined(pair, "--allow", "read,subscribe", "--attributes", "name", "--scopes", "/culture")
    subscription = {
        "id": "urn:ngsi-ld:Subscription:there",
        "type": "Subscription",
        "entities": [{"type": "Event"}],
        "notification": {"endpoint": {"uri": receiver.url}},
    }
    assert there.ask("POST", SUBSCRIPTIONS, subscription)[0] == 201
    _until(lambda: here.ask("GET", SUBSCRIPTIONS)[1])
    here.create("urn:ngsi-ld:Event:police", "Event", name=_value("x"), scope=["/police"])
    here.create(PERSON, "Person", name=_value("Anne"), scope=["/culture"])
    here.create(EVENT, "Event", name=_value("a"), wage=_value(9), scope=["/culture"])
    told = receiver.wait_for(lambda each: each["id"] == EVENT)
    assert (told["name"]["value"], "wage" in told) == ("a", False)
    assert here.ask("PATCH", f"{ENTITIES}/{EVENT}/attrs", {"wage": _value(10)})[0] == 204
    assert here.ask("PATCH", f"{ENTITIES}/{EVENT}/attrs", {"name": _value("b")})[0] == 204
    receiver.wait_for(lambda each: each["name"]["value"] == "b")
    # Also of what the broker knows of it after a restart, and no more once the city has left.
    here.stop()
    here.start()
    here.create("urn:ngsi-ld:Event:police2", "Event", name=_value("x"), scope=["/police"])
    assert here.ask("PATCH", f"{ENTITIES}/{EVENT}/attrs", {"name": _value("c"), "wage": _value(11)})[0] == 204
    receiver.wait_for(lambda each: each["name"]["value"] == "c")
    assert {each["id"] for each in receiver.told} == {EVENT}
    assert len(receiver.told) == 3
    assert not any("wage" in each for each in receiver.told)
    assert there.eclor("leave", here.name).returncode == 0
    assert here.ask("GET", SUBSCRIPTIONS) == (200, [])
    assert here.ask("PATCH", f"{ENTITIES}/{EVENT}/attrs", {"name": _value("d")})[0] == 204
    time.sleep(1)
    assert len(receiver.told) == 3


def test_a_member_has_its_own_subscriptions_alone_and_they_are_told_to_its_broker(
    pair: tuple[City, City], receiver: Receiver
) -> None:
    here, there = pair
    own = {
        "id": "urn:ngsi-ld:Subscription:own",
        "type": "Subscription",
        "entities": [{"type": "Event"}],
        "notification": {"endpoint": {"uri": receiver.url}},
    }
    assert here.ask("POST", SUBSCRIPTIONS, own)[0] == 201
    bearer = _joined(pair, "--allow", "subscribe", "--attributes", "name")
    place = f"{SUBSCRIPTIONS}/{own['id']}"
    assert here.ask("GET", SUBSCRIPTIONS, **bearer) == (200, [])
    assert here.ask("GET", place, **bearer)[0] == 404
    assert here.ask("PATCH", place, {"isActive": False}, **bearer)[0] == 404
    assert here.ask("DELETE", place, **bearer)[0] == 404

    def theirs(**members: Any) -> int:
        notification = {"endpoint": {"uri": f"{there.url}/ngsi-ld/v1/notifications/x"}}
        document = {**own, "id": "urn:ngsi-ld:Subscription:theirs", "notification": notification, **members}
        return here.ask("POST", SUBSCRIPTIONS, document, **bearer)[0]

    assert theirs(notification=own["notification"]) == 403
    assert theirs(q="wage>1") == 403
    elsewhere = {"endpoint": {"uri": f"{there.url}/ngsi-ld/v1/notifications/x"}, "join": "inline"}
    assert theirs(notification=elsewhere) == 403
    assert theirs() == 201
    mine = f"{SUBSCRIPTIONS}/urn:ngsi-ld:Subscription:theirs"
    assert here.ask("PATCH", mine, {"notification": own["notification"]}, **bearer)[0] == 403
    assert here.ask("PATCH", mine, {"description": "new"}, **bearer)[0] == 204
    status, shown = here.ask("GET", mine, **bearer)
    assert (status, shown["description"], "offer" in shown, "member" in shown) == (200, "new", False, False)
    assert [each["id"] for each in here.ask("GET", SUBSCRIPTIONS, **bearer)[1]] == [shown["id"]]
    # Offered anew without subscriptions, what there was ends.
    assert there.join(here.invite("Event", "--allow", "read")).returncode == 0
    assert [each["id"] for each in here.ask("GET", SUBSCRIPTIONS)[1]] == [own["id"]]


def test_periodic_notifications_to_a_member_keep_within_the_area(pair: tuple[City, City], receiver: Receiver) -> None:
    here, there = pair
    area = here.directory / "area.geojson"
    ring = [[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]
    area.write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    for number, point in enumerate(([1, 1], [5, 5], [1.5, 1.5])):
        place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": point}}
        here.create(f"urn:ngsi-ld:Event:{number}", "Event", location=place, number=_value(number))
    _joined(pair, "--allow", "read,subscribe", "--area", str(area))
    subscription = {
        "type": "Subscription",
        "entities": [{"type": "Event"}],
        "timeInterval": 1,
        "notification": {"endpoint": {"uri": receiver.url}},
        "geoQ": {"georel": "near;maxDistance==800000", "geometry": "Point", "coordinates": [1, 1]},
    }
    assert there.ask("POST", SUBSCRIPTIONS, subscription)[0] == 201
    receiver.wait_for(lambda each: each["id"] == "urn:ngsi-ld:Event:2")
    assert {each["id"] for each in receiver.told} == {"urn:ngsi-ld:Event:0", "urn:ngsi-ld:Event:2"}


def test_entity_maps_of_a_member_are_its_own_and_list_what_is_offered(pair: tuple[City, City]) -> None:
    here, there = pair
    here.create(EVENT, "Event", name=_value("a"), scope=["/culture"])
    here.create("urn:ngsi-ld:Event:2", "Event", name=_value("b"), scope=["/police"])
    made = here.ask("GET", f"{API}/entityMaps?type=Event")[1]
    assert len(made["entityMap"]) == 2
    bearer = _joined(pair, "--allow", "read,maps", "--scopes", "/culture")
    assert here.ask("GET", f"{API}/entityMaps/{made['id']}", **bearer)[0] == 404
    assert here.ask("DELETE", f"{API}/entityMaps/{made['id']}", **bearer)[0] == 404
    status, theirs = here.ask("GET", f"{API}/entityMaps?type=Event", **bearer)
    assert (status, list(theirs["entityMap"])) == (201, [EVENT])
    found = here.ask("GET", f"{ENTITIES}?type=Event", NGSILD_EntityMap=theirs["id"], **bearer)
    assert (found[0], [each["id"] for each in found[1]]) == (200, [EVENT])
    assert here.ask("DELETE", f"{API}/entityMaps/{theirs['id']}", **bearer)[0] in (200, 204)
    # Reading entities alone is not to make maps.
    assert there.join(here.invite("Event", "--allow", "read")).returncode == 0
    bearer = {"Authorization": f"Bearer {token_of(there, here)}"}
    assert here.ask("GET", f"{ENTITIES}?type=Event&entityMap=true", **bearer)[0] == 403
    assert here.ask("GET", f"{ENTITIES}?type=Event", **bearer)[0] == 200


def _until(find: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 30
    while not (found := find()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found
