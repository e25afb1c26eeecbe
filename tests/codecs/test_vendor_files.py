"""What vendors' files use and how they are written: they run unmodified, and nothing of one call stays for the next."""

import json
from typing import Any

import pytest

from agents.codecs.engine import CodecRefusal, Engine
from agents.codecs.outcome import Encoded, encoded
from agents.codecs.registry import bundled_models, encoder_key, sources
from agents.codecs.sandbox import CodecSandbox
from agents.core.errors import UndecodablePayload


def call(source: str, routine: str = "decodeUplink", **argument: Any) -> Any:
    engine = Engine()
    engine.load("c", source)
    given = {"bytes": [1, 2, 3], "fPort": 7, **argument} if "data" not in argument else argument
    return engine.call("c", routine, json.dumps(given))


def data(expression: str) -> Any:
    return call(f"function decodeUplink(input) {{ return {{ data: {{ v: {expression} }} }}; }}")["data"].get("v")


@pytest.mark.parametrize(
    "source",
    [
        "function decodeUplink(i) { return { data: { n: i.bytes.length } }; }",
        "const decodeUplink = (i) => ({ data: { n: i.bytes.length } });",
        "var decodeUplink = function (i) { return { data: { n: i.bytes.length } }; } // the end",
        "'use strict'; let decodeUplink = (i) => ({ data: { n: i.bytes.length } })",
        "function d(i) { return { data: { n: i.bytes.length } }; } module.exports = { decodeUplink: d };",
        "exports.decodeUplink = (i) => ({ data: { n: i.bytes.length } });",
        "module.exports = { default: { decodeUplink: (i) => ({ data: { n: i.bytes.length } }) } };",
        "var module = module || {}; function decodeUplink(i) { return { data: { n: i.bytes.length } }; }",
        "const console = { log() {} }; function decodeUplink(i) { console.log(i); return { data: { n: 3 } }; }",
        "(function (root) { root.unused = 1; })(this); function decodeUplink() { return { data: { n: 3 } }; }",
        "\ufefffunction decodeUplink(i) { return { data: { n: i.bytes.length } }; }",
        "function Decoder(bytes, port) { return { n: bytes.length }; }",
        "function Decode(fPort, bytes, variables) { return { n: bytes.length }; }",
        "module.exports.Decoder = function (bytes) { return { n: bytes.length }; };",
        # In a script, functions and variables are members of the global object, which is `this` in a plain call.
        "function decodeUplink(i) { return { data: { n: this.count(i) } }; } function count(i) { return 3; }",
        "var add = 0; function decodeUplink(i) { return { data: { n: globalThis.add + i.bytes.length } }; }",
        "function decodeUplink(i) { function inner() { return 3; } return { data: { n: this.inner ? 0 : inner() } }; }",
        "'use strict'; function decodeUplink(i) { return { data: { n: this === undefined ? 3 : 0 } }; }",
    ],
)
def test_every_way_to_write_a_decoder(source):
    assert call(source)["data"] == {"n": 3}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("Buffer.from(input.bytes).toString('hex')", "010203"),
        ("Buffer.from('0aff', 'hex').readInt16BE(0)", 2815),
        ("Buffer.from('0aff', 'hex').readUInt16LE(0)", 65290),
        ("Buffer.from('41480000', 'hex').readFloatBE(0)", 12.5),
        ("Buffer.from('0102030405', 'hex').readUIntBE(0, 5)", 4328719365),
        ("Buffer.from('fffffe', 'hex').readIntBE(0, 3)", -2),
        ("Buffer.from('feffff', 'hex').readIntLE(0, 3)", -2),
        ("Buffer.from('aGk=', 'base64').toString()", "hi"),
        ("Buffer.from('hé€😀').toString('base64')", "aMOp4oKs8J+YgA=="),
        ("Buffer.from('hé€😀').toString('utf8')", "hé€😀"),
        ("Buffer.from([0xff, 0x41]).toString()", "\ufffdA"),
        ("Buffer.concat([Buffer.from([1]), Buffer.from([2, 3])]).toString('hex')", "010203"),
        ("Buffer.alloc(2, 7).toString('hex')", "0707"),
        ("(function () { var b = Buffer.alloc(4); b.writeInt16LE(-2, 1); return b.toString('hex'); })()", "00feff00"),
        (
            "(function () { var b = Buffer.alloc(3); b.writeUIntBE(66051, 0, 3); return b.toString('hex'); })()",
            "010203",
        ),
        ("Buffer.isBuffer(Buffer.from([1])) && !Buffer.isBuffer([1])", True),
        ("require('buffer').Buffer === Buffer", True),
        ("btoa('\\u0001\\u00ff')", "Af8="),
        ("atob('Af8=').charCodeAt(1)", 255),
        ("new TextDecoder().decode(new TextEncoder().encode('ü'))", "ü"),
        ("new Date(951917711000).toLocaleString()", "3/1/2000, 1:35:11 PM"),
        ("new Date(951917711000).toLocaleDateString()", "3/1/2000"),
        ("console.log('x') === undefined && console.warn('y') === undefined", True),
    ],
)
def test_what_network_servers_offer_beside_the_language(expression, value):
    assert data(expression) == value


def test_reading_beyond_a_buffer_is_an_error():
    with pytest.raises(CodecRefusal, match="outside"):
        data("Buffer.from([1]).readUIntBE(0, 2)")


def test_no_other_module_can_be_loaded():
    with pytest.raises(CodecRefusal, match="no other module"):
        data("require('fs')")


def test_variables_of_a_file_are_new_for_each_call():
    engine = Engine()
    engine.load("c", "var seen = 0; function decodeUplink(i) { seen++; leaked = (typeof leaked === 'undefined' ? 0 : leaked) + 1; return { data: { seen: seen, leaked: leaked } }; }")  # fmt: skip  # noqa: E501
    for _ in range(3):
        assert engine.call("c", "decodeUplink", "{}")["data"] == {"seen": 1, "leaked": 1}


def test_recv_time_is_a_date_and_its_absence_no_error():
    source = "function decodeUplink(i) { return { data: { t: i.recvTime ? i.recvTime.toISOString() : null } }; }"
    assert call(source, recvTime=1_700_000_000_000)["data"] == {"t": "2023-11-14T22:13:20.000Z"}
    assert call(source, recvTime="2023-11-14T22:13:20Z")["data"] == {"t": "2023-11-14T22:13:20.000Z"}
    assert call(source)["data"] == {"t": None}


@pytest.mark.parametrize(
    "source",
    [
        "function encodeDownlink(i) { return { bytes: [i.data.on ? 1 : 0], fPort: 9 }; }",
        "function encodeDownlink(i) { return { bytes: new Uint8Array([i.data.on ? 1 : 0]), fPort: 9 }; }",
        "function Encode(fPort, object, variables) { return [object.on ? 1 : 0]; }",
        "function Encoder(object, port) { return Buffer.from([object.on ? 1 : 0]); }",
    ],
)
def test_every_way_to_write_an_encoder(source):
    assert encoded(call(source, "encodeDownlink", data={"on": True}, fPort=9)) == Encoded(b"\x01", 9, [])


@pytest.mark.parametrize(
    "result",
    [
        None,
        {},
        {"bytes": [256]},
        {"bytes": [1.5]},
        {"bytes": [True]},
        {"bytes": "01"},
        {"bytes": [0] * 243},
        {"bytes": [1], "fPort": 0},
        {"bytes": [1], "fPort": 224},
        {"bytes": [1], "fPort": "9"},
        {"bytes": [1], "errors": ["no"]},
    ],
)
def test_what_an_encoder_must_not_return_is_refused(result):
    assert isinstance(encoded(result), UndecodablePayload)


async def test_our_own_codecs_switch_a_light_and_set_a_valve():
    models = bundled_models()
    assert encoder_key(models["mclimate/vicki"]) == "mclimate/vicki"
    sandbox = CodecSandbox(sources(models))
    try:
        light = await sandbox.encode("milesight-iot/ws558", {"switch_1": "on", "switch_3": "off"}, None)
        assert light == Encoded(bytes([0x08, 0b101, 0b001]), 85, [])
        valve = await sandbox.encode("mclimate/vicki", {"targetTemperature": 21}, None)
        assert valve == Encoded(bytes([0x0E, 21]), 1, [])
        for model, wrong in (("milesight-iot/ws558", {"switch_1": 1}), ("mclimate/vicki", {"targetTemperature": 90})):
            assert isinstance(await sandbox.encode(model, wrong, None), UndecodablePayload)
    finally:
        await sandbox.close()


async def test_an_encoder_in_a_file_of_its_own_is_found():
    separate = "function encodeDownlink() { return { bytes: [7], fPort: 1 }; }"
    sandbox = CodecSandbox({"a/b": "function decodeUplink() {}", "a/b#encoder": separate})
    try:
        assert await sandbox.encode("a/b", {}, None) == Encoded(b"\x07", 1, [])
    finally:
        await sandbox.close()
