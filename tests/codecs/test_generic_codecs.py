"""Cayenne LPP and CBOR, which belong to no maker."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.codecs.engine import CodecRefusal, Engine
from agents.codecs.outcome import Decoded, decoded
from agents.codecs.registry import bundled_models
from agents.codecs.sandbox import CodecCall
from agents.core.errors import UndecodablePayload

ENGINE = Engine()
for name in ("generic/cayenne-lpp", "generic/cbor"):
    ENGINE.load(name, bundled_models()[name].codec or "")


def decode(codec: str, payload: bytes, **variables: str) -> Decoded | UndecodablePayload:
    argument = CodecCall(f"generic/{codec}", payload, 1, 0, variables).argument
    try:
        return decoded(ENGINE.call(f"generic/{codec}", "decodeUplink", argument))
    except CodecRefusal as refusal:
        return UndecodablePayload(str(refusal))


def read(codec: str, hexadecimal: str, **variables: str) -> dict:
    result = decode(codec, bytes.fromhex(hexadecimal), **variables)
    assert isinstance(result, Decoded), result
    return result.data


@pytest.mark.parametrize(
    ("frame", "flat", "nested"),
    [
        (
            "03670110056700ff",
            {"temperature_3": 27.2, "temperature_5": 25.5},
            {"temperatureSensor": {"3": 27.2, "5": 25.5}},
        ),
        ("0167ffd7", {"temperature_1": -4.1}, {"temperatureSensor": {"1": -4.1}}),
        (
            "067104d2fb2e0000",
            {"accelerometer_6": {"x": 1.234, "y": -1.234, "z": 0}},
            {"accelerometer": {"6": {"x": 1.234, "y": -1.234, "z": 0}}},
        ),
        (
            "018806765ff2960a0003e8",
            {"gps_1": {"latitude": 42.3519, "longitude": -87.9094, "altitude": 10}},
            {"gpsLocation": {"1": {"latitude": 42.3519, "longitude": -87.9094, "altitude": 10}}},
        ),
        (
            "0200010301ff",
            {"digital_in_2": 1, "digital_out_3": 255},
            {"digitalInput": {"2": 1}, "digitalOutput": {"3": 255}},
        ),
        (
            "0102fb2e020304d2",
            {"analog_in_1": -12.34, "analog_out_2": 12.34},
            {"analogInput": {"1": -12.34}, "analogOutput": {"2": 12.34}},
        ),
        ("0164ffffffff", {"generic_1": 4294967295}, {"genericSensor": {"1": 4294967295}}),
        ("0165ffff", {"luminosity_1": 65535}, {"illuminanceSensor": {"1": 65535}}),
        ("016601", {"presence_1": 1}, {"presenceSensor": {"1": 1}}),
        ("016883", {"relative_humidity_1": 65.5}, {"humiditySensor": {"1": 65.5}}),
        ("0173ffff", {"barometric_pressure_1": 6553.5}, {"barometer": {"1": 6553.5}}),
        ("01740943", {"voltage_1": 23.71}, {"voltage": {"1": 23.71}}),
        ("01750943", {"current_1": 2.371}, {"current": {"1": 2.371}}),
        ("017633bca100", {"frequency_1": 868000000}, {"frequency": {"1": 868000000}}),
        ("01785a", {"percentage_1": 90}, {"percentage": {"1": 90}}),
        ("0179fff6", {"altitude_1": -10}, {"altitude": {"1": -10}}),
        ("017d01f4", {"concentration_1": 500}, {"concentration": {"1": 500}}),
        ("01800bb8", {"power_1": 3000}, {"power": {"1": 3000}}),
        ("018200000bb8", {"distance_1": 3}, {"distance": {"1": 3}}),
        ("018300000bb9", {"energy_1": 3.001}, {"energy": {"1": 3.001}}),
        ("01840167", {"direction_1": 359}, {"direction": {"1": 359}}),
        ("018565f2d000", {"unix_time_1": 1710411776}, {"unixTime": {"1": 1710411776}}),
        (
            "01860064ff9c0000",
            {"gyrometer_1": {"x": 1, "y": -1, "z": 0}},
            {"gyrometer": {"1": {"x": 1, "y": -1, "z": 0}}},
        ),
        (
            "0187ff8000",
            {"colour_1": {"red": 255, "green": 128, "blue": 0}},
            {"colour": {"1": {"red": 255, "green": 128, "blue": 0}}},
        ),
        ("018e01", {"switch_1": 1}, {"switch": {"1": 1}}),
        ("", {}, {}),
    ],
)
def test_cayenne_lpp_every_type_in_both_styles_of_names(frame, flat, nested):
    assert read("cayenne-lpp", frame) == flat
    assert read("cayenne-lpp", frame, naming="nested") == nested


@pytest.mark.parametrize("frame", ["01", "0167", "016701", "01ff00", "0188067600"])
def test_cayenne_lpp_a_cut_or_unknown_record_is_an_error(frame):
    assert isinstance(decode("cayenne-lpp", bytes.fromhex(frame)), UndecodablePayload)


def test_the_model_with_chirpstacks_names_asks_for_them():
    model = bundled_models()["generic/cayenne-lpp-chirpstack"]
    assert model.codec == bundled_models()["generic/cayenne-lpp"].codec
    assert model.variables == {"naming": "nested"}


@pytest.mark.parametrize(
    ("frame", "data"),
    [
        ("a1617401", {"t": 1}),
        ("a261741864616820", {"t": 100, "h": -1}),
        ("a16174f94d5a", {"t": 21.40625}),
        ("a16174fa41ab3333", {"t": 21.4}),
        ("a16174fb403565604189374c", {"t": 21.396}),
        ("bf616102616282f5f6ff", {"a": 2, "b": [True, None]}),
        ("a1016568656c6c6f", {"1": "hello"}),
        ("a1616142cafe", {"a": "cafe"}),
        ("a161617f61c361bcff", {"a": "ü"}),
        ("a16161c11a65f2d000", {"a": 1710411776}),
        ("a16161a16162f4", {"a": {"b": False}}),
        ("a161611b0000000100000000", {"a": 4294967296}),
    ],
)
def test_cbor_items_of_every_kind(frame, data):
    assert read("cbor", frame) == data


@pytest.mark.parametrize(
    "frame", ["", "01", "80", "a1", "a16174", "a1617401ff", "a161741c", "a16174fc", "9f" * 40, "a16161ff"]
)
def test_cbor_what_is_no_map_is_an_error(frame):
    assert isinstance(decode("cbor", bytes.fromhex(frame)), UndecodablePayload)


@given(st.binary(max_size=60), st.sampled_from(["cayenne-lpp", "cbor"]))
def test_no_bytes_bring_them_to_more_than_a_reading_or_an_error(payload, codec):
    assert isinstance(decode(codec, payload), Decoded | UndecodablePayload)


def cbor(value: object) -> bytes:
    """As much of an encoder as the law below needs."""
    constants = {True: b"\xf5", False: b"\xf4", None: b"\xf6"}
    if value is None or isinstance(value, bool):
        return constants[value]
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    assert isinstance(value, dict)
    return head(5, len(value)) + b"".join(cbor(name) + cbor(each) for name, each in value.items())


def head(major: int, size: int) -> bytes:
    return bytes([major << 5 | size]) if size < 24 else bytes([major << 5 | 27]) + size.to_bytes(8, "big")


NAMES = st.text().filter(lambda name: name != "__proto__")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e15, 1e15) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60)
@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_cbor_reads_back_what_was_written(value):
    assert decode("cbor", cbor(value)) == Decoded(value, [])
