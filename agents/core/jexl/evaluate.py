"""Expressions ready to be evaluated: the tree becomes nested functions once, at provisioning."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from agents.core.errors import InvalidDescription
from agents.core.jexl.parse import (
    Binary,
    Choice,
    Index,
    ListOf,
    Literal,
    Name,
    Node,
    ObjectOf,
    Transform,
    Unary,
    parse,
)
from agents.core.jexl.transforms import NULL_TAKING, TRANSFORMS
from agents.core.jexl.values import NotEvaluable, bounded, equal, needed, normal, number, text, truth

NOW = "\0now"
"""Member of the context with the present instant, for the transform `now`."""
_Context: TypeAlias = Mapping[str, Any]
_Evaluate: TypeAlias = Callable[[_Context, Any], Any]


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression and how to evaluate it."""

    source: str
    names: frozenset[str]
    """Members of the context it speaks of."""
    _run: _Evaluate

    def evaluate(self, context: _Context) -> Any:
        """Its value, a JSON value or `None`.

        Raises:
            NotEvaluable: A value it needs is missing, or it has no value for these.
        """
        try:
            value = self._run(context, None)
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError) as problem:
            raise NotEvaluable(f"{type(problem).__name__} in {self.source[:60]!r}") from None
        return normal(value) if isinstance(value, float) else value


@lru_cache(maxsize=4_096)
def expression(source: str) -> Expression:
    """Make an expression ready; equal ones are shared.

    Raises:
        InvalidDescription: It is not well formed, or has an unknown transform.
    """
    names: set[str] = set()
    run = _compile(parse(source), names)
    return Expression(source, frozenset(names), run)


def _compile(node: Node, names: set[str]) -> _Evaluate:  # noqa: PLR0911  one return for each kind of node
    match node:
        case Literal(value):
            return lambda context, relative: value
        case Name():
            return _name(node, names)
        case Index(of, by, filters):
            return _index(_compile(of, names), _compile(by, names), filters)
        case Unary(operator, operand):
            return _unary(operator, _compile(operand, names))
        case Binary(operator, left, right):
            return _binary(operator, _compile(left, names), _compile(right, names))
        case Choice(test, yes, no):
            return _choice(_compile(test, names), _compile(yes, names) if yes else None, _compile(no, names))
        case Transform(name, operand, arguments):
            return _transform(name, _compile(operand, names), [_compile(each, names) for each in arguments])
        case ListOf(members):
            listed = [_compile(each, names) for each in members]
            return lambda context, relative: [each(context, relative) for each in listed]
        case ObjectOf(pairs):
            named = [(name, _compile(each, names)) for name, each in pairs]
            return lambda context, relative: {name: each(context, relative) for name, each in named}


def _name(node: Name, names: set[str]) -> _Evaluate:
    name = node.name
    if node.relative:
        return lambda context, relative: _member(relative, name)
    if node.of is None:
        names.add(name)
        return lambda context, relative: context.get(name)
    of = _compile(node.of, names)
    return lambda context, relative: _member(of(context, relative), name)


def _member(of: Any, name: str) -> Any:
    if isinstance(of, list):
        of = of[0] if of else None
    return of.get(name) if isinstance(of, Mapping) else None


def _index(of: _Evaluate, by: _Evaluate, filters: bool) -> _Evaluate:
    def filtered(context: _Context, relative: Any) -> Any:
        members = of(context, relative)
        listed = members if isinstance(members, list) else [] if members is None else [members]
        return [each for each in listed if truth(by(context, each))]

    def found(context: _Context, relative: Any) -> Any:
        members, key = of(context, relative), by(context, relative)
        if isinstance(key, bool):
            return members if key else None
        if isinstance(members, list | str) and isinstance(key, int | float):
            return members[int(key)] if 0 <= key < len(members) else None
        return members.get(text(key)) if isinstance(members, Mapping) else None

    return filtered if filters else found


def _unary(operator: str, operand: _Evaluate) -> _Evaluate:
    if operator == "!":
        return lambda context, relative: not truth(operand(context, relative))
    return lambda context, relative: -number(needed(operand(context, relative), "an operand of -"))


def _choice(test: _Evaluate, yes: _Evaluate | None, no: _Evaluate) -> _Evaluate:
    def chosen(context: _Context, relative: Any) -> Any:
        tested = test(context, relative)
        if not truth(tested):
            return no(context, relative)
        return tested if yes is None else yes(context, relative)

    return chosen


def _transform(name: str, operand: _Evaluate, arguments: list[_Evaluate]) -> _Evaluate:
    if name == "now":
        return lambda context, relative: needed(context.get(NOW), "the present instant") // 1000
    function = TRANSFORMS.get(name)
    if function is None:
        raise InvalidDescription(f"there is no transform {name!r}; there are {', '.join(sorted(TRANSFORMS))}, now")
    takes_null = name in NULL_TAKING

    def transformed(context: _Context, relative: Any) -> Any:
        value = operand(context, relative)
        if value is None and not takes_null:
            raise NotEvaluable(f"what |{name} is applied to is missing or null")
        return function(value, *[each(context, relative) for each in arguments])

    return transformed


def _binary(operator: str, left: _Evaluate, right: _Evaluate) -> _Evaluate:
    if operator == "&&":
        return lambda c, r: right(c, r) if truth(value := left(c, r)) else value
    if operator == "||":
        return lambda c, r: value if truth(value := left(c, r)) else right(c, r)
    if operator == "==":
        return lambda c, r: equal(left(c, r), right(c, r))
    if operator == "!=":
        return lambda c, r: not equal(left(c, r), right(c, r))
    compute = _COMPUTING[operator]
    what = f"an operand of {operator}"
    return lambda c, r: compute(needed(left(c, r), what), needed(right(c, r), what))


def _plus(left: Any, right: Any) -> Any:
    if isinstance(left, int | float) and isinstance(right, int | float):
        return normal(left + right)
    if isinstance(left, str | list | Mapping) or isinstance(right, str | list | Mapping):
        return bounded(text(left) + text(right))
    return normal(number(left) + number(right))


def _divided(left: Any, right: Any) -> float:
    divisor = number(right)
    if divisor == 0:
        raise NotEvaluable("a division by zero")
    return number(left) / divisor


def _order(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def ordered(left: Any, right: Any) -> bool:
        both = isinstance(left, str) and isinstance(right, str)
        return compare(left, right) if both else compare(number(left), number(right))

    return ordered


def _within(left: Any, right: Any) -> bool:
    if isinstance(right, str):
        return text(left) in right
    return isinstance(right, list) and any(equal(left, each) for each in right)


_COMPUTING: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": _plus,
    "-": lambda left, right: normal(number(left) - number(right)),
    "*": lambda left, right: normal(number(left) * number(right)),
    "/": lambda left, right: normal(_divided(left, right)),
    "//": lambda left, right: normal(math.floor(_divided(left, right))),
    # JavaScript's remainder has the sign of the dividend.
    "%": lambda left, right: normal(math.fmod(number(left), number(right))),
    "^": lambda left, right: normal(math.pow(number(left), number(right))),
    "<": _order(lambda left, right: left < right),
    ">": _order(lambda left, right: left > right),
    "<=": _order(lambda left, right: left <= right),
    ">=": _order(lambda left, right: left >= right),
    "in": _within,
}
