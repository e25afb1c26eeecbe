"""Runs JavaScript codecs (LoRa Alliance TS013) in QuickJS contexts, each bounded in time and memory.

Belongs into the worker process: a flaw in the engine must not reach a process that holds connections.
"""

import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import _quickjs
import orjson

TIME_LIMIT = 0.25
"""Seconds of CPU a call may take; the codecs here need some twenty microseconds."""
MEMORY_LIMIT = 64 * 1024 * 1024
"""Bytes a codec's heap may hold."""
CONTEXTS = 128
"""Contexts kept ready (0.2 MB each); the least recently used goes first and comes back when needed."""
RESULT_LIMIT = 65_536
"""Characters of JSON a call may return: a LoRaWAN frame has at most 242 bytes to tell of."""
PENALTY = 60.0
"""Seconds a codec that exhausted its time or memory is refused, so that it cannot eat the time of others."""
SLOW = 0.02
"""Seconds of CPU from which a call counts as slow."""
SLOW_ALLOWED = 1.0
"""Seconds of slow calls a codec may take up in `PENALTY` seconds: so much of a minute it may keep from the others."""

_PRELUDE = (Path(__file__).parent / "prelude.js").read_text(encoding="utf-8")
_SHIM = (Path(__file__).parent / "shim.js").read_text(encoding="utf-8")

_NAMES = (
    "decodeUplink",
    "decodeDownlink",
    "encodeDownlink",
    "normalizeUplink",
    "Decode",
    "Decoder",
    "Encode",
    "Encoder",
)
_OF_SCOPE = re.compile(r"\b(?:this|globalThis)\b")
_STRICT = re.compile(r"""^\s*["']use strict["']""", re.MULTILINE)
_FUNCTION = re.compile(r"\bfunction\s*\*?\s*([A-Za-z_$][\w$]*)\s*\(", re.ASCII)
_VARIABLE = re.compile(r"^var\s+([A-Za-z_$][\w$]*)", re.ASCII | re.MULTILINE)
_DEFINED = "{" + ", ".join(f'{name}: typeof {name} === "undefined" ? null : {name}' for name in _NAMES) + "}"


class CodecRefusal(Exception):
    """A codec did not decode; the text says why."""


class Engine:
    """The codecs of a worker by identifier."""

    def __init__(self, *, time_limit: float = TIME_LIMIT, memory_limit: int = MEMORY_LIMIT) -> None:
        self._time_limit = time_limit
        self._memory_limit = memory_limit
        self._sources: dict[str, str] = {}
        self._functions: OrderedDict[str, Callable[[str, str], Any]] = OrderedDict()
        self._refused_until: dict[str, float] = {}
        self._slow: dict[str, tuple[float, float]] = {}
        """Since when, and how many seconds of slow calls."""

    def load(self, codec: str, source: str) -> None:
        """Register or replace a codec's source; it is compiled at its first call."""
        self._sources[codec] = source
        self._functions.pop(codec, None)
        self._refused_until.pop(codec, None)
        self._slow.pop(codec, None)

    def call(self, codec: str, routine: str, argument: str) -> Any:
        """Call a routine of a codec (`decodeUplink`, `encodeDownlink`, `decodeDownlink`, `normalizeUplink`).

        Args:
            argument: Its one argument as JSON text; `recvTime` is in milliseconds and reaches the codec as a `Date`.

        Returns:
            What the codec returned, as JSON values.

        Raises:
            CodecRefusal: The codec has no such routine, threw, returned nothing, or used up its time or memory.
        """
        if self._refused_until.get(codec, 0.0) > time.monotonic():
            raise CodecRefusal(f"the codec used up its time or memory less than {PENALTY:.0f} s ago and rests")
        started = time.process_time()
        try:
            text = self._function(codec)(routine, argument)
        except _quickjs.StackOverflow:
            raise CodecRefusal("the codec recurses without end") from None
        except _quickjs.JSException as problem:
            raise self._refusal(codec, str(problem)) from None
        finally:
            taken = time.process_time() - started
            if taken > SLOW:
                self._note_slow(codec, taken)
        return _outcome(text)

    def _note_slow(self, codec: str, taken: float) -> None:
        now = time.monotonic()
        since, before = self._slow.get(codec, (now, 0.0))
        if now - since > PENALTY:
            since, before = now, 0.0
        self._slow[codec] = (since, before + taken)
        if before + taken > SLOW_ALLOWED:
            self._refused_until[codec] = since + PENALTY
            self._slow.pop(codec)

    def _function(self, codec: str) -> Callable[[str, str], Any]:
        known = self._functions.get(codec)
        if known is not None:
            self._functions.move_to_end(codec)
            return known
        source = self._sources.get(codec)
        if source is None:
            raise CodecRefusal("the codec is not loaded")
        context = _quickjs.Context()
        context.set_memory_limit(self._memory_limit)
        context.set_time_limit(self._time_limit)
        context.eval(_PRELUDE)
        function: Callable[[str, str], Any] = context.eval(_SHIM)(context.eval(_as_function(source)))
        self._functions[codec] = function
        if len(self._functions) > CONTEXTS:
            self._functions.popitem(last=False)
        return function

    def _refusal(self, codec: str, problem: str) -> CodecRefusal:
        first = problem.strip().splitlines()[0] if problem.strip() else "the codec failed"
        # The engine says `interrupted` when time is up; without memory it may have none left to say even that.
        if "interrupted" in first:
            return self._exhausted(codec, f"{self._time_limit * 1000:.0f} ms")
        if "out of memory" in first or first == "null":
            return self._exhausted(codec, f"{self._memory_limit >> 20} MB")
        return CodecRefusal(first[:500])

    def _exhausted(self, codec: str, limit: str) -> CodecRefusal:
        self._functions.pop(codec, None)
        self._refused_until[codec] = time.monotonic() + PENALTY
        return CodecRefusal(f"the codec used more than the {limit} it may")


def _as_function(source: str) -> str:
    """A codec's file as the body of a function that gives what it defines; an inner one, so that it may redeclare."""
    source = source.removeprefix("\ufeff")
    first, last = _shared(source)
    return (
        f"(function (module, exports) {{ return (function () {{{first}{source}\n"
        f";{last}return {_DEFINED};}}).call(globalThis); }})"
    )


def _shared(source: str) -> tuple[str, str]:
    """What makes the top level's functions and variables members of the global object, as those of a script are.

    Only where the file speaks of that object: in a plain call of a function `this` is it, but for strict code. A name
    that is declared further inside is not visible where these words stand and stays out.
    """
    if not _OF_SCOPE.search(source) or _STRICT.search(source):
        return "", ""
    functions = dict.fromkeys(_FUNCTION.findall(source))
    variables = [name for name in dict.fromkeys(_VARIABLE.findall(source)) if name not in functions]
    first = "".join(f'if (typeof {name} === "function") globalThis.{name} = {name};' for name in functions)
    last = "".join(f'if (typeof {name} !== "undefined") globalThis.{name} = {name};' for name in variables)
    return first, last


def _outcome(text: Any) -> Any:
    if not isinstance(text, str):
        raise CodecRefusal("the codec returned nothing")
    if len(text) > RESULT_LIMIT:
        raise CodecRefusal(f"the codec returned more than {RESULT_LIMIT} characters")
    return _parsed(text)


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        # Half a surrogate pair: JavaScript can hold one, JSON readers differ about it.
        return json.loads(text.encode("utf-8", "replace"))
