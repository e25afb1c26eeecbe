"""A city joins another in one command, and neither gives away more than it offers (ADR 14)."""

import json
import stat
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bson import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from broker.adapters.membership.keys import SecretKeys, kept_secret
from broker.core.federate.invitation import canonical
from broker.operations.membership.envelopes import digest_of
from tests.membership.conftest import City, free_port, token_of

_RAW = CodecOptions(document_class=RawBSONDocument)
ENTITIES = "/ngsi-ld/v1/entities"


def _ids(answer: tuple[int, list]) -> list[str]:
    assert answer[0] == 200, answer
    return sorted(each["id"] for each in answer[1])


def test_joined_brokers_find_each_others_entities_and_those_alone_that_were_offered(pair: tuple[City, City]) -> None:
    here, there = pair
    text = {"type": "LanguageProperty", "languageMap": {"fr": "Fête", "lb": "Fest"}}
    here.create("urn:ngsi-ld:Event:here", "Event", name=text)
    here.create("urn:ngsi-ld:Wage:1", "Wage", amount={"type": "Property", "value": 1})
    there.create("urn:ngsi-ld:Event:there", "Event", name=text)
    done = there.join(here.invite(), "--both")
    assert done.returncode == 0, done.stderr
    both = ["urn:ngsi-ld:Event:here", "urn:ngsi-ld:Event:there"]
    assert _ids(there.ask("GET", ENTITIES + "?type=Event")) == both
    assert _ids(here.ask("GET", ENTITIES + "?type=Event")) == both
    assert _ids(there.ask("GET", ENTITIES + "?type=Wage")) == []
    status, entity = there.ask("GET", f"{ENTITIES}/urn:ngsi-ld:Event:here?lang=lb&type=Event")
    assert (status, entity["name"]["value"]) == (200, "Fest")


def test_joined_one_way_the_inviter_gets_nothing(pair: tuple[City, City]) -> None:
    here, there = pair
    there.create("urn:ngsi-ld:Event:there", "Event")
    assert there.join(here.invite()).returncode == 0
    assert _ids(here.ask("GET", ENTITIES + "?type=Event")) == []
    (member,) = here.status()["members"]
    assert (member["health"], member["taken"]) == ("ok", None)


def test_status_tells_health_latency_and_what_is_exchanged_until_the_member_leaves(pair: tuple[City, City]) -> None:
    here, there = pair
    invited = here.invite("Event,Wage", "--name", "Ville d'Alba", "--languages", "fr,lb")
    assert [each["id"] for each in here.status()["invitations"]] == [invited["invitation"]["content"]["id"]]
    assert there.join(invited).returncode == 0
    assert _ids(there.ask("GET", ENTITIES + "?type=Event")) == []
    (member,) = there.status()["members"]
    assert (member["name"], member["alias"], member["health"]) == ("Ville d'Alba", here.name, "ok")
    assert member["latencyMs"] > 0
    assert member["lastError"] is None
    assert member["fingerprint"] == invited["fingerprint"]
    assert member["taken"]["languages"] == ["fr", "lb"]
    assert member["timesSent"] == 1
    assert "lastSuccess" in member
    assert here.status()["invitations"] == []
    shown = there.eclor("status").stdout
    assert "Ville d'Alba: ok" in shown
    assert "1 sent, 0 failed" in shown

    left = there.eclor("leave", here.name)
    assert left.returncode == 0, left.stderr
    assert "has removed its side" in left.stdout
    assert here.status()["members"] == there.status()["members"] == []
    assert there.ask("GET", "/ngsi-ld/v1/csourceRegistrations?type=Event") == (200, [])


def test_a_used_invitation_is_good_for_the_same_broker_alone(pair: tuple[City, City], found_city) -> None:
    here, there = pair
    third = found_city("cime")
    invited = here.invite()
    assert there.join(invited).returncode == 0
    assert there.join(invited).returncode == 0
    refused = third.join(invited)
    assert refused.returncode == 1
    assert "used by another broker" in refused.stderr
    assert third.status()["members"] == []
    assert [each["alias"] for each in here.status()["members"]] == [there.name]


def test_forged_expired_withdrawn_and_own_invitations_are_refused(pair: tuple[City, City], tmp_path: Path) -> None:
    here, there = pair
    invited = here.invite()
    forged = json.loads(json.dumps(invited["invitation"]))
    forged["content"]["offer"]["types"].append("https://example.org/Wage")
    (tmp_path / "forged.json").write_text(json.dumps(forged))
    refused = there.eclor("join", str(tmp_path / "forged.json"), "--yes")
    assert refused.returncode == 1
    assert "signature does not fit" in refused.stderr

    wrong = there.eclor("join", invited["url"], "--fingerprint", "0000-0000")
    assert (wrong.returncode, "the fingerprint is" in wrong.stderr) == (1, True)
    guessed = invited["url"].partition("#")[0] + "#ecm_guessed"
    assert "not its own" in there.eclor("join", guessed, "--yes").stderr
    unasked = there.eclor("join", invited["url"])
    assert (unasked.returncode, "nobody is here" in unasked.stderr) == (1, True)

    status, short = here.operate("POST", "/federation/invitations", {"offer": {"types": ["Event"]}, "seconds": 1})
    assert status == 201
    time.sleep(1.1)
    expired = there.eclor("join", short["url"], "--yes")
    assert (expired.returncode, "expired" in expired.stderr) == (1, True)
    (tmp_path / "expired.json").write_text(json.dumps(short["invitation"]))
    expired = there.eclor("join", str(tmp_path / "expired.json"), "--yes")
    assert (expired.returncode, "expired" in expired.stderr) == (1, True)

    assert "very broker" in here.join(invited).stderr
    assert here.eclor("withdraw", invited["invitation"]["content"]["id"]).returncode == 0
    assert "no such invitation" in there.join(invited).stderr
    assert here.status()["members"] == there.status()["members"] == []


def test_an_answer_signed_by_another_key_than_the_inviters_is_refused(pair: tuple[City, City], found_city) -> None:
    """Whoever stands in the way between the two can't put itself in the place of the one who invites."""
    here, there = pair
    third = found_city("cime")
    letter = here.invite()["invitation"]
    document = {"content": {**letter["content"], "url": third.url}, "signature": letter["signature"]}
    status, answer = there.operate("POST", "/federation/checks", {"invitation": document})
    assert (status, "signature" in answer["detail"]) == (403, True)
    assert third.ask("POST", "/federation/members", letter, Authorization=f"Bearer {letter['token']}")[0] in (400, 403)


def test_a_member_gets_by_its_token_what_it_was_offered_and_nothing_else(pair: tuple[City, City]) -> None:
    here, there = pair
    name, wage = {"type": "Property", "value": "Anne"}, {"type": "Property", "value": 9}
    here.create("urn:ngsi-ld:Event:1", "Event", name=name, wage=wage, scope=["/culture/musique"])
    here.create("urn:ngsi-ld:Event:2", "Event", name=name, scope=["/sport"])
    here.create("urn:ngsi-ld:Person:1", "Person", name=name)
    assert there.join(here.invite("Event", "--attributes", "name", "--scopes", "/culture/#")).returncode == 0
    token = token_of(there, here)
    bearer = {"Authorization": f"Bearer {token}"}

    assert _ids(here.ask("GET", ENTITIES + "?type=Event", **bearer)) == ["urn:ngsi-ld:Event:1"]
    assert _ids(here.ask("GET", ENTITIES + "?type=Event,Person&attrs=name", **bearer)) == ["urn:ngsi-ld:Event:1"]
    status, entity = here.ask("GET", ENTITIES + "/urn:ngsi-ld:Event:1", **bearer)
    assert status == 200
    assert "wage" not in entity
    for hidden in ("urn:ngsi-ld:Event:2", "urn:ngsi-ld:Person:1"):
        assert here.ask("GET", f"{ENTITIES}/{hidden}", **bearer)[0] == 404
    for asked in ("q=wage>1", "orderBy=wage", "georel=near;maxDistance==1&geometry=Point&coordinates=[1,1]"):
        status, answer = here.ask("GET", f"{ENTITIES}?type=Event&{asked}", **bearer)
        assert status == 403, (asked, answer)
    for method, path, body in (
        ("DELETE", ENTITIES + "/urn:ngsi-ld:Event:1", None),
        ("POST", ENTITIES, {"id": "urn:ngsi-ld:Event:3", "type": "Event"}),
        ("GET", "/ngsi-ld/v1/subscriptions", None),
        ("GET", "/ngsi-ld/v1/csourceRegistrations?type=Event", None),
        ("GET", "/ngsi-ld/v1/temporal/entities?type=Event&timerel=before&timeAt=2030-01-01T00:00:00Z", None),
        ("GET", "/ngsi-ld/v1/types", None),
    ):
        assert here.ask(method, path, body, **bearer)[0] == 403, path
    assert here.ask("GET", ENTITIES + "?type=Event", NGSILD_Tenant="other", **bearer)[0] == 403
    assert here.ask("GET", ENTITIES + "?type=Event", Authorization="Bearer ecm_unknown")[0] == 401
    assert here.ask("GET", "/federation/status", **bearer)[0] == 403

    assert there.eclor("leave", here.name).returncode == 0
    assert here.ask("GET", ENTITIES + "?type=Event", **bearer)[0] == 401


def test_a_member_writes_where_it_may_and_within_the_offer_alone(pair: tuple[City, City]) -> None:
    here, there = pair
    here.create("urn:ngsi-ld:Person:1", "Person", name={"type": "Property", "value": "Anne"})
    offer = ("Event", "--attributes", "name", "--operations", "createEntity,updateEntity,deleteEntity,retrieveEntity")
    assert there.join(here.invite(*offer)).returncode == 0
    bearer = {"Authorization": f"Bearer {token_of(there, here)}"}
    name = {"name": {"type": "Property", "value": "x"}}
    event = {"id": "urn:ngsi-ld:Event:1", "type": "Event", **name}
    assert here.ask("POST", ENTITIES, event, **bearer)[0] == 201
    assert here.ask("POST", ENTITIES, {"id": "urn:ngsi-ld:Person:2", "type": "Person"}, **bearer)[0] == 403
    assert here.ask("POST", ENTITIES, {**event, "id": "urn:ngsi-ld:Event:2", "wage": 1}, **bearer)[0] == 403
    assert here.ask("PATCH", ENTITIES + "/urn:ngsi-ld:Event:1/attrs", name, **bearer)[0] == 204
    assert here.ask("PATCH", ENTITIES + "/urn:ngsi-ld:Person:1/attrs", name, **bearer)[0] == 403
    assert here.ask("DELETE", ENTITIES + "/urn:ngsi-ld:Person:1", **bearer)[0] == 403
    assert here.ask("POST", ENTITIES + "/urn:ngsi-ld:Event:1/attrs", {"wage": 1}, **bearer)[0] == 403
    assert here.ask("POST", ENTITIES + "/urn:ngsi-ld:Event:1/attrs", {"wage": 1})[0] == 204
    assert here.ask("DELETE", ENTITIES + "/urn:ngsi-ld:Event:1", **bearer)[0] == 403
    assert here.ask("GET", ENTITIES + "/urn:ngsi-ld:Person:1")[1]["name"]["value"] == "Anne"


def test_no_token_is_ever_shown_logged_or_stored_in_the_clear(pair: tuple[City, City], tmp_path: Path) -> None:
    here, there = pair
    invited = here.invite("Event", "-o", str(tmp_path / "invitation.json"))
    assert stat.S_IMODE((tmp_path / "invitation.json").stat().st_mode) == 0o600
    assert there.join(invited, "--both").returncode == 0
    secrets = [invited["invitation"]["token"], token_of(there, here), token_of(here, there)]
    secrets += [here.operator_token, there.operator_token]
    assert _ids(there.ask("GET", ENTITIES + "?type=Event")) == []
    there.ask("POST", "/federation/members", {}, Authorization=f"Bearer {secrets[0]}")
    for city in pair:
        shown = [city.log, json.dumps(city.status()), city.eclor("status").stdout]
        shown.append(json.dumps(city.ask("GET", "/ngsi-ld/v1/csourceRegistrations?type=Event")))
        shown.append(_dumped(city).decode("latin-1"))
        assert "urn:eclor:credential:" in shown[3]
        for text in shown:
            assert not any(secret in text for secret in secrets)
        assert stat.S_IMODE((city.directory / "federation.key").stat().st_mode) == 0o600


def test_a_credential_goes_to_its_member_and_nowhere_else(pair: tuple[City, City]) -> None:
    here, there = pair
    assert there.join(here.invite()).returncode == 0
    _, (registration,) = there.ask("GET", "/ngsi-ld/v1/csourceRegistrations?type=Event")
    heard: list[str] = []

    class Spy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers.get("Authorization", ""))
            self.send_error(404)

    with ThreadingHTTPServer(("127.0.0.1", 0), Spy) as spy:
        threading.Thread(target=spy.serve_forever, daemon=True).start()
        copied = {
            "id": "urn:ngsi-ld:ContextSourceRegistration:copied",
            "type": "ContextSourceRegistration",
            "endpoint": f"http://127.0.0.1:{spy.server_address[1]}",
            "information": registration["information"],
            "contextSourceInfo": registration["contextSourceInfo"],
        }
        assert there.ask("POST", "/ngsi-ld/v1/csourceRegistrations", copied)[0] == 201
        assert _ids(there.ask("GET", ENTITIES + "?type=Event")) == []
        assert heard == []
        plain = {**copied, "id": "urn:ngsi-ld:ContextSourceRegistration:plain", "contextSourceInfo": []}
        assert there.ask("POST", "/ngsi-ld/v1/csourceRegistrations", plain)[0] == 201
        assert _ids(there.ask("GET", ENTITIES + "?type=Event")) == []
        assert heard == [""]
        spy.shutdown()


def test_status_tells_what_was_last_met_when_the_member_was_really_asked(pair: tuple[City, City]) -> None:
    here, there = pair
    assert there.join(here.invite("Event", "--attributes", "name")).returncode == 0
    assert _ids(there.ask("GET", ENTITIES + "?type=Event")) == []
    assert there.ask("GET", ENTITIES + "/urn:ngsi-ld:Event:1?type=Event")[0] == 404
    (member,) = there.status()["members"]
    assert (member["health"], member["lastTrouble"]) == ("ok", None)
    here.stop()
    there.ask("GET", ENTITIES + "?type=Event")
    (member,) = there.status()["members"]
    assert member["lastTrouble"]["operation"] == "GET /entities"
    assert member["lastTrouble"]["problem"] == "can't be reached"
    assert "GET /entities: can't be reached" in there.eclor("status").stdout
    # It stays told when the probe is fine again.
    here.start()
    (member,) = there.status()["members"]
    assert (member["health"], member["lastError"]) == ("ok", None)
    assert member["lastTrouble"]["operation"] == "GET /entities"
    # What the other side refuses is told in its own words.
    content = {"types": ["https://uri.etsi.org/ngsi-ld/default-context/Event"], "operations": ["queryBatch"]}
    with MongoClient(here.mongo_url) as client:
        client[here.name]["members"].update_one({}, {"$set": {"given": json.dumps(content)}})
    here.stop()
    here.start()
    there.ask("GET", ENTITIES + "?type=Event")
    (member,) = there.status()["members"]
    assert "answered 403: This broker does not offer you queryEntity" in member["lastTrouble"]["problem"]


def test_leaving_works_while_the_member_is_down_and_it_is_told_later(pair: tuple[City, City]) -> None:
    here, there = pair
    here.create("urn:ngsi-ld:Event:here", "Event")
    assert there.join(here.invite(), "--both").returncode == 0
    here.stop()
    (member,) = there.status()["members"]
    assert member["health"] == "failing"
    assert "can't be reached" in member["lastError"]
    left = there.eclor("leave", here.name)
    assert left.returncode == 0
    assert "could not be told" in left.stdout
    assert there.ask("GET", "/ngsi-ld/v1/csourceRegistrations?type=Event") == (200, [])
    (member,) = there.status()["members"]
    assert member["state"] == "leaving"

    here.start()
    (member,) = here.status()["members"]
    assert member["health"] == "failing"
    assert "401" in member["lastError"]
    there.stop()
    there.start()
    deadline = time.monotonic() + 30
    while here.status()["members"] and time.monotonic() < deadline:
        time.sleep(0.5)
    assert here.status()["members"] == there.status()["members"] == []


def test_leaving_a_member_that_left_already_ends_on_both_sides(pair: tuple[City, City]) -> None:
    here, there = pair
    assert there.join(here.invite(), "--both").returncode == 0
    there.stop()
    assert here.eclor("leave", there.name).returncode == 0
    there.start()
    assert there.eclor("leave", here.name).returncode == 0
    assert here.status()["members"] == there.status()["members"] == []


def test_a_departure_that_is_sent_once_more_does_not_end_a_later_membership(pair: tuple[City, City]) -> None:
    here, there = pair
    assert there.join(here.invite()).returncode == 0
    keys = SecretKeys(kept_secret(there.directory))
    ended = digest_of(token_of(there, here))
    content = {"type": "EclorDeparture", "from": keys.public_key, "ends": ended}
    content["to"] = SecretKeys(kept_secret(here.directory)).public_key
    departure = {"content": content, "signature": keys.sign(canonical(content))}
    assert here.ask("POST", "/federation/departures", {**departure, "signature": "AAAA"})[0] == 403
    assert here.ask("POST", "/federation/departures", departure)[0] == 204
    assert here.status()["members"] == []
    assert there.join(here.invite()).returncode == 0
    assert here.ask("POST", "/federation/departures", departure)[0] == 403
    assert [each["health"] for each in here.status()["members"]] == ["ok"]


def test_only_the_operator_may_invite_join_and_see(pair: tuple[City, City]) -> None:
    here, there = pair
    for method, path in (
        ("POST", "/federation/invitations"),
        ("POST", "/federation/joins"),
        ("POST", "/federation/checks"),
        ("GET", "/federation/status"),
        ("DELETE", "/federation/members/x"),
        ("DELETE", "/federation/invitations/x"),
    ):
        body = {} if method == "POST" else None
        assert here.ask(method, path, body)[0] == 403
        assert here.ask(method, path, body, Authorization=f"Bearer {there.operator_token}")[0] == 403
    (here.directory / "federation.key").chmod(0o644)
    assert "chmod 600" in here.eclor("status").stderr


def test_a_broker_open_to_named_networks_asks_others_for_a_token(found_city) -> None:
    closed = found_city("ferme", "--open-to", "10.1.2.0/24")
    other = found_city("brume")
    assert closed.ask("GET", ENTITIES + "?type=Event")[0] == 401
    assert closed.ask("GET", "/deliveries")[0] == 401
    assert closed.ask("GET", "/metrics")[0] == 401
    assert closed.ask("GET", "/health")[0] == 200
    operator = {"Authorization": f"Bearer {closed.operator_token}"}
    event = {"id": "urn:ngsi-ld:Event:1", "type": "Event"}
    assert closed.ask("POST", ENTITIES, event)[0] == 401
    assert closed.ask("POST", ENTITIES, event, **operator)[0] == 201
    assert other.join(closed.invite()).returncode == 0
    assert _ids(other.ask("GET", ENTITIES + "?type=Event")) == ["urn:ngsi-ld:Event:1"]
    assert other.status()["members"][0]["health"] == "ok"

    local = found_city("local", "--open-to", "127.0.0.0/8")
    assert local.ask("GET", ENTITIES + "?type=Event")[0] == 200
    assert local.ask("GET", ENTITIES + "?type=Event", X_Forwarded_For="192.0.2.1")[0] == 401


def test_two_brokers_of_one_alias_are_told_to_change_it(pair: tuple[City, City]) -> None:
    here, there = pair
    there.stop()
    there.options = ("--alias", here.name)
    there.start()
    refused = there.join(here.invite())
    assert refused.returncode == 1
    assert "--alias" in refused.stderr


def test_a_broker_without_tls_for_other_machines_does_not_invite_unless_told_to(found_city) -> None:
    city = found_city("nue", "--public-url", f"http://broker.example:{free_port()}")
    refused = city.eclor("invite", "--types", "Event")
    assert refused.returncode == 1
    assert "--allow-http" in refused.stderr
    assert city.eclor("invite", "--types", "Event", "--allow-http").returncode == 0


def _dumped(city: City) -> bytes:
    """All that the broker stores, as BSON."""
    content = b""
    with MongoClient(city.mongo_url) as client:
        for database in client.list_database_names():
            if database.startswith(city.name):
                for collection in client[database].list_collection_names():
                    content += b"".join(each.raw for each in client[database].get_collection(collection, _RAW).find())
    assert b"federation" in content
    return content
