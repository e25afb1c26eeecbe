"""From the text of an expression to its tree.

The grammar is that of TomFrost's JEXL, which FIWARE's agents use: literals, identifiers, `.member`, `[index or
filter]`, `|transform(arguments)`, unary `!` and `-`, the binary operators of `BINDING`, `a ? b : c` and `a ?: c`.
"""

import re
from dataclasses import dataclass
from typing import Any, TypeAlias

from agents.core.errors import InvalidDescription

LENGTH_LIMIT = 8_192
"""Characters of an expression; look-up tables written into one take some thousand."""
DEPTH_LIMIT = 48
"""Nesting of an expression."""
BINDING = {
    "||": 10, "&&": 10, "==": 20, "!=": 20, ">=": 20, "<=": 20, ">": 20, "<": 20, "in": 20,
    "+": 30, "-": 30, "*": 40, "/": 40, "//": 40, "%": 50, "^": 50,
}  # fmt: skip
"""How tightly binary operators bind; all group to the left."""
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)|(?P<string>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<name>[^\W\d][\w$]*|\$[\w$]*)|(?P<mark>\|\||&&|==|!=|>=|<=|//|\?:|[-+*/%^<>!?:.,|()\[\]{}]))",
    re.DOTALL,
)
_WORDS = {"true": True, "false": False, "null": None, "undefined": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as it stands."""

    value: Any


@dataclass(frozen=True, slots=True)
class Name:
    """A member of the context, of another value, or (`relative`) of the list's member a filter looks at."""

    name: str
    of: "Node | None" = None
    relative: bool = False


@dataclass(frozen=True, slots=True)
class Index:
    """`of[by]`: a member, or the members for which a relative expression is true."""

    of: "Node"
    by: "Node"
    filters: bool


@dataclass(frozen=True, slots=True)
class Unary:
    """`!a` or `-a`."""

    operator: str
    operand: "Node"


@dataclass(frozen=True, slots=True)
class Binary:
    """`a operator b`."""

    operator: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Choice:
    """`test ? yes : no`; `yes` is `None` for `test ?: no`."""

    test: "Node"
    yes: "Node | None"
    no: "Node"


@dataclass(frozen=True, slots=True)
class Transform:
    """`operand|name(arguments)`."""

    name: str
    operand: "Node"
    arguments: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[a, b]`."""

    members: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class ObjectOf:
    """`{a: b}`."""

    members: "tuple[tuple[str, Node], ...]"


Node: TypeAlias = Literal | Name | Index | Unary | Binary | Choice | Transform | ListOf | ObjectOf


def parse(text: str) -> Node:
    """Read an expression.

    Raises:
        InvalidDescription: It is not well formed, too long or too deeply nested.
    """
    if len(text) > LENGTH_LIMIT:
        raise InvalidDescription(f"an expression has at most {LENGTH_LIMIT} characters")
    parser = _Parser(_tokens(text), text)
    node = parser.expression()
    parser.end()
    return node


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise InvalidDescription(f"expression {text[:60]!r}: {text[at : at + 10]!r} cannot be read")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return [*tokens, ("end", "")]


class _Parser:
    """Precedence climbing over the tokens."""

    def __init__(self, tokens: list[tuple[str, str]], text: str) -> None:
        self._tokens = tokens
        self._text = text
        self._at = 0
        self._depth = 0
        self._relative: list[bool] = []

    def expression(self) -> Node:
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            raise self._wrong(f"is nested more than {DEPTH_LIMIT} deep")
        node = self._binary(0)
        if self._takes("?:"):
            node = Choice(node, None, self.expression())
        elif self._takes("?"):
            yes = self.expression()
            self._expect(":")
            node = Choice(node, yes, self.expression())
        self._depth -= 1
        return node

    def end(self) -> None:
        if self._tokens[self._at][0] != "end":
            raise self._wrong(f"has {self._tokens[self._at][1]!r} where it should end")

    def _binary(self, least: int) -> Node:
        left = self._unary()
        while (binding := BINDING.get(self._tokens[self._at][1], 0)) > least and self._is_operator():
            operator = self._next()[1]
            left = Binary(operator, left, self._binary(binding))
        return left

    def _is_operator(self) -> bool:
        kind, text = self._tokens[self._at]
        return kind == "mark" or (kind == "name" and text == "in")

    def _unary(self) -> Node:
        kind, text = self._tokens[self._at]
        if kind == "mark" and text in ("!", "-"):
            self._depth += 1
            if self._depth > DEPTH_LIMIT:
                raise self._wrong(f"is nested more than {DEPTH_LIMIT} deep")
            self._at += 1
            node = Unary(text, self._unary())
            self._depth -= 1
            return node
        return self._postfix(self._primary())

    def _postfix(self, node: Node) -> Node:
        while True:
            if self._takes("."):
                node = Name(self._name(), node)
            elif self._takes("["):
                self._relative.append(False)
                by = self.expression()
                self._expect("]")
                node = Index(node, by, self._relative.pop())
            elif self._takes("|"):
                name = self._name()
                node = Transform(name, node, self._list(")") if self._takes("(") else ())
            else:
                return node

    def _primary(self) -> Node:  # noqa: PLR0911  one return for each kind of beginning
        kind, text = self._next()
        if kind == "number":
            return Literal(float(text) if any(mark in text for mark in ".eE") else int(text))
        if kind == "string":
            return Literal(re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text[1:-1], flags=re.S))
        if kind == "name":
            return Literal(_WORDS[text]) if text in _WORDS else Name(text)
        if text == "(":
            node = self.expression()
            self._expect(")")
            return node
        if text == "[":
            return ListOf(self._list("]"))
        if text == "{":
            return self._object()
        if text == "." and self._relative:
            self._relative[-1] = True
            return Name(self._name(), relative=True)
        raise self._wrong(f"has {text!r} where a value should be" if text else "ends where a value should be")

    def _list(self, closing: str) -> tuple[Node, ...]:
        members: list[Node] = []
        if self._takes(closing):
            return ()
        while True:
            members.append(self.expression())
            if self._takes(closing):
                return tuple(members)
            self._expect(",")

    def _object(self) -> Node:
        members: list[tuple[str, Node]] = []
        if self._takes("}"):
            return ObjectOf(())
        while True:
            kind, text = self._next()
            if kind not in ("name", "string", "number"):
                raise self._wrong("has an object whose member has no name")
            self._expect(":")
            members.append((text[1:-1] if kind == "string" else text, self.expression()))
            if self._takes("}"):
                return ObjectOf(tuple(members))
            self._expect(",")

    def _name(self) -> str:
        kind, text = self._next()
        if kind != "name":
            raise self._wrong(f"has {text!r} where a name should be")
        return text

    def _next(self) -> tuple[str, str]:
        token = self._tokens[self._at]
        if token[0] != "end":
            self._at += 1
        return token

    def _takes(self, mark: str) -> bool:
        if self._tokens[self._at] == ("mark", mark):
            self._at += 1
            return True
        return False

    def _expect(self, mark: str) -> None:
        if not self._takes(mark):
            raise self._wrong(f"lacks {mark!r} before {self._tokens[self._at][1] or 'its end'!r}")

    def _wrong(self, what: str) -> InvalidDescription:
        return InvalidDescription(f"expression {self._text[:60]!r} {what}")
