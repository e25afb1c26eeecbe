"""Every published sample of a LoRaWAN network server is understood, or refused with a reason."""

import json
from pathlib import Path

import pytest

from agents.core.commands import CommandStatus
from agents.core.errors import MalformedMessage
from agents.core.topics import EventTopic
from agents.networks import actility, chirpstack, lorawan, other, tts
from agents.networks.event import NetworkEvent

SAMPLES = Path(__file__).parents[2] / "../shared/payloads/lns"
DOCUMENTED = "0101010101010101"


def sample(path: str) -> dict:
    file = SAMPLES / path
    if not file.is_file():
        pytest.skip(f"{path}: the published samples are not here")
    return json.loads(file.read_text(encoding="utf-8"))


def over_http(network: str, kind: str, path: str) -> NetworkEvent:
    return lorawan.event(lorawan.http_topic(network, kind), json.dumps(sample(path)).encode())


@pytest.mark.parametrize("kind", ["up", "status", "join", "ack", "txack", "log", "location", "integration"])
def test_chirpstack_every_documented_event_is_the_same_over_mqtt_and_http(kind):
    message = sample(f"chirpstack-v4/{kind}.json")
    device = message["deviceInfo"]["devEui"]
    topic = f"application/{message['deviceInfo']['applicationId']}/device/{device}/event/{kind}"
    assert lorawan.is_lorawan(topic)
    event = lorawan.event(topic, json.dumps(message).encode())
    assert (event.network, event.kind, event.device_id) == ("chirpstack", kind, device)
    assert (event.uplink is not None) == (kind == "up")
    assert over_http("chirpstack", kind, f"chirpstack-v4/{kind}.json") == event


def test_chirpstack_what_events_tell():
    up = over_http("chirpstack", "up", "chirpstack-v4/up.json").uplink
    assert up is not None
    assert (up.payload, up.f_port, up.f_cnt, up.rssi, up.snr, up.gateway) == (
        b"\xaa", 1, 0, -36, 10.5, "0016c001f153a14c",
    )  # fmt: skip
    assert up.route["application"] == "17c82e96-be03-4f38-aef3-f83d48582d97"
    status = over_http("chirpstack", "status", "chirpstack-v4/status.json")
    assert (status.battery, status.margin) == (88.3, 10)
    ack = over_http("chirpstack", "ack", "chirpstack-v4/ack.json")
    assert (ack.delivery, ack.downlinks) == (CommandStatus.OK, ("1bbcab1d-6ec6-4136-b3f5-d63be1dc08de",))
    sent = over_http("chirpstack", "txack", "chirpstack-v4/txack.json")
    assert (sent.delivery, sent.downlinks) == (CommandStatus.DELIVERED, ("42cb6459-a640-46ec-9623-bdff39dc4736",))
    located = over_http("chirpstack", "location", "chirpstack-v4/location.json")
    assert located.location == {"latitude": 37.344214, "longitude": -8.839375, "altitude": 2}
    assert "MIC" in over_http("chirpstack", "log", "chirpstack-v4/log.json").detail


def test_chirpstack_a_status_without_battery_is_none_and_a_left_out_level_is_zero():
    topic = EventTopic("a", DOCUMENTED, "status")
    info = {"deviceInfo": {"devEui": DOCUMENTED}}
    assert chirpstack.event(topic, {**info, "batteryLevelUnavailable": True}).battery is None
    assert chirpstack.event(topic, info).battery == 0


def test_chirpstack_an_unacknowledged_downlink_leaves_the_member_out():
    topic = EventTopic("a", DOCUMENTED, "ack")
    event = chirpstack.event(topic, {"deviceInfo": {"devEui": DOCUMENTED}, "queueItemId": "q"})
    assert event.delivery is CommandStatus.ERROR


def test_chirpstack_an_object_comes_along_with_the_bytes():
    up = over_http("chirpstack", "up", "chirpstack-v4/up-with-object-lht52.json").uplink
    assert up is not None
    assert up.decoded is not None
    assert up.decoded["TempC_SHT"] == 26.6
    assert up.payload.hex() == "0a64020f7fff0165e0aa4e"
    assert up.f_cnt == 1


def test_chirpstack_v3_is_recognized_by_its_form():
    up = over_http("chirpstack", "up", "chirpstack-v3/nas-ul20xx-up.json").uplink
    assert up is not None
    assert (up.network, up.device_id) == ("chirpstack-v3", "70b3d5b020073208")
    assert (up.f_port, up.f_cnt, up.rssi, up.snr, up.gateway) == (23, 3, -57, 9.75, "70b3d5b02000017e")
    assert up.decoded is not None
    assert "active_alerts" in up.decoded
    assert over_http("any", "up", "chirpstack-v3/nas-ul20xx-up.json").uplink == up


def test_tts_uplink_without_the_port_it_leaves_out():
    event = over_http("tts", "up", "tts-v3/uplink-message.json")
    up = event.uplink
    assert up is not None
    assert (up.device_id, up.payload.hex(), up.f_port, up.f_cnt) == ("0004a30b001c0530", "8241de", 0, 1)
    assert up.decoded == {"temperature": 1.0, "luminosity": 0.64}
    assert (up.rssi, up.snr, up.gateway) == (-35, 5, "gtw1")
    assert up.deduplication_id == "AXA50tHUGUucuzS/bCGMNw==:1"
    assert up.route == {"network": "tts", "application": "app1", "device": "dev1"}
    over_mqtt = lorawan.event("v3/app1@t/devices/dev1/up", json.dumps(sample("tts-v3/uplink-message.json")).encode())
    assert over_mqtt.uplink is not None
    assert over_mqtt.uplink.route["application"] == "app1@t"


@pytest.mark.parametrize(
    ("name", "kind", "delivery"),
    [
        ("join-message", "join", None),
        ("downlink-event-message", "down/ack", CommandStatus.OK),
        ("downlink-failed-event-message", "down/failed", CommandStatus.ERROR),
        ("downlink-message", "down/push", None),
    ],
)
def test_tts_other_messages_carry_no_measures(name, kind, delivery):
    event = over_http("tts", "up", f"tts-v3/{name}.json")
    assert (event.kind, event.uplink, event.delivery) == (kind, None, delivery)
    if delivery is not None:
        assert event.downlinks[0].startswith("as:downlink:")


def test_tts_a_message_on_the_topic_of_another_device_is_refused():
    message = json.dumps(sample("tts-v3/uplink-message.json")).encode()
    with pytest.raises(MalformedMessage):
        lorawan.event("v3/app1/devices/dev2/up", message)


@pytest.mark.parametrize(
    ("name", "device", "port", "counter", "payload", "rssi"),
    [
        ("uplink_frame", "000000000f1d8693", 2, 7011, "0027bd00", -60),
        ("iot-flow-original-message", "0018b20000000b20", 1, 1174, "9e1c4852512000220020e3831071", -80),
        ("iot-flow-decoded-message", "20635f0108000e09", 17, 265, "0520be8800400108c9000000", -65),
        ("iot-flow-legacy-format", "20635f0108000e09", 17, 265, "0520be8800400108c9000000", -65),
    ],
)
def test_actility_numbers_as_text_and_a_missing_envelope(name, device, port, counter, payload, rssi):
    for network in ("actility", "any"):
        up = over_http(network, "up", f"actility/{name}.json").uplink
        assert up is not None
        found = (up.device_id, up.f_port, up.f_cnt, up.payload.hex(), up.rssi)
        assert found == (device, port, counter, payload, rssi)
        assert (up.decoded is not None) == (name in ("iot-flow-decoded-message", "iot-flow-legacy-format"))


def test_actility_a_failed_decoder_leaves_the_bytes():
    event = over_http("actility", "up", "actility/iot-flow-error-while-decoding-the-message.json")
    assert event.uplink is not None
    assert event.uplink.decoded is None
    assert event.uplink.payload.hex().startswith("4c0500021d")
    assert "fPort" in event.detail


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("iot-flow-joinrequest-message", "join"),
        ("iot-flow-joinrequest-message-3", "join"),
        ("location_report", "location"),
        ("notification_report", "notification"),
        ("downlink_frame", "downlink"),
        ("downlink_frame_sent_report", "sent"),
    ],
)
def test_actility_other_reports_carry_no_measures(name, kind):
    event = over_http("actility", "up", f"actility/{name}.json")
    assert (event.kind, event.uplink) == (kind, None)


def test_actility_what_reports_tell():
    sent = over_http("actility", "up", "actility/downlink_frame_sent_report.json")
    assert (sent.device_id, sent.delivery, sent.downlinks) == (
        "000000000f1d8693", CommandStatus.DELIVERED, ("4434704901C7450B",),
    )  # fmt: skip
    located = over_http("actility", "up", "actility/location_report.json")
    assert located.location == {"latitude": 10.11212, "longitude": 7.44464, "altitude": 50}


def test_actility_the_decoded_payload_alone_is_refused_with_what_to_change():
    with pytest.raises(MalformedMessage, match="metadata"):
        over_http("actility", "up", "actility/iot-flow-decoded-payload-only.json")


def test_actility_a_request_for_another_device_is_refused():
    with pytest.raises(MalformedMessage, match="not the device"):
        over_http("actility", "ffffffffffffffff", "actility/uplink_frame.json")


@pytest.mark.parametrize(
    ("name", "device", "port", "counter", "start", "rssi", "snr"),
    [
        ("digimondo", "a81758fffe03ad50", 5, 1732, "0100d902", -48, 15),
        ("helium", "20635f01070003d6", 17, 13004, "0520d592", -37, 11.5),
        ("kerlink", "20635f0108001158", 17, 9, "0a50f683", -47, 7.5),
        ("loriot", "0011223344556677", 17, 17, "0a50f683", -97, -7.25),
        ("multitech", "008000000000e19a", 1, 1456, "f834b808", -35, 5.1),
        ("senra", "20635f00c800001f", 17, 2467, "030a9974", -49, 9.75),
    ],
)
def test_further_servers_are_told_apart(name, device, port, counter, start, rssi, snr):
    event = over_http("any", "up", f"other-lns/{name}-uplink.json")
    up = event.uplink
    assert up is not None
    assert (event.network, up.device_id, up.f_port, up.f_cnt, up.rssi, up.snr) == (
        name,
        device,
        port,
        counter,
        rssi,
        snr,
    )
    assert up.payload.hex().startswith(start)


def test_no_sample_is_left_out_and_none_fails_otherwise_than_with_a_reason():
    files = sorted(SAMPLES.glob("*/*.json"))
    if not files:
        pytest.skip("the published samples are not here")
    refused = []
    for file in files:
        try:
            lorawan.event("lorawan/any/up", file.read_bytes())
        except MalformedMessage:
            refused.append(file.name)
    assert refused == ["iot-flow-decoded-payload-only.json"]


def test_an_encrypted_payload_is_refused():
    message = {"devEui": "20635F00C800001F", "pdu": "00", "encrypted": True}
    with pytest.raises(MalformedMessage, match="encrypted"):
        other.event(message)


@pytest.mark.parametrize("reader", [tts.event, actility.event])
@pytest.mark.parametrize("message", [None, [], "x", 5, {}, {"end_device_ids": 5}, {"DevEUI_uplink": {"DevEUI": 7}}])
def test_garbage_is_refused(reader, message):
    with pytest.raises(MalformedMessage):
        reader(message)
