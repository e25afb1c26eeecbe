r"""Regular expressions of clients (`~=` of clause 4.9, `idPattern` of 5.2.33), matched in linear time.

IEEE 1003.2 extended expressions, found anywhere in the text as `regexec` does, plus what clients expect besides:

```
pattern = [ "(?i)" ] branches
branches = *piece *( "|" *piece )
piece   = atom *( "*" / "+" / "?" / "{" m [ "," [ n ] ] "}" )      ; a "?" after a repetition changes nothing here
atom    = char / "." / "^" / "$" / "[" set "]" / "(" branches ")" / "(?:" branches ")" / "\" escape
escape  = "d" / "D" / "w" / "W" / "s" / "S" / any punctuation
```

A pattern becomes an automaton whose sets of states are followed together (Thompson), each step remembered. There is
no backtracking, so no pattern is slow on any text: see `docs/adr/0007-user-regexes.md`.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from broker.core.model.errors import BadRequestData, TooComplexQuery
from broker.core.ql import limits

_Test: TypeAlias = Callable[[str], bool]
_Edges: TypeAlias = list[list[int]]

_CLASSES: dict[str, _Test] = {
    "alpha": str.isalpha,
    "digit": str.isdigit,
    "alnum": str.isalnum,
    "upper": str.isupper,
    "lower": str.islower,
    "space": str.isspace,
    "blank": lambda c: c in " \t",
    "punct": lambda c: c.isprintable() and not c.isalnum() and not c.isspace(),
    "xdigit": lambda c: c in "0123456789abcdefABCDEF",
    "cntrl": lambda c: ord(c) < 32 or ord(c) == 127,
    "print": str.isprintable,
    "graph": lambda c: c.isprintable() and not c.isspace(),
}
_ESCAPES: dict[str, _Test] = {
    "d": lambda c: "0" <= c <= "9",
    "w": lambda c: c.isalnum() or c == "_",
    "s": str.isspace,
    "D": lambda c: not "0" <= c <= "9",
    "W": lambda c: not (c.isalnum() or c == "_"),
    "S": lambda c: not c.isspace(),
}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r"}
_COUNT = re.compile(r"\{(\d{1,3})(?:(,)(\d{0,3}))?\}", re.ASCII)
_REPEAT_MAX = 255
"""RE_DUP_MAX of IEEE 1003.2."""
_STEPS_KEPT = 2_000
"""Remembered steps of one automaton before they are forgotten: bounds its memory to some 200 kB."""
_ANY, _BEGIN, _END = "any", "begin", "end"


class Pattern:
    """A compiled pattern."""

    __slots__ = ("_accept", "_edges", "_ends", "_folds", "_start", "_steps", "_tests")

    def __init__(self, builder: "_Builder", folds: bool) -> None:
        self._edges, self._tests = builder.edges, builder.tests
        self._accept = builder.accept
        self._folds = folds
        self._start = builder.start
        self._steps: dict[tuple[frozenset[int], str], frozenset[int]] = {}
        self._ends: dict[frozenset[int], bool] = {}

    def search(self, text: str) -> bool:
        """Whether the pattern is found anywhere in the text. Takes time proportional to its length."""
        if self._folds:
            text = text.lower()
        states = self._closure({self._start}, begins=True, ends=not text)
        steps = self._steps
        for char in text:
            if self._accept in states:
                return True
            following = steps.get((states, char))
            if following is None:
                following = self._step(states, char)
            states = following
        return self._accept in states or self._accepts_at_end(states)

    def _step(self, states: frozenset[int], char: str) -> frozenset[int]:
        reached = {self._start}
        for state in states:
            test = self._tests.get(state)
            if callable(test) and test(char):
                reached.update(self._edges[state])
        following = self._closure(reached, begins=False, ends=False)
        if len(self._steps) >= _STEPS_KEPT:
            self._steps.clear()
            self._ends.clear()
        self._steps[states, char] = following
        return following

    def _accepts_at_end(self, states: frozenset[int]) -> bool:
        known = self._ends.get(states)
        if known is None:
            known = self._ends[states] = self._accept in self._closure(set(states), begins=False, ends=True)
        return known

    def _closure(self, states: set[int], *, begins: bool, ends: bool) -> frozenset[int]:
        """All states reachable without reading: over empty edges, and over `^` and `$` where they hold."""
        stack = list(states)
        while stack:
            state = stack.pop()
            test = self._tests.get(state)
            if test is None or (test == _BEGIN and begins) or (test == _END and ends):
                fresh = [each for each in self._edges[state] if each not in states]
                states.update(fresh)
                stack.extend(fresh)
        return frozenset(states)


@lru_cache(512)
def compile_pattern(text: str) -> Pattern:
    """Compile a pattern. Raises BadRequestData where it is none, TooComplexQuery beyond a bound of `limits`."""
    limits.check_length(text, "The regular expression", limits.PATTERN_CHARACTERS)
    folds = text.startswith("(?i)")
    builder = _Builder(text[4:].lower() if folds else text, text)
    return Pattern(builder, folds)


class _Builder:
    """Parses the text and builds the automaton on the way: each fragment is a (first, last) pair of states."""

    def __init__(self, text: str, written: str) -> None:
        self._text, self._written, self._at = text, written, 0
        self.edges: _Edges = []
        self.tests: dict[int, _Test | str] = {}
        self.start, self.accept = self._branches(0)
        if self._at < len(text):
            raise self._error("an unmatched ')'")

    def _state(self, test: "_Test | str | None" = None) -> int:
        if len(self.edges) >= limits.PATTERN_STATES:
            raise TooComplexQuery(f"The regular expression {self._written!r} repeats too much: use smaller counts.")
        self.edges.append([])
        if test is not None:
            self.tests[len(self.edges) - 1] = test
        return len(self.edges) - 1

    def _branches(self, depth: int) -> tuple[int, int]:
        if depth > limits.QUERY_DEPTH:
            raise TooComplexQuery(
                f"The regular expression {self._written!r} nests more than {limits.QUERY_DEPTH} deep."
            )
        first, last = self._state(), self._state()
        while True:
            head, tail = self._sequence(depth)
            self.edges[first].append(head)
            self.edges[tail].append(last)
            if not self._text.startswith("|", self._at):
                return first, last
            self._at += 1

    def _sequence(self, depth: int) -> tuple[int, int]:
        first = last = self._state()
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            head, tail = self._piece(depth)
            self.edges[last].append(head)
            last = tail
        return first, last

    def _piece(self, depth: int) -> tuple[int, int]:
        begin = self._at
        fragment = self._atom(depth)
        end = self._at
        bounds = self._repetition()
        return fragment if bounds is None else self._repeat(fragment, begin, end, bounds, depth)

    def _repetition(self) -> tuple[int, int | None] | None:
        char = self._text[self._at : self._at + 1]
        simple: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        if char in simple and char:
            self._at += 1
            bounds = simple[char]
        elif char == "{" and (match := _COUNT.match(self._text, self._at)):
            self._at = match.end()
            low = int(match[1])
            bounds = (low, low if match[2] is None else int(match[3]) if match[3] else None)
            if low > _REPEAT_MAX or (bounds[1] is not None and not low <= bounds[1] <= _REPEAT_MAX):
                raise self._error(f"a count that is not in order or above {_REPEAT_MAX}")
        else:
            return None
        if self._text.startswith("?", self._at):
            self._at += 1
        if self._text[self._at : self._at + 1] in {"*", "+"}:
            raise self._error("a repetition of a repetition: put the inner one in parentheses")
        return bounds

    def _repeat(
        self, fragment: tuple[int, int], begin: int, end: int, bounds: tuple[int, int | None], depth: int
    ) -> tuple[int, int]:
        """Copies of the fragment, by reading its text again: `low` that must be, then optional or looping ones."""
        low, high = bounds
        after = self._at
        first = last = self._state()
        copies = [fragment]
        for _ in range(max(low, high or 0, 1) - 1):
            self._at = begin
            copies.append(self._atom(depth))
        self._at = after
        done = self._state()
        for number, (head, tail) in enumerate(copies):
            if number >= low:
                self.edges[last].append(done)
            if high == 0:
                break
            self.edges[last].append(head)
            last = tail
        if high is None:
            self.edges[last].append(copies[-1][0])
        self.edges[last].append(done)
        return first, done

    def _atom(self, depth: int) -> tuple[int, int]:
        char = self._text[self._at]
        self._at += 1
        if char == "(":
            return self._group(depth)
        if char in "*+?":
            raise self._error(f"{char!r} with nothing to repeat")
        test: _Test | str
        if char == ".":
            test = lambda _: True  # noqa: E731  # one of many tests, named by its place
        elif char in "^$":
            test = _BEGIN if char == "^" else _END
        elif char == "[":
            test = self._set()
        elif char == "\\":
            test = self._escape()
        else:
            test = char.__eq__
        first, last = self._state(test), self._state()
        self.edges[first].append(last)
        return first, last

    def _group(self, depth: int) -> tuple[int, int]:
        if self._text.startswith("?:", self._at):
            self._at += 2
        elif self._text.startswith("?", self._at):
            raise self._error("'(?': look-around, names and flags are not supported, except (?i) at the start")
        fragment = self._branches(depth + 1)
        if not self._text.startswith(")", self._at):
            raise self._error("an unmatched '('")
        self._at += 1
        return fragment

    def _escape(self) -> _Test:
        if self._at >= len(self._text):
            raise self._error("a backslash at the end")
        char = self._text[self._at]
        self._at += 1
        if char in _ESCAPES:
            return _ESCAPES[char]
        if char.isalnum() and char not in _CONTROLS:
            raise self._error(f"'\\{char}', which is not supported")
        return _CONTROLS.get(char, char).__eq__

    def _set(self) -> _Test:
        negated = self._text.startswith("^", self._at)
        self._at += negated
        single: set[str] = set()
        spans: list[tuple[str, str]] = []
        tests: list[_Test] = []
        begin = self._at
        while not self._text.startswith("]", self._at) or self._at == begin:
            if self._at >= len(self._text):
                raise self._error("an unmatched '['")
            self._set_item(single, spans, tests)
        self._at += 1
        found: _Test = lambda c: c in single or any(a <= c <= b for a, b in spans) or any(t(c) for t in tests)  # noqa: E731
        return (lambda c: not found(c)) if negated else found

    def _set_item(self, single: set[str], spans: list[tuple[str, str]], tests: list[_Test]) -> None:
        named = re.compile(r"\[:(\w+):\]").match(self._text, self._at)
        if named:
            if named[1] not in _CLASSES:
                raise self._error(f"the class {named.group()}")
            tests.append(_CLASSES[named[1]])
            self._at = named.end()
            return
        char = self._text[self._at]
        self._at += 1
        if char == "\\" and self._at < len(self._text):
            char = self._text[self._at]
            self._at += 1
            if char in _ESCAPES:
                tests.append(_ESCAPES[char])
                return
            char = _CONTROLS.get(char, char)
        upper = self._text[self._at + 1 : self._at + 2]
        if self._text.startswith("-", self._at) and upper not in {"]", ""}:
            if char > upper or upper in "\\[":
                raise self._error("a range in [] that is not in order")
            spans.append((char, upper))
            self._at += 2
        else:
            single.add(char)

    def _error(self, found: str) -> BadRequestData:
        return BadRequestData(f"The regular expression {self._written!r} has {found}.")
