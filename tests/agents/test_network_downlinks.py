"""Downlinks in the forms network servers document."""

import base64
import hashlib
import json
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from agents.core.commands import Downlink
from agents.networks import lorawan
from agents.networks.downlinks import HttpPost, Publication, TunnelAccount, Unreachable, transmission

COMMAND = "3ac7e3c4-4401-4b8d-9386-a5c902f9202d"
LAMP = Downlink(
    command=COMMAND,
    device_id="24e124713c000001",
    payload=b"\x08\x01\xff",
    f_port=85,
    route={"network": "chirpstack", "application": "17c82e96", "device": "24e124713c000001"},
)
NOW = 1_763_935_200_000_000


def published(downlink: Downlink) -> tuple[str, dict]:
    sent = transmission(downlink, NOW)
    assert isinstance(sent, Publication)
    return sent.topic, json.loads(sent.payload)


def test_chirpstack_gets_bytes_the_identifier_and_the_end_of_its_life():
    topic, message = published(replace(LAMP, expires=NOW))
    assert topic == "application/17c82e96/device/24e124713c000001/command/down"
    assert message == {
        "devEui": "24e124713c000001",
        "confirmed": False,
        "fPort": 85,
        "data": base64.b64encode(b"\x08\x01\xff").decode(),
        "id": COMMAND,
        "expiresAt": "2025-11-23T22:00:00Z",
    }


def test_chirpstack_gets_an_object_where_its_own_codec_encodes():
    _, message = published(replace(LAMP, payload=b"", decoded={"on": True}, command="not a uuid"))
    assert message["object"] == {"on": True}
    assert "data" not in message
    assert "id" not in message


def test_chirpstack_v3_has_names_of_its_own():
    route = {**LAMP.route, "network": "chirpstack-v3"}
    assert published(replace(LAMP, route=route))[1] == {"confirmed": False, "fPort": 85, "data": "CAH/"}
    assert published(replace(LAMP, route=route, decoded={"a": 1}))[1]["jsonObject"] == '{"a":1}'


def test_tts_gets_a_push_whose_correlation_identifier_comes_back():
    route = {"network": "tts", "application": "app1@tenant", "device": "dev1"}
    topic, message = published(replace(LAMP, route=route, confirmed=True))
    assert topic == "v3/app1@tenant/devices/dev1/down/push"
    (pushed,) = message["downlinks"]
    assert pushed == {
        "f_port": 85,
        "frm_payload": "CAH/",
        "priority": "NORMAL",
        "confirmed": True,
        "correlation_ids": [COMMAND],
    }
    reported = {"end_device_ids": {"device_id": "dev1"}, "downlink_ack": pushed}
    assert lorawan.event("v3/app1@tenant/devices/dev1/down/ack", json.dumps(reported).encode()).downlinks == (COMMAND,)


def test_actility_iot_flow_gets_a_report_of_its_form():
    sent = transmission(replace(LAMP, route={"network": "actility", "url": "https://flow.example/d"}), NOW)
    assert isinstance(sent, HttpPost)
    report = json.loads(sent.body)["DevEUI_downlink"]
    assert (report["DevEUI"], report["FPort"], report["payload_hex"]) == ("24E124713C000001", 85, "0801ff")


def test_actility_tunnel_proves_the_query_with_a_key_that_is_not_sent():
    account = TunnelAccount("TWA_1.AS", "0123456789ABCDEF0123456789abcdef")
    route = {"network": "actility", "url": "https://lrc.example/thingpark/lrc/rest/downlink"}
    sent = transmission(replace(LAMP, route=route), NOW, account)
    assert isinstance(sent, HttpPost)
    assert account.key not in sent.url
    assert account.key not in repr(account)
    query = {name: values[0] for name, values in parse_qs(urlsplit(sent.url).query).items()}
    token = query.pop("Token")
    plain = "&".join(f"{name}={value}" for name, value in query.items())
    assert token == hashlib.sha256((plain + account.key.lower()).encode()).hexdigest()
    assert query["Payload"] == "0801ff"


@pytest.mark.parametrize(
    "change",
    [
        {"f_port": 0},
        {"f_port": 224},
        {"route": {}},
        {"route": {"network": "helium"}},
        {"route": {"network": "chirpstack", "application": ""}},
        {"route": {"network": "chirpstack", "application": "a/device/x"}},
        {"route": {"network": "tts", "application": "a", "device": "#"}},
        {"route": {"network": "actility"}},
        {"route": {"network": "actility", "url": "file:///etc/passwd"}},
        {"route": {"network": "actility", "url": "https://a"}, "decoded": {"on": True}},
    ],
)
def test_what_cannot_be_sent_is_said(change):
    with pytest.raises(Unreachable):
        transmission(replace(LAMP, **change), NOW)
