"""Checks of what attributes hold: JSON values, IRIs, language maps, lists, instants (clauses 4.5.2 to 4.6.5)."""

import re
from typing import Any

from broker.core.jsonld.limits import INT64_MAX, INT64_MIN, MAX_VALUE_DEPTH
from broker.core.jsonld.names import is_iri
from broker.core.model.entity import NGSILD_NULL
from broker.core.model.errors import BadRequestData
from broker.core.model.instant import Instant, parse_date_time

_LANGUAGE = re.compile(r"@none|[A-Za-z0-9]{1,8}(?:-[A-Za-z0-9]{1,8})*", re.ASCII)

NULL_REFUSED = (
    f"{NGSILD_NULL!r} stands for deletion and is only allowed in fragments that update or merge (clause 5.5.4); "
    "leave the member out instead"
)


def json_value(value: Any, null: bool) -> Any:
    """A JSON value as it may be stored; `null` says whether NGSI-LD Null may be in it. Copies only what it must."""
    kind = type(value)
    if kind is str:
        if value == NGSILD_NULL and not null:
            raise BadRequestData(NULL_REFUSED)
        return value
    if kind is float or kind is bool:
        return value
    if kind is int:
        return value if INT64_MIN <= value <= INT64_MAX else _as_float(value)
    if value is None:
        raise BadRequestData("null is no value in NGSI-LD (clause 4.5.0)")
    return _shortened(value) if _check_nested(value, null, MAX_VALUE_DEPTH) else value


def raw_json(value: Any, null: bool) -> Any:
    """The content of a JsonProperty (clause 4.5.24): any JSON but a bare null; never interpreted."""
    if value == NGSILD_NULL and not null:
        raise BadRequestData(NULL_REFUSED)
    return json_value(value, True)


def iri(value: Any) -> str:
    """An absolute IRI."""
    if type(value) is not str or not is_iri(value):
        raise BadRequestData(f"expected a URI such as 'urn:ngsi-ld:Thing:1', got {shown(value)}")
    return value


def iris(value: Any, null: bool) -> Any:
    """A Relationship's object: an IRI or a non-empty list of them (clause 4.5.3)."""
    targets = value if type(value) is list else (value,)
    if not targets:
        raise BadRequestData("the list of objects is empty")
    for target in targets:
        if target == NGSILD_NULL and not null:
            raise BadRequestData(NULL_REFUSED)
        iri(target)
    return value


def value_list(value: Any, null: bool) -> list[Any]:
    """A ListProperty's values, in order (clause 4.5.21)."""
    if value == NGSILD_NULL and null:
        return [NGSILD_NULL]
    if type(value) is not list:
        raise BadRequestData(f"valueList holds a JSON array, got {shown(value)}")
    if NGSILD_NULL in value and not (null and len(value) == 1):
        raise BadRequestData(NULL_REFUSED)
    checked: list[Any] = json_value(value, null)
    return checked


def object_list(value: Any, null: bool) -> list[Any]:
    """A ListRelationship's objects as IRIs, in order; each is given as `{"object": iri}` or as the IRI alone."""
    if value == NGSILD_NULL and null:
        return [NGSILD_NULL]
    if type(value) is not list:
        raise BadRequestData(f"objectList holds a JSON array, got {shown(value)}")
    return _objects(value, null, MAX_VALUE_DEPTH)


def language_map(value: Any, null: bool) -> dict[str, Any]:
    """A LanguageProperty's map from language tags (RFC 5646) or `@none` to texts (clause 4.6.5)."""
    if value == NGSILD_NULL and null:
        return {"@none": NGSILD_NULL}
    if type(value) is not dict or not value:
        raise BadRequestData(f'languageMap holds an object such as {{"fr": "bonjour"}}, got {shown(value)}')
    for tag, text in value.items():
        if _LANGUAGE.fullmatch(tag) is None:
            raise BadRequestData(f"{tag[:40]!r} is not a language tag (RFC 5646) nor '@none'")
        for each in text if type(text) is list else (text,):
            if type(each) is not str:
                raise BadRequestData(f"the text of language {tag!r} is a string or an array of strings")
            if each == NGSILD_NULL and not null:
                raise BadRequestData(NULL_REFUSED)
    return value


def instant(member: str, value: Any, null: bool) -> Instant | str:
    """A DateTime (clause 4.6.3) in microseconds; NGSI-LD Null stays as it is where allowed."""
    if type(value) is str:
        parsed = parse_date_time(value)
        if parsed is not None:
            return parsed
        if value == NGSILD_NULL and null:
            return value
    raise BadRequestData(f"{member} holds a DateTime in UTC such as '2026-01-31T12:00:00Z', got {shown(value)}")


def shown(value: Any) -> str:
    """A value in an error's detail: its JSON type and how it begins."""
    if type(value) is dict:
        return f"an object with {', '.join(map(repr, list(value)[:5])) or 'no member'}"
    if type(value) is list:
        return f"an array of {len(value)}"
    return "null" if value is None else repr(value)[:80]


def _objects(value: list[Any], null: bool, depth: int) -> list[Any]:
    if depth == 0:
        raise BadRequestData(f"lists nest deeper than {MAX_VALUE_DEPTH}")
    objects: list[Any] = []
    for item in value:
        if type(item) is list:
            objects.append(_objects(item, null, depth - 1))
            continue
        target = item.get("object") if type(item) is dict and len(item) == 1 else item
        if target == NGSILD_NULL and not (null and len(value) == 1):
            raise BadRequestData(NULL_REFUSED)
        objects.append(iri(target))
    return objects


def _check_nested(value: Any, null: bool, depth: int) -> bool:
    """Check all below a compound value; whether an integer in it is too large to store."""
    if depth == 0:
        raise BadRequestData(f"the value nests deeper than {MAX_VALUE_DEPTH} levels")
    if type(value) is dict:
        for key in value:
            if "\0" in key:
                raise BadRequestData("a name inside the value contains the character NUL, which cannot be stored")
        members = value.values()
    else:
        members = value
    large = False
    for member in members:
        kind = type(member)
        if kind is str:
            if member == NGSILD_NULL and not null:
                raise BadRequestData(NULL_REFUSED)
        elif kind is dict or kind is list:
            large = _check_nested(member, null, depth - 1) or large
        elif kind is int and not INT64_MIN <= member <= INT64_MAX:
            large = True
    return large


def _shortened(value: Any) -> Any:
    if type(value) is dict:
        return {key: _shortened(member) for key, member in value.items()}
    if type(value) is list:
        return [_shortened(member) for member in value]
    return _as_float(value) if type(value) is int and not INT64_MIN <= value <= INT64_MAX else value


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise BadRequestData("a number in the value is beyond what floating-point can hold") from None
