"""Parser of `q` (clause 4.9).

```
query    = and *( "|" and )                          ; AND binds closer than OR
and      = factor *( ";" factor )
factor   = "(" query ")" / "!" path / term
term     = name "{" [ name *( "," name ) ":" ] term "}" [ condition ]    ; linked entity
term     =/ path [ condition ]
path     = name *( "." name ) [ "[" ( member *( "." member ) / "*" ) "]" ]
condition = ( "==" / "!=" ) item *( "," item ) / ( ">" / ">=" / "<" / "<=" ) value / ( "~=" / "!~=" ) pattern
item     = value [ ".." value ]
value    = quoted / number / dateTime / date / time / "true" / "false" / URI / word   ; word only with expandValues
```

Two things go beyond the clause, because clients rely on them: `!` before a path (the target does not exist), and
associations within associations. In `a{b}==1` the condition belongs to the innermost path.
"""

import re
from collections.abc import Callable, Sequence

from broker.core.model.errors import BadRequestData
from broker.core.model.instant import parse_instant
from broker.core.ql import limits
from broker.core.ql.nodes import (
    ENTITY_MEMBERS,
    INSTANCE_MEMBERS,
    INSTANT_MEMBERS,
    And,
    Compare,
    Exists,
    Linked,
    Match,
    Not,
    Operator,
    Or,
    Path,
    QNode,
    Range,
    Term,
    Value,
)
from broker.core.ql.regex import compile_pattern
from broker.core.ql.values import read_quoted, read_value, storable

__all__ = ["QNode", "parse_q"]

_NAME = re.compile(r"[^\W\d_]\w*(?::[^\W\d_]\w*)?")
_PLAIN_NAME = re.compile(r"[^\W\d_]\w*")
_TYPES = re.compile(r"[^\W\d_]\w*(?:,[^\W\d_]\w*)*:")
_MEMBER = re.compile(r"[^\W\d][\w@:-]*|@\w+")
_OPERATOR = re.compile(r"==|!=|!~=|~=|>=|<=|>|<")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_BARE = re.compile(r'[^;|(){},\s"]+')


def parse_q(
    text: str,
    expand: Callable[[str], str],
    *,
    expand_values: Sequence[str] = (),
    json_keys: Sequence[str] = (),
) -> QNode:
    """Parse a `q`.

    `expand` maps an attribute or type name to its IRI. `expand_values` names the attributes (as written in the query,
    or their IRIs) whose values are names to be expanded too. `json_keys` needs no action: names in brackets are never
    expanded, as the JSON inside values is stored as given.

    Raises BadRequestData where the text is not of the grammar, TooComplexQuery beyond a bound of `limits`.
    """
    limits.check_length(text, "q")
    for names in (expand_values, json_keys):
        limits.check_count(len(names), "names in expandValues or jsonKeys", limits.SELECTION_ITEMS)
    return _Parser(storable(text), expand, frozenset(expand_values)).parse()


class _Parser:
    """A cursor over the text, one method per production."""

    def __init__(self, text: str, expand: Callable[[str], str], expand_values: frozenset[str]) -> None:
        self._text = text
        self._at = 0
        self._expand = expand
        self._expand_values = expand_values
        self._terms = 0

    def parse(self) -> QNode:
        node = self._query(0)
        if self._at < len(self._text):
            raise self._error("';', '|' or the end")
        return node

    def _query(self, depth: int) -> QNode:
        if depth > limits.QUERY_DEPTH:
            limits.check_count(depth, "nested associations in q", limits.QUERY_DEPTH)
        terms = [self._and(depth)]
        while self._take("|"):
            terms.append(self._and(depth))
        return terms[0] if len(terms) == 1 else Or(tuple(terms))

    def _and(self, depth: int) -> QNode:
        terms = [self._factor(depth)]
        while self._take(";"):
            terms.append(self._factor(depth))
        return terms[0] if len(terms) == 1 else And(tuple(terms))

    def _factor(self, depth: int) -> QNode:
        self._terms += 1
        limits.check_count(self._terms, "terms in q", limits.QUERY_TERMS)
        if self._take("("):
            node = self._query(depth + 1)
            self._expect(")")
            return node
        if self._take("!"):
            return Not(Exists(self._path(self._name())[0]))
        return self._term()

    def _term(self) -> Term:
        links: list[tuple[str, tuple[str, ...]]] = []
        name = self._name()
        while self._take("{"):
            limits.check_count(len(links) + 1, "nested links in q", limits.QUERY_DEPTH)
            links.append((self._expand(name), self._types()))
            name = self._name(_PLAIN_NAME)
        path, written = self._path(name)
        for _ in links:
            self._expect("}")
        term: Term = self._condition(path, written)
        for relationship, types in reversed(links):
            term = Linked(relationship, types, term)
        return term

    def _types(self) -> tuple[str, ...]:
        match = _TYPES.match(self._text, self._at)
        if match is None:
            return ()
        self._at = match.end()
        names = match.group()[:-1].split(",")
        limits.check_count(len(names), "types of a link in q", limits.SELECTION_ITEMS)
        return tuple(self._expand(name) for name in names)

    def _path(self, name: str) -> tuple[Path, str]:
        """The path that begins with this name, and how it is written up to any bracket."""
        names = [name]
        while self._text[self._at : self._at + 1] == "." and self._text[self._at : self._at + 2] != "..":
            self._at += 1
            names.append(self._name())
            limits.check_count(len(names), "names in a path of q", limits.PATH_NAMES)
        trail = self._trail() if self._take("[") else ()
        written = ".".join(names)
        if len(names) == 1 and name in ENTITY_MEMBERS and not trail:
            return Path((), name), written
        member = names.pop() if len(names) > 1 and names[-1] in INSTANCE_MEMBERS and not trail else None
        return Path(tuple(self._expand(each) for each in names), member, trail), written

    def _trail(self) -> tuple[str, ...]:
        if self._take("*"):
            self._expect("]")
            return ("*",)
        trail = [self._match(_MEMBER, "a member name").group()]
        while self._take("."):
            trail.append(self._match(_MEMBER, "a member name").group())
            limits.check_count(len(trail), "names in brackets of q", limits.PATH_NAMES)
        self._expect("]")
        return tuple(trail)

    def _condition(self, path: Path, written: str) -> Exists | Compare | Match:
        self._skip_spaces()
        found = _OPERATOR.match(self._text, self._at)
        if found is None:
            return Exists(path)
        self._at = found.end()
        operator = found.group()
        if operator in {"~=", "!~="}:
            pattern = self._pattern()
            compile_pattern(pattern)
            return Match(path, pattern, operator == "!~=")
        expands = written in self._expand_values or (path.attributes and path.attributes[-1] in self._expand_values)
        return self._comparison(path, operator, bool(expands))

    def _comparison(self, path: Path, operator: str, expands: bool) -> Compare:
        lists = operator in {"==", "!="}
        values = [self._item(path, expands, lists)]
        while lists and self._take(","):
            values.append(self._item(path, expands, lists))
            limits.check_count(len(values), "values in one list of q", limits.QUERY_TERMS)
        if not lists and isinstance(values[0], Value) and values[0].kind == "boolean":
            raise BadRequestData(f"q: {operator} has no meaning for true and false; use == or !=.")
        as_operator: Operator = operator  # type: ignore[assignment]  # one of the six, by the pattern of operators
        return Compare(path, as_operator, tuple(values))

    def _item(self, path: Path, expands: bool, ranges: bool) -> Value | Range:
        low, high = self._value(path, expands)
        if high is None and self._text.startswith("..", self._at):
            self._at += 2
            high = self._value(path, expands)[0]
        if high is None:
            return low
        if not ranges or low.kind != high.kind or low.kind == "boolean":
            raise BadRequestData("q: a range needs == or != and two numbers, strings, dates or times: 10..20")
        return Range(low, high)

    def _value(self, path: Path, expands: bool) -> tuple[Value, Value | None]:
        """A value, and the upper end where the text is a whole range without quotes."""
        self._skip_spaces()
        if self._text.startswith('"', self._at):
            value = read_quoted(self._match(_QUOTED, "a closing quote").group())
            return self._fit(path, self._expanded(value) if expands else value), None
        text = self._match(_BARE, "a value").group()
        low, dots, high = text.partition("..")
        if dots and read_value(low) is not None:
            if not high:
                self._at -= 2
                return self._fit(path, self._bare(low, expands)), None
            return self._fit(path, self._bare(low, expands)), self._fit(path, self._bare(high, expands))
        return self._fit(path, self._bare(text, expands)), None

    def _bare(self, text: str, expands: bool) -> Value:
        value = read_value(text)
        if expands:
            return self._expanded(value if value is not None else Value("string", text))
        if value is None:
            raise BadRequestData(f'q: {text!r} is no value. Write strings in double quotes: "{text}".')
        return value

    def _expanded(self, value: Value) -> Value:
        return Value("string", self._expand(value.value)) if value.kind == "string" else value

    def _fit(self, path: Path, value: Value) -> Value:
        """The value as the target holds it: instants are numbers of microseconds."""
        if path.member not in INSTANT_MEMBERS:
            return value
        instant = parse_instant(value.value) if value.kind == "string" else value.value
        if value.kind not in {"dateTime", "string"} or instant is None:
            raise BadRequestData(f"q: compare {path.member} with a date and time such as 2026-11-23T20:22:00Z.")
        return Value("number", instant)

    def _pattern(self) -> str:
        if self._text.startswith('"', self._at):
            return self._match(_QUOTED, "a closing quote").group()[1:-1].replace('\\"', '"')
        start, depth, bracket = self._at, 0, False
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == "\\":
                self._at += 1
            elif bracket:
                bracket = char != "]"
            elif char == "[":
                bracket = True
            elif char == "(":
                depth += 1
            elif (char in ";|" and not depth) or (char == ")" and not depth):
                break
            elif char == ")":
                depth -= 1
            self._at += 1
        return self._text[start : self._at]

    def _name(self, pattern: re.Pattern[str] = _NAME) -> str:
        return self._match(pattern, "an attribute name").group()

    def _match(self, pattern: re.Pattern[str], what: str) -> re.Match[str]:
        self._skip_spaces()
        match = pattern.match(self._text, self._at)
        if match is None:
            raise self._error(what)
        self._at = match.end()
        return match

    def _take(self, char: str) -> bool:
        self._skip_spaces()
        if not self._text.startswith(char, self._at):
            return False
        self._at += 1
        return True

    def _expect(self, char: str) -> None:
        if not self._take(char):
            raise self._error(f"{char!r}")

    def _skip_spaces(self) -> None:
        while self._text.startswith(" ", self._at):
            self._at += 1

    def _error(self, expected: str) -> BadRequestData:
        rest = self._text[self._at : self._at + 20]
        where = f"at {rest!r}" if rest else "at its end"
        return BadRequestData(f"q: expected {expected} {where} (character {self._at + 1}).")
