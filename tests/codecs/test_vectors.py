"""Every bundled codec against the published example frames of its device, and laws over the registry."""

import json
from pathlib import Path

import pytest

from agents.codecs.outcome import Decoded
from agents.codecs.registry import VENDORS, bundled_models
from agents.codecs.sandbox import CodecCall, CodecSandbox
from agents.core.errors import UndecodablePayload
from agents.core.model import DeviceModel

VECTORS = Path(__file__).parents[2] / "../shared/payloads/lorawan"
CODECS = [name for name, model in bundled_models().items() if model.codec is not None]
NAMES_IN_VECTORS = {"bosch/tps110": "bosch--tps110-0292"}


def sources() -> dict[str, str]:
    return {name: model.codec for name, model in bundled_models().items() if model.codec is not None}


@pytest.mark.parametrize("name", CODECS)
async def test_the_published_frames_decode_exactly(name: str) -> None:
    path = VECTORS / (NAMES_IN_VECTORS.get(name, name.replace("/", "--")) + ".json")
    if not path.is_file():
        pytest.skip(f"{path.name}: the published example frames are not here")
    examples = json.loads(path.read_text(encoding="utf-8"))["examples"]
    calls = [CodecCall(name, bytes(each["input"]["bytes"]), each["input"]["fPort"], 0) for each in examples]
    sandbox = CodecSandbox(sources())
    try:
        results = await sandbox.decode(calls)
    finally:
        await sandbox.close()
    for example, result in zip(examples, results, strict=True):
        if "errors" in example["output"] and "data" not in example["output"]:
            assert isinstance(result, UndecodablePayload)
            assert result.detail == "; ".join(example["output"]["errors"])
            continue
        assert isinstance(result, Decoded), f"{example['description']}: {result}"
        assert result.data == example["output"]["data"], example["description"]
        assert result.warnings == example["output"].get("warnings", [])


@pytest.mark.parametrize("name", CODECS)
async def test_no_frame_brings_a_codec_to_more_than_a_reading_or_an_error(name: str) -> None:
    frames = [b"", b"\x00", b"\xff" * 51, bytes(range(242)), b"\x03\x67", b"\x01\x13\x00"]
    calls = [CodecCall(name, frame, port, 0) for frame in frames for port in (0, 1, 2, 3, 11, 20, 50, 85, 100, 223)]
    sandbox = CodecSandbox(sources())
    try:
        results = await sandbox.decode(calls)
    finally:
        await sandbox.close()
    assert sandbox.restarts == 0
    for result in results:
        assert isinstance(result, Decoded | UndecodablePayload)
        if isinstance(result, UndecodablePayload):
            assert "rests" not in result.detail
            assert "it may" not in result.detail


@pytest.mark.parametrize("model", bundled_models().values(), ids=lambda model: model.id)
def test_every_model_says_what_it_is(model: DeviceModel) -> None:
    assert model.description
    assert model.entity_type
    assert model.context.startswith("https://")
    names = [rule.name for rule in model.attributes]
    assert len(names) == len(set(names))
    assert model.keeps_unmapped or names


@pytest.mark.parametrize("model", bundled_models().values(), ids=lambda model: model.id)
def test_every_measure_that_a_rule_reads_is_one_the_device_has(model: DeviceModel) -> None:
    for rule in model.attributes:
        read = [rule.source[0]] if rule.source else [path[0] for path in rule.fields.values()]
        assert set(read) <= set(model.sensors), rule.name


@pytest.mark.parametrize("model", bundled_models().values(), ids=lambda model: model.id)
def test_every_attribute_stands_in_the_context_of_its_data_model(model: DeviceModel) -> None:
    subject = model.context.split("dataModel.")[1].split("/")[0]
    path = VECTORS.parents[1] / "smart-data-models" / subject / "context.jsonld"
    if not path.is_file():
        pytest.skip(f"{subject}: the published context is not here")
    context = json.loads(path.read_text(encoding="utf-8"))["@context"]
    assert model.entity_type in context
    assert [rule.name for rule in model.attributes if rule.name not in context] == []
    assert [name for name in model.static if name not in context] == []


def test_no_directory_of_a_vendor_is_left_out() -> None:
    directories = {f"{path.parent.name}/{path.name}" for path in VENDORS.glob("*/*") if path.is_dir()}
    assert directories == set(bundled_models())
