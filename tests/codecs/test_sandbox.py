"""What a hostile or broken codec can do: nothing to the machine, and little to the others."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agents.codecs.engine import CodecRefusal, Engine
from agents.codecs.outcome import Decoded
from agents.codecs.sandbox import CodecCall, CodecSandbox
from agents.core.errors import UndecodablePayload

GOOD = "function decodeUplink(i) { return { data: { n: i.bytes.length, port: i.fPort } }; }"
SOURCES = {
    "good": GOOD,
    "loop": "function decodeUplink() { for (;;) {} }",
    "hog": "function decodeUplink() { var a = []; for (;;) a.push(new Array(1000).fill(7)); }",
    "deep": "function f() { return f() + 1; } function decodeUplink() { return f(); }",
    "regex": 'function decodeUplink() { return { data: { x: /^(a+)+$/.test("a".repeat(60) + "b") } }; }',
    "old-ttn": "function Decoder(bytes, port) { return { first: bytes[0], port: port }; }",
    "old-chirpstack": "function Decode(fPort, bytes, variables) { return { port: fPort, v: variables.v }; }",
    "date": "function decodeUplink(i) { return { data: { t: i.recvTime.toISOString() } }; }",
    "slow": "function decodeUplink() { for (var i = 0; i < 3e6; i++); return { data: { a: 1 } }; }",
    "errors": 'function decodeUplink() { return { errors: ["too short"] }; }',
    "throws": 'function decodeUplink() { throw new Error("no"); }',
    "syntax": "function decodeUplink( {",
    "none": "var x = 1;",
    "nothing": "function decodeUplink() {}",
    "huge": 'function decodeUplink() { return { data: { x: "y".repeat(100000) } }; }',
    "cycle": "function decodeUplink() { var a = {}; a.a = a; return { data: a }; }",
    "async": "async function decodeUplink() { return { data: { a: 1 } }; }",
    "spy": """function decodeUplink() {
        var found = [];
        for (var name of ["std", "os", "process", "fetch", "XMLHttpRequest", "Worker", "setTimeout", "Deno"])
            if (typeof globalThis[name] !== "undefined") found.push(name);
        return { data: { found: found } };
    }""",
    "vandal": "JSON.parse = JSON.stringify = null; Object.prototype.data = { evil: 1 };" + GOOD,
}


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.fixture
async def sandbox():
    sandbox = CodecSandbox(SOURCES)
    yield sandbox
    await sandbox.close()


async def one(sandbox: CodecSandbox, codec: str, payload: bytes = b"\x07", **more: object) -> object:
    call = CodecCall(codec, payload, 3, 1_700_000_000_000_000, **more)  # type: ignore[arg-type]
    return (await sandbox.decode([call]))[0]


@pytest.mark.parametrize(
    ("codec", "data"),
    [
        ("good", {"n": 1, "port": 3}),
        ("old-ttn", {"first": 7, "port": 3}),
        ("old-chirpstack", {"port": 3, "v": "1"}),
        ("date", {"t": "2023-11-14T22:13:20.000Z"}),
        ("spy", {"found": []}),
    ],
)
async def test_the_three_interfaces_decode_and_see_nothing_of_the_machine(
    sandbox: CodecSandbox, codec: str, data: dict[str, object]
) -> None:
    assert await one(sandbox, codec, variables={"v": "1"}) == Decoded(data, [])


@pytest.mark.parametrize(
    ("codec", "reason"),
    [
        ("loop", "250 ms"),
        ("hog", "64 MB"),
        ("regex", "250 ms"),
        ("deep", "recurses"),
        ("errors", "too short"),
        ("throws", "no"),
        ("syntax", "SyntaxError"),
        ("none", "no decodeUplink"),
        ("nothing", "nothing"),
        ("huge", "65536"),
        ("cycle", "circular"),
        ("async", "no data object"),
        ("absent", "not loaded"),
    ],
)
async def test_a_bad_codec_gives_a_reason_and_the_worker_lives_on(
    sandbox: CodecSandbox, codec: str, reason: str
) -> None:
    result = await one(sandbox, codec)
    assert isinstance(result, UndecodablePayload)
    assert reason in result.detail
    assert await one(sandbox, "good") == Decoded({"n": 1, "port": 3}, [])
    assert sandbox.restarts == 0


async def test_a_codec_that_spoils_its_own_globals_spoils_no_other(sandbox: CodecSandbox) -> None:
    await one(sandbox, "vandal")
    assert isinstance(await one(sandbox, "nothing"), UndecodablePayload)
    assert await one(sandbox, "good") == Decoded({"n": 1, "port": 3}, [])


async def test_a_looping_codec_delays_a_batch_once_and_not_per_frame(sandbox: CodecSandbox) -> None:
    calls = [CodecCall("loop" if n % 2 else "good", b"", 1, 0) for n in range(200)]
    results = await sandbox.decode(calls)
    assert sum(isinstance(each, Decoded) for each in results) == 100
    rested = [each for each in results if isinstance(each, UndecodablePayload) and "rests" in each.detail]
    assert len(rested) == 99
    assert sandbox.restarts == 0


async def test_results_come_in_the_order_of_the_calls_over_many_frames(sandbox: CodecSandbox) -> None:
    results = await sandbox.decode([CodecCall("good", bytes(n % 50), 1, 0) for n in range(700)])
    assert [each.data["n"] for each in results if isinstance(each, Decoded)] == [n % 50 for n in range(700)]


async def test_a_killed_worker_is_replaced(sandbox: CodecSandbox) -> None:
    await one(sandbox, "good")
    first = sandbox.worker_pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    # The death may show in the middle of the call: then the single call gets its error and the next one works.
    await one(sandbox, "good")
    assert await one(sandbox, "good") == Decoded({"n": 1, "port": 3}, [])
    assert sandbox.worker_pid != first


async def test_a_worker_that_does_not_answer_is_killed() -> None:
    sandbox = CodecSandbox(SOURCES, stuck_after=0.5)
    await one(sandbox, "good")
    pid = sandbox.worker_pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    result = await one(sandbox, "good")
    assert isinstance(result, UndecodablePayload)
    assert "no answer" in result.detail
    assert not is_running(pid)
    assert isinstance(await one(sandbox, "good"), Decoded)
    await sandbox.close()


async def test_a_cancelled_call_leaves_no_answer_for_the_next(sandbox: CodecSandbox) -> None:
    await one(sandbox, "good")
    call = asyncio.create_task(one(sandbox, "loop"))
    await asyncio.sleep(0.05)
    call.cancel()
    await asyncio.wait([call])
    assert await one(sandbox, "good") == Decoded({"n": 1, "port": 3}, [])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
async def test_the_worker_can_open_nothing_and_knows_nothing(sandbox: CodecSandbox) -> None:
    await one(sandbox, "good")
    process = Path(f"/proc/{sandbox.worker_pid}")
    assert process.joinpath("environ").read_bytes().find(b"ECLOR") == -1
    limits = {line[:26].strip(): line[26:].split()[0] for line in (process / "limits").read_text().splitlines()}
    assert limits["Max open files"] == "3"
    assert limits["Max file size"] == "0"
    assert int(limits["Max address space"]) <= 1 << 30
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    assert status["Seccomp"].strip() == "2"
    assert status["NoNewPrivs"].strip() == "1"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the filter is Linux's")
@pytest.mark.parametrize(
    "attempt",
    [
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
        "socket.socket()",
        "open('/etc/hostname')",
        "os.kill(1, 0)",
        "os.pipe()",
    ],
)
def test_code_that_broke_out_of_the_engine_could_not_do_it(attempt: str) -> None:
    program = f"""
import os, socket, sys
from agents.codecs.confine import confine
confine()
try:
    {attempt}
except OSError as refused:
    os.write(1, str(refused.errno).encode())
os._exit(0)
"""
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, check=False, timeout=20)
    assert run.stdout == b"1", run.stderr  # EPERM


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the death signal is Linux's")
def test_the_worker_dies_with_a_parent_that_is_killed() -> None:
    program = (
        "import asyncio\nfrom agents.codecs.sandbox import *\n"
        "async def main():\n s = CodecSandbox({'g': " + repr(GOOD) + "})\n"
        " await s.decode([CodecCall('g', b'', 1, 0)])\n print(s.worker_pid, flush=True)\n await asyncio.sleep(60)\n"
        "asyncio.run(main())"
    )
    root = Path(__file__).parents[2]
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=root)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    os.kill(worker, signal.SIGSTOP)  # a busy worker does not see that its stdin ended
    parent.kill()
    parent.wait()
    parent.stdout.close()
    try:
        deadline = time.monotonic() + 10
        while is_running(worker) and " Z " not in Path(f"/proc/{worker}/stat").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


async def test_a_codec_that_is_always_slow_delays_the_others_by_a_second_a_minute() -> None:
    # A second of CPU may take many on a busy machine.
    sandbox = CodecSandbox(SOURCES, stuck_after=60)
    calls = [CodecCall("slow" if n % 2 else "good", b"", 1, 0) for n in range(200)]
    results = await sandbox.decode(calls)
    assert all(isinstance(each, Decoded) for each in results[::2])
    slow = results[1::2]
    worked = sum(isinstance(each, Decoded) for each in slow)
    assert 4 <= worked <= 50  # of a second, a call takes a fiftieth to a quarter
    refused = [each.detail for each in slow if isinstance(each, UndecodablePayload)]
    assert len(refused) == 100 - worked
    # The last call before the rest may be the one that takes more than its own 250 ms.
    assert all("rests" in each or "250 ms" in each for each in refused)
    assert sandbox.restarts == 0
    await sandbox.close()


async def test_dates_do_not_depend_on_the_zone_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    sandbox = CodecSandbox({"zone": "function decodeUplink(i) { return { data: { h: i.recvTime.getHours() } }; }"})
    assert await one(sandbox, "zone") == Decoded({"h": 22}, [])
    await sandbox.close()


def test_a_replaced_source_takes_effect_and_ends_a_rest() -> None:
    engine = Engine(time_limit=0.05)
    engine.load("c", SOURCES["loop"])
    argument = CodecCall("c", b"", 1, 0).argument
    with pytest.raises(CodecRefusal):
        engine.call("c", "decodeUplink", argument)
    engine.load("c", GOOD)
    assert engine.call("c", "decodeUplink", argument)["data"] == {"n": 0, "port": 1}
