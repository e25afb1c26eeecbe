"""`eclor codec`: examples in every layout, import of a catalogue, the list to choose from."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agents.codecs.cli import main
from agents.codecs.registry import models_at, sources
from agents.codecs.vectors import Vector, differences, read_vectors
from agents.codecs.yaml12 import read_yaml

ROOT = Path(__file__).parents[2]
CODEC = """
function decodeUplink(input) {
  if (input.fPort !== 1) return { errors: ["unknown FPort"] };
  return { data: { t: input.bytes[0] / 10, on: input.bytes[1] === 1 ? "on" : "off" }, warnings: [] };
}
function normalizeUplink(input) { return { data: { air: { temperature: input.data.t } } }; }
function encodeDownlink(input) { return { bytes: [input.data.on === "on" ? 1 : 0], fPort: 2 }; }
function decodeDownlink(input) { return { data: { on: input.bytes[0] === 1 ? "on" : "off" } }; }
"""
VECTORS = """
uplinkDecoder:
  fileName: lamp.js
  examples:
    - description: on and warm
      input: { fPort: 1, bytes: [0xD7, 1] }
      output: { data: { t: 21.5, on: on } }
      normalizedOutput: { data: [{ air: { temperature: 21.5 } }] }
    - description: port
      input: { fPort: 9, bytes: [] }
      output: { errors: [unknown FPort] }
downlinkEncoder:
  fileName: lamp.js
  examples:
    - { description: off, input: { data: { on: off } }, output: { bytes: [0], fPort: 2 } }
downlinkDecoder:
  fileName: lamp.js
  examples:
    - { description: on, input: { fPort: 2, bytes: [1] }, output: { data: { on: on } } }
"""


@pytest.fixture
def lamp(tmp_path: Path) -> Path:
    file = tmp_path / "lamp.js"
    file.write_text(CODEC, encoding="utf-8")
    return file


def examples(tmp_path: Path, text: str, name: str = "lamp-codec.yaml") -> Path:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return file


def test_examples_that_agree_give_status_0(lamp, tmp_path, capsys):
    assert main(["test", str(lamp), str(examples(tmp_path, VECTORS))]) == 0
    assert "5 of 5 examples agree" in capsys.readouterr().out


def test_each_difference_is_printed_and_the_status_is_1(lamp, tmp_path, capsys):
    wrong = VECTORS.replace("t: 21.5, on: on", "t: 21.6, on: true, more: 1").replace(
        "bytes: [0], fPort: 2", "bytes: [1]"
    )
    assert main(["test", str(lamp), str(examples(tmp_path, wrong))]) == 1
    out = capsys.readouterr().out
    assert "data.t: expected 21.6, got 21.5" in out
    assert 'data.on: expected true, got "on"' in out
    assert "data.more: expected 1, got null" in out
    assert "bytes[0]: expected 1, got 0" in out
    assert "fPort: expected null, got 2" in out
    assert "2 of 5 examples agree" in out  # what is normalized is the output as the examples have it


@pytest.mark.parametrize(
    "document",
    [
        {
            "examples": [
                {
                    "type": "uplink",
                    "input": {"fPort": 1, "bytes": [215, 0]},
                    "output": {"data": {"t": 21.5, "on": "off"}},
                }
            ]
        },
        [
            {
                "name": "a",
                "input": {"fPort": 1, "bytes": [215, 0]},
                "expected": {"data": {"t": 21.5, "on": "off"}, "errors": []},
            }
        ],
    ],
)
def test_json_in_both_layouts(lamp, tmp_path, document):
    assert main(["test", str(lamp), str(examples(tmp_path, json.dumps(document), "test_decode_lamp.json"))]) == 0


@pytest.mark.parametrize("given", ["d7 00", "D700", "0xD7, 0x00"])
def test_bytes_may_be_hexadecimal_digits_and_a_type_names_the_routine(lamp, tmp_path, given, capsys):
    up = {"name": "up", "input": {"fPort": 1, "bytes": given}, "output": {"data": {"t": 21.5, "on": "off"}}}
    down = {"type": "downlink-encode", "input": {"data": {"on": "on"}}, "output": {"bytes": [1], "fPort": 2}}
    assert main(["test", str(lamp), str(examples(tmp_path, json.dumps([up, down]), "any.json"))]) == 0
    up["output"] = {}
    assert main(["test", str(lamp), str(examples(tmp_path, json.dumps([up, down]), "any.json"))]) == 1
    assert "decodeUplink (up): data: expected null" in capsys.readouterr().out


def test_json_with_hexadecimal_numbers_and_a_comma_too_many_is_read(lamp, tmp_path):
    text = '[{"input": {"fPort": 0x1, "bytes": [0xD7, 0]}, "expected": {"data": {"t": 21.5, "on": "off"}},},]'
    assert main(["test", str(lamp), str(examples(tmp_path, text, "test_decode_lamp.json"))]) == 0


def test_examples_are_found_beside_the_codec_and_below_a_directory(lamp, tmp_path, capsys):
    examples(tmp_path, VECTORS)
    examples(tmp_path, "name: Lamp\nfirmwareVersions: []", "lamp.yaml")
    (tmp_path / "lonely.js").write_text(CODEC, encoding="utf-8")
    assert main(["test", str(lamp)]) == 0
    assert main(["test", str(lamp), str(tmp_path)]) == 0
    assert main(["test", str(tmp_path)]) == 0
    assert "5 of 5 examples of 1 codecs agree" in capsys.readouterr().out
    assert main(["test", str(tmp_path / "lonely.js")]) == 2
    examples(tmp_path, VECTORS.replace("t: 21.5", "t: 21"))
    assert main(["test", str(tmp_path)]) == 1


def test_a_codec_in_a_directory_below_its_examples_is_found_from_either_side(lamp, tmp_path, capsys):
    apart = tmp_path / "payload"
    apart.mkdir()
    lamp.rename(apart / "lamp.js")
    (tmp_path / "lamp.js").write_text("function decodeUplink() { return {data: {}}; }", encoding="utf-8")
    examples(tmp_path, VECTORS.replace("lamp.js", "payload/lamp.js"))
    examples(tmp_path, VECTORS.replace("lamp.js", "payload/lamp.js"), "lantern-codec.yaml")
    assert main(["test", str(tmp_path)]) == 0
    assert "10 of 10 examples of 1 codecs agree" in capsys.readouterr().out
    assert main(["test", str(apart / "lamp.js")]) == 0
    assert main(["test", str(tmp_path / "lamp.js")]) == 2  # the examples speak of another file of that name


def test_only_the_examples_of_the_file_given_are_run(lamp, tmp_path, capsys):
    other = VECTORS.replace("downlinkEncoder:\n  fileName: lamp.js", "downlinkEncoder:\n  fileName: other.js")
    assert main(["test", str(lamp), str(examples(tmp_path, other))]) == 0
    assert "4 of 4" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text", ["a: [", "just words", "uplinkDecoder: {}", "uplinkDecoder: {examples: [{input: 5}]}", "[]"]
)
def test_what_cannot_be_read_gives_status_2(lamp, tmp_path, text, capsys):
    assert main(["test", str(lamp), str(examples(tmp_path, text))]) == 2
    assert "lamp-codec.yaml" in capsys.readouterr().err


def test_a_codec_that_loops_ends_with_a_difference(tmp_path, capsys):
    loop = examples(tmp_path, "function decodeUplink() { for (;;) {} }", "lamp.js")
    assert main(["test", str(loop), str(examples(tmp_path, VECTORS))]) == 1
    assert "250 ms" in capsys.readouterr().out


def test_the_command_of_the_platform_passes_on(lamp, tmp_path):
    command = [sys.executable, "-m", "broker.cli", "codec", "test", str(lamp), str(examples(tmp_path, VECTORS))]
    run = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout.strip()) == (0, "lamp.js: 5 of 5 examples agree")
    taught = subprocess.run([*command[:4], "--help"], check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert "eclor codec import" in taught.stdout


def test_a_reader_that_has_enough_ends_the_list_quietly():
    command = [sys.executable, "-m", "broker.cli", "codec", "list"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == 0


@pytest.mark.parametrize(
    ("expected", "result", "agrees"),
    [
        ({"data": {"a": 1}}, {"data": {"a": 1.0}, "warnings": [], "errors": []}, True),
        ({"data": {"a": 1}}, {"data": {"a": True}}, False),
        ({"data": {"a": 0.3}}, {"data": {"a": 0.1 + 0.2}}, True),
        ({"data": {"a": 0.3}}, {"data": {"a": 0.3001}}, False),
        ({"data": {"a": None}}, {"data": {}}, True),
        ({"data": {}}, {"data": {"a": 1}}, False),
        ({"data": {"a": [1, 2]}}, {"data": {"a": [1]}}, False),
        ({"data": {"a": "2020-01-01T00:00:00Z"}}, {"data": {"a": "2020-01-01T00:00:00.000Z"}}, True),
        ({"data": {"a": "1"}}, {"data": {"a": 1}}, False),
        ({"errors": ["x"]}, {"data": {"half": 1}, "errors": ["x"]}, True),
        ({"data": {}}, {"data": {}, "warnings": ["w"]}, False),
        ({"errors": ["x"]}, {"data": {}}, False),
    ],
)
def test_what_counts_as_agreement(expected, result, agrees):
    vector = Vector(None, "decodeUplink", "", {}, expected)
    assert (differences(vector, {"result": result}) == []) is agrees


def test_yaml_is_read_as_version_1_2():
    text = "{a: on, b: yes, c: 0x1F, d: 010, e: 1e3, f: 12:30, g: 2020-01-01, h: true, i: ~, j: .5, k: 1_000, l: 0o17}"
    assert read_yaml(text) == {
        "a": "on", "b": "yes", "c": 31, "d": 10, "e": 1000.0, "f": "12:30", "g": "2020-01-01", "h": True, "i": None,
        "j": 0.5, "k": "1_000", "l": 15,
    }  # fmt: skip


@pytest.mark.parametrize("text", ["!!python/object/apply:os.system ['true']", "{a: *b}", "[" * 5000, "a: b: c"])
def test_yaml_that_is_none_or_asks_for_code_is_refused(text):
    with pytest.raises(ValueError, match="YAML"):
        read_yaml(text)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    vendor = tmp_path / "lorawan-devices" / "vendor"
    maker = vendor / "lamp-maker"
    maker.mkdir(parents=True)
    region = "firmwareVersions: [{version: '1', profiles: {EU863-870: {id: eu, codec: %s}}}]"
    separate = VECTORS.replace("downlinkEncoder:\n  fileName: lamp.js", "downlinkEncoder:\n  fileName: down.js")
    files = {
        "../index.yaml": "vendors: [{id: lamp-maker, name: Lamp Maker}, {id: absent}, {id: ../..}]",
        "index.yaml": "endDevices: [lamp, plain, broken, sly]",
        "lamp.yaml": "name: Lamp 1\nsensors: [light]\n" + region % "lamp-codec",
        "plain.yaml": "name: Plain\n" + region % "null",
        "broken.yaml": "name: [",
        "sly.yaml": "name: Sly\n" + region % "sly-codec",
        "sly-codec.yaml": "uplinkDecoder: {fileName: ../../../secret.js}",
        "eu.yaml": "macVersion: 1.0.3\nsupportsClassC: true",
        "lamp-codec.yaml": separate,
        "lamp.js": CODEC,
        "down.js": "function encodeDownlink() { return { bytes: [7], fPort: 3 }; }",
        "../../../secret.js": "secret",
    }
    for name, text in files.items():
        (maker / name).write_text(text, encoding="utf-8")
    return vendor.parent


def test_a_checkout_is_imported_with_its_catalogue(checkout, tmp_path, capsys):
    out = tmp_path / "data" / "codecs"
    assert main(["import", str(checkout), "--out", str(out)]) == 0
    printed = capsys.readouterr()
    assert "0 devices, now " in printed.out
    assert "1 device models with a codec, 2 without" in printed.out
    assert "lamp-maker/broken" in printed.err
    assert "outside" in printed.err
    assert not any(b"secret" in path.read_bytes() for path in out.rglob("*.js"))
    models = models_at(out)
    lamp = models["lamp-maker/lamp"]
    assert lamp.codec == CODEC
    assert sources(models)["lamp-maker/lamp#encoder"].startswith("function encodeDownlink")
    assert models["lamp-maker/plain"].codec is None
    assert "milesight-iot/em400-mud" in models
    described = json.loads((out / "lamp-maker" / "lamp" / "device.json").read_text(encoding="utf-8"))
    assert described["catalogue"]["regions"] == {"EU863-870": {"macVersion": "1.0.3", "supportsClassC": True}}


def test_devices_are_chosen_from_a_list(checkout, tmp_path, capsys):
    out = tmp_path / "codecs"
    main(["import", str(checkout), "--out", str(out)])
    capsys.readouterr()
    assert main(["list", "lamp", "maker", "--from", str(out)]) == 0
    assert capsys.readouterr().out.startswith("lamp-maker/lamp")
    assert main(["list", "--json", "--from", str(out), "em400"]) == 0
    assert json.loads(capsys.readouterr().out)["entityType"] == "WasteContainer"
    assert main(["list", "nothing-like-it", "--from", str(out)]) == 1


def test_an_import_replaces_the_one_before_and_nothing_else(checkout, tmp_path, capsys):
    out = tmp_path / "codecs"
    assert main(["import", str(checkout), "--out", str(out)]) == 0
    (checkout / "vendor/lamp-maker/index.yaml").write_text("endDevices: [plain]")
    assert main(["import", str(checkout), "--out", str(out)]) == 0
    assert not (out / "lamp-maker" / "lamp").exists()
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("kept")
    assert main(["import", str(checkout), "--out", str(precious)]) == 2
    assert (precious / "file").read_text() == "kept"


def test_a_directory_without_the_layout_is_refused(tmp_path, capsys):
    assert main(["import", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "vendor/index.yaml" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_kept_example_frames_can_be_read_as_vectors():
    files = sorted((ROOT / "../shared/payloads/lorawan").glob("*.json"))
    if not files:
        pytest.skip("the published example frames are not here")
    assert all(read_vectors(file) for file in files)
