"""Credentials that users give are shown nowhere, lie nowhere in the clear, and arrive where they belong."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import bson
import pytest
from pymongo import MongoClient

from broker.core.model.credentials import HIDDEN
from tests.membership.conftest import City

API = "/ngsi-ld/v1"
SECRET = "Bearer geheim"
GIVEN = [{"key": "Authorization", "value": SECRET}, {"key": "X-Zone", "value": "7"}]
SHOWN = [{"key": "Authorization", "value": HIDDEN}, {"key": "X-Zone", "value": "7"}]


class Peer:
    """A source and receiver: what reached it, as (method, path, Authorization, body)."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, str | None, Any]] = []
        got = self.got

        class Handler(BaseHTTPRequestHandler):
            def _take(self) -> None:
                text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = json.loads(text) if text else None
                got.append((self.command, self.path, self.headers.get("Authorization"), body))
                answer = b"[]" if self.command == "GET" else b""
                self.send_response(200 if self.command == "GET" else 201)
                self.send_header("Content-Type", "application/json")
                if self.command == "POST" and isinstance(body, dict) and "id" in body:
                    self.send_header("Location", f"{API}/subscriptions/{body['id']}")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PATCH = do_DELETE = _take  # noqa: N815  (names that http.server asks for)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, path: str, count: int = 1) -> list[tuple[str, str, str | None, Any]]:
        deadline = time.monotonic() + 30
        while True:
            found = [each for each in self.got if each[1].split("?")[0] == path]
            if len(found) >= count:
                return found
            assert time.monotonic() < deadline, (path, self.got)
            time.sleep(0.05)


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()


def registration(peer: Peer) -> dict[str, Any]:
    return {
        "id": "urn:ngsi-ld:ContextSourceRegistration:1",
        "type": "ContextSourceRegistration",
        "endpoint": peer.url,
        "information": [{"entities": [{"type": "Event"}]}],
        "contextSourceInfo": GIVEN,
    }


def subscription(peer: Peer, path: str, kind: str = "Event") -> dict[str, Any]:
    return {
        "id": f"urn:ngsi-ld:Subscription:{path}",
        "type": "Subscription",
        "entities": [{"type": kind}],
        "notification": {"endpoint": {"uri": f"{peer.url}/{path}", "receiverInfo": GIVEN}},
    }


def test_credentials_are_hidden_from_readers_and_go_where_they_belong(
    found_city: Callable[..., City], peer: Peer
) -> None:
    city = found_city("hide")
    place = f"{API}/csourceRegistrations/urn:ngsi-ld:ContextSourceRegistration:1"
    watcher = subscription(peer, "watcher")
    for path, document in (
        ("csourceSubscriptions", watcher),
        ("csourceRegistrations", registration(peer)),
        ("subscriptions", subscription(peer, "own", "Own")),
    ):
        assert city.ask("POST", f"{API}/{path}", document)[0] == 201
    shown = [
        city.ask("GET", place)[1]["contextSourceInfo"],
        city.ask("GET", f"{API}/csourceRegistrations?type=Event")[1][0]["contextSourceInfo"],
    ]
    for path, name in (("csourceSubscriptions", "watcher"), ("subscriptions", "own")):
        whole = city.ask("GET", f"{API}/{path}")[1][0]
        one = city.ask("GET", f"{API}/{path}/urn:ngsi-ld:Subscription:{name}")[1]
        shown += [each["notification"]["endpoint"]["receiverInfo"] for each in (whole, one)]
    assert shown == [SHOWN] * len(shown)
    assert "geheim" not in str(city.ask("GET", "/deliveries?subscription=urn:ngsi-ld:Subscription:own"))
    told = peer.wait_for("/watcher")[0]
    assert told[2] == SECRET
    assert told[3]["data"][0]["contextSourceInfo"] == SHOWN

    # Read, modify, write: the credential stays.
    document = {**city.ask("GET", place)[1], "description": "new"}
    assert city.ask("PATCH", place, document)[0] == 204
    own = city.ask("GET", f"{API}/subscriptions/urn:ngsi-ld:Subscription:own")[1]
    own["description"] = "new"
    assert city.ask("PATCH", f"{API}/subscriptions/{own['id']}", own)[0] == 204
    assert city.ask("GET", place)[1]["description"] == "new"
    city.ask("GET", f"{API}/entities?type=Event")
    assert {each[2] for each in peer.wait_for(f"{API}/entities")} == {SECRET}
    city.create("urn:ngsi-ld:Own:1", "Own", name={"type": "Property", "value": "a"})
    assert peer.wait_for("/own")[0][2] == SECRET


def test_a_copy_does_not_take_the_credential_along(found_city: Callable[..., City], peer: Peer) -> None:
    city = found_city("copy")
    assert city.ask("POST", f"{API}/subscriptions", subscription(peer, "own"))[0] == 201
    (document,) = city.ask("GET", f"{API}/subscriptions")[1]
    document["id"] = "urn:ngsi-ld:Subscription:copy"
    status, problem = city.ask("POST", f"{API}/subscriptions", document)
    assert (status, "Give the credential itself" in problem["detail"]) == (400, True)
    source = {**registration(peer), "contextSourceInfo": SHOWN}
    assert city.ask("POST", f"{API}/csourceRegistrations", source)[0] == 400
    assert city.ask("POST", f"{API}/csourceSubscriptions", document)[0] == 400


def test_no_collection_has_a_credential_in_the_clear(found_city: Callable[..., City], peer: Peer) -> None:
    city = found_city("dump", "--seal", "on")
    snapshot = {
        "id": "urn:ngsi-ld:Snapshot:1",
        "type": "Snapshot",
        "snapshotQueries": [{"type": "Query", "entities": [{"type": "Own"}]}],
        "endpoint": f"{peer.url}/snapshot",
        "receiverInfo": GIVEN,
    }
    for path, document in (
        ("csourceRegistrations", registration(peer)),
        ("subscriptions", subscription(peer, "own")),
        ("csourceSubscriptions", subscription(peer, "watcher")),
        ("snapshots", snapshot),
    ):
        assert city.ask("POST", f"{API}/{path}", document)[0] == 201
    assert peer.wait_for(f"{API}/subscriptions")[0][2] == SECRET
    assert peer.wait_for("/snapshot")[0][2] == SECRET
    place = f"{API}/snapshots/{snapshot['id']}"
    assert city.ask("GET", place)[1]["receiverInfo"] == SHOWN
    assert city.ask("PATCH", place, {"receiverInfo": SHOWN})[1]["receiverInfo"] == SHOWN
    assert {each[2] for each in peer.wait_for("/snapshot", 2)} == {SECRET}
    # What the source was asked is remembered, also over a restart.
    deadline = time.monotonic() + 30
    with MongoClient(city.mongo_url) as client:
        while client[city.name]["remoteSubscriptions"].count_documents({"sent": {"$ne": None}, "due": None}) != 1:
            assert time.monotonic() < deadline, list(client[city.name]["remoteSubscriptions"].find())
            time.sleep(0.1)
        names = client[city.name].list_collection_names()
        assert {"registrations", "registrationSubscriptions", "remoteSubscriptions", "snapshots"} <= set(names)
        for name in names:
            for document in client[city.name][name].find():
                assert b"geheim" not in bson.encode(document), name
    assert "geheim" not in city.log
    (asked,) = peer.wait_for(f"{API}/subscriptions")
    token = asked[3]["notification"]["endpoint"]["uri"].rpartition("/")[2]
    with MongoClient(city.mongo_url) as client:
        assert len(token) > 20
        assert token not in str(list(client[city.name]["remoteSubscriptions"].find()))
        sealed = client[city.name]["remoteSubscriptions"].find_one()["token"]
    for forged, status in ((token, 204), (sealed, 404), (f"{token}x", 404)):
        told = {"type": "Notification", "data": []}
        assert city.ask("POST", f"{API}/notifications/{forged}", told)[0] == status
    city.stop()
    city.start()
    assert city.ask("DELETE", f"{API}/subscriptions/urn:ngsi-ld:Subscription:own")[0] == 204
    (ended,) = (each for each in _until(peer, "DELETE"))
    assert ended[2] == SECRET


def _until(peer: Peer, method: str) -> list[tuple[str, str, str | None, Any]]:
    deadline = time.monotonic() + 30
    while not (found := [each for each in peer.got if each[0] == method]):
        assert time.monotonic() < deadline, peer.got
        time.sleep(0.05)
    return found


def test_7_2_user_and_password_in_an_address_are_hidden_sealed_and_used(
    found_city: Callable[..., City], peer: Peer
) -> None:
    city = found_city("user", "--seal", "on")
    with_user = peer.url.replace("://", "://anna:geheim@")
    hidden = peer.url.replace("://", f"://{HIDDEN}@")
    endpoint = {"uri": f"{with_user}/own"}
    own = {**subscription(peer, "own", "Own"), "notification": {"endpoint": endpoint}}
    source = {**registration(peer), "endpoint": with_user, "contextSourceInfo": []}
    assert city.ask("POST", f"{API}/subscriptions", own)[0] == 201
    assert city.ask("POST", f"{API}/csourceRegistrations", source)[0] == 201
    place = f"{API}/subscriptions/{own['id']}"
    at_source = f"{API}/csourceRegistrations/{source['id']}"
    shown = city.ask("GET", place)[1]
    assert shown["notification"]["endpoint"]["uri"] == f"{hidden}/own"
    assert city.ask("GET", at_source)[1]["endpoint"] == hidden
    assert city.ask("PATCH", place, {"notification": shown["notification"]})[0] == 204
    assert city.ask("PATCH", at_source, {"endpoint": hidden, "description": "new"})[0] == 204
    city.create("urn:ngsi-ld:Own:1", "Own", name={"type": "Property", "value": "a"})
    city.ask("GET", f"{API}/entities?type=Event")
    basic = "Basic YW5uYTpnZWhlaW0="
    assert peer.wait_for("/own")[0][2] == basic
    assert {each[2] for each in peer.wait_for(f"{API}/entities")} == {basic}
    elsewhere = {"endpoint": f"http://{HIDDEN}@127.0.0.1:9"}
    status, problem = city.ask("PATCH", at_source, elsewhere)
    assert (status, "anew" in problem["detail"]) == (400, True)
    everything = json.dumps([city.ask("GET", path)[1] for path in ("/deliveries", place, at_source)])
    assert "geheim" not in everything + city.log
    with MongoClient(city.mongo_url) as client:
        for name in client[city.name].list_collection_names():
            for document in client[city.name][name].find():
                assert b"geheim" not in bson.encode(document), name


def test_who_may_change_a_registration_can_not_have_its_credential_sent_elsewhere(
    found_city: Callable[..., City], peer: Peer
) -> None:
    city = found_city("move")
    place = f"{API}/csourceRegistrations/{registration(peer)['id']}"
    assert city.ask("POST", f"{API}/csourceRegistrations", registration(peer))[0] == 201
    assert city.ask("POST", f"{API}/subscriptions", subscription(peer, "own"))[0] == 201
    for fragment in ({"endpoint": "http://127.0.0.1:9"}, {"tenant": "other"}):
        status, problem = city.ask("PATCH", place, fragment)
        assert (status, problem["title"], "anew" in problem["detail"]) == (400, "Bad request data", True)
    assert city.ask("GET", place)[1]["endpoint"] == peer.url
    moved = {"endpoint": {"uri": "http://127.0.0.1:9/", "receiverInfo": SHOWN}}
    own = f"{API}/subscriptions/urn:ngsi-ld:Subscription:own"
    assert city.ask("PATCH", own, {"notification": moved})[0] == 400
    anew = [{"key": "Authorization", "value": "Bearer neu"}]
    assert city.ask("PATCH", place, {"endpoint": f"{peer.url}/x", "description": "same host"})[0] == 204
    assert city.ask("PATCH", place, {"tenant": "other", "contextSourceInfo": anew})[0] == 204
