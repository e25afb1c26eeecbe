"""`q` as a predicate on entities (clause 4.9): every node becomes a closure once, and runs often.

Of several instances of an attribute, one that satisfies the term is enough. A LanguageProperty without a language
offers all its texts: one that satisfies is enough, except that `!=` and `!~=` ask that none is (is found).
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from broker.core.model.entity import VALUE_MEMBER, Entity, Instance
from broker.core.ql.compare import ValueTest, equals_any, stands
from broker.core.ql.nodes import (
    ANY_LANGUAGE,
    And,
    Compare,
    Exists,
    Linked,
    Match,
    Not,
    Or,
    Path,
    QNode,
    Value,
)
from broker.core.ql.regex import compile_pattern

Predicate: TypeAlias = Callable[[Entity], bool]
InstanceTest: TypeAlias = Callable[[Instance], bool]
Resolver: TypeAlias = Callable[[str], Entity | None]

MISSING = object()
"""Stands where there is no target."""

_ENTITY_MEMBERS: dict[str, Callable[[Entity], Any]] = {
    "id": lambda entity: entity.id,
    "type": lambda entity: entity.types,
    "scope": lambda entity: entity.scopes if entity.scopes is not None else MISSING,
    "createdAt": lambda entity: entity.created_at,
    "modifiedAt": lambda entity: entity.modified_at,
    "expiresAt": lambda entity: entity.expires_at if entity.expires_at is not None else MISSING,
}
_LINKS = frozenset({"Relationship", "ListRelationship"})


def compile_q(node: QNode, admits: InstanceTest | None, resolve: Resolver) -> Predicate:
    """The predicate of a node. `admits` restricts the instances that count; `resolve` finds linked entities."""
    if isinstance(node, And):
        every = [compile_q(term, admits, resolve) for term in node.terms]
        return lambda entity: all(term(entity) for term in every)
    if isinstance(node, Or):
        some = [compile_q(term, admits, resolve) for term in node.terms]
        return lambda entity: any(term(entity) for term in some)
    if isinstance(node, Not):
        denied = compile_q(node.term, admits, resolve)
        return lambda entity: not denied(entity)
    if isinstance(node, Linked):
        return _linked(node, admits, resolve)
    return _leaf(node, admits)


def targets_of(path: Path, entity: Entity) -> list[Any]:
    """All target values of a path in an entity (for ordering); a LanguageProperty without a language gives each."""
    if not path.attributes:
        value = _ENTITY_MEMBERS[path.member or ""](entity)
        return [] if value is MISSING else [value]
    level = entity.attributes.get(path.attributes[0], [])
    for name in path.attributes[1:]:
        level = [sub for instance in level for sub in instance.get("attributes", {}).get(name, [])]
    found: list[Any] = []
    for instance in level:
        if path.member is not None:
            found.append(instance.get(path.member, MISSING))
        elif _in_any_language(instance, path):
            found.extend(instance["languageMap"].values())
        else:
            found.append(_target(instance, path))
    return [value for value in found if value is not MISSING]


def link_targets(node: QNode, entity: Entity) -> Iterable[str]:
    """The ids of the entities that links of the node (its outermost ones) lead to from this entity."""
    if isinstance(node, And | Or):
        for term in node.terms:
            yield from link_targets(term, entity)
    elif isinstance(node, Not):
        yield from link_targets(node.term, entity)
    elif isinstance(node, Linked):
        for instance in entity.attributes.get(node.relationship, ()):
            yield from _objects(instance)


def _linked(node: Linked, admits: InstanceTest | None, resolve: Resolver) -> Predicate:
    term = compile_q(node.term, None, resolve)
    types = frozenset(node.types)

    def holds(entity: Entity) -> bool:
        for instance in entity.attributes.get(node.relationship, ()):
            if admits is not None and not admits(instance):
                continue
            for identifier in _objects(instance):
                target = resolve(identifier)
                if target is not None and (not types or not types.isdisjoint(target.types)) and term(target):
                    return True
        return False

    return holds


def _objects(instance: Instance) -> list[str]:
    if instance["type"] not in _LINKS:
        return []
    found = instance.get(VALUE_MEMBER[instance["type"]], [])
    return [each for each in (found if isinstance(found, list) else [found]) if isinstance(each, str)]


def _leaf(node: Exists | Compare | Match, admits: InstanceTest | None) -> Predicate:
    path = node.path
    if not path.attributes:
        read, test = _ENTITY_MEMBERS[path.member or ""], _value_test(node)
        return lambda entity: (value := read(entity)) is not MISSING and test(value)
    first, on_instance = path.attributes[0], _instance_test(node)
    for name in reversed(path.attributes[1:]):
        on_instance = _below(name, on_instance)

    def holds(entity: Entity) -> bool:
        for instance in entity.attributes.get(first, ()):
            if (admits is None or admits(instance)) and on_instance(instance):
                return True
        return False

    return holds


def _below(name: str, test: InstanceTest) -> InstanceTest:
    def holds(instance: Instance) -> bool:
        below = instance.get("attributes")
        return below is not None and any(test(each) for each in below.get(name, ()))

    return holds


def _instance_test(node: Exists | Compare | Match) -> InstanceTest:
    path, test = node.path, _value_test(node)
    if path.member is not None:
        member = path.member
        return lambda instance: member in instance and test(instance[member])
    if isinstance(node, Exists) and not path.trail:
        return lambda _: True
    links = isinstance(node, Exists) or (isinstance(node, Compare) and node.operator in {"==", "!="})
    none_may = (isinstance(node, Compare) and node.operator == "!=") or (isinstance(node, Match) and node.negated)

    def holds(instance: Instance) -> bool:
        if not links and instance["type"] in _LINKS:
            return False
        if _in_any_language(instance, path):
            texts = instance["languageMap"].values()
            return bool(texts) and (all if none_may else any)(test(text) for text in texts)
        target = _target(instance, path)
        return target is not MISSING and test(target)

    return holds


def _value_test(node: Exists | Compare | Match) -> ValueTest:
    if isinstance(node, Exists):
        return lambda _: True
    if isinstance(node, Match):
        search, negated = compile_pattern(node.pattern).search, node.negated
        return lambda target: isinstance(target, str) and search(target) is not negated
    if node.operator == "==":
        return equals_any(node.values)
    if node.operator == "!=":
        equal = equals_any(node.values)
        return lambda target: not equal(target)
    bound = node.values[0]
    if not isinstance(bound, Value):
        raise TypeError("an order relation has one value")
    return stands(node.operator, bound)


def _in_any_language(instance: Instance, path: Path) -> bool:
    return instance["type"] == "LanguageProperty" and path.trail in ((), ANY_LANGUAGE)


def _target(instance: Instance, path: Path) -> Any:
    """The value that a path addresses in an instance: what it holds, or a member of that."""
    target = instance.get(VALUE_MEMBER[instance["type"]], MISSING)
    if path.trail == ANY_LANGUAGE:
        return MISSING
    for name in path.trail:
        if not isinstance(target, dict) or name not in target:
            return MISSING
        target = target[name]
    return target
