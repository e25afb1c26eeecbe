"""Reading members of an API document whose types are fixed, with errors that say what was expected (clause 5.5.4)."""

from collections.abc import Mapping
from typing import Any

from broker.core.jsonld.names import is_iri
from broker.core.model.errors import BadRequestData

MAX_LIST = 1_000
"""Elements in one list of a subscription. Real ones have a handful; a subscription stays below a megabyte."""
MAX_TEXT = 16_384
"""Characters in one text of a subscription; the largest `q` and polygons met in the field are below 4,000."""


def text(document: Mapping[str, Any], name: str) -> str | None:
    """A string that is not empty, or None where it is absent."""
    value = document.get(name)
    if value is None and name not in document:
        return None
    if not isinstance(value, str) or not value:
        raise _wrong(name, "a string that is not empty", value)
    if len(value) > MAX_TEXT:
        raise BadRequestData(f"'{name}' has {len(value)} characters; at most {MAX_TEXT} are taken.")
    return value


def boolean(document: Mapping[str, Any], name: str, default: bool) -> bool:
    """A boolean."""
    value = document.get(name, default)
    if not isinstance(value, bool):
        raise _wrong(name, "true or false", value)
    return value


def positive(document: Mapping[str, Any], name: str) -> float | None:
    """A number greater than zero, or None where it is absent."""
    if name not in document:
        return None
    value = document[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1e9:
        raise _wrong(name, "a number greater than 0", value)
    return float(value)


def texts(document: Mapping[str, Any], name: str, *, empty: bool = False) -> list[str] | None:
    """A list of strings, or None where it is absent. An empty one only where the caller takes it."""
    if name not in document:
        return None
    value = document[name]
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise _wrong(name, "an array of strings", value)
    if not value and not empty:
        raise BadRequestData(f"'{name}' is an empty array: leave it out, or name at least one element.")
    return _bounded(name, value)


def objects(document: Mapping[str, Any], name: str, *, empty: bool = False) -> list[dict[str, Any]] | None:
    """A list of objects, or None where it is absent."""
    if name not in document:
        return None
    value = document[name]
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise _wrong(name, "an array of objects", value)
    if not value and not empty:
        raise BadRequestData(f"'{name}' is an empty array: leave it out, or give at least one element.")
    return _bounded(name, value)


def mapping(document: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """An object, or None where it is absent."""
    if name not in document:
        return None
    value = document[name]
    if not isinstance(value, dict):
        raise _wrong(name, "an object", value)
    return value


def one_of(document: Mapping[str, Any], name: str, allowed: tuple[str, ...], default: str) -> str:
    """One of a few words."""
    value = document.get(name, default)
    if not isinstance(value, str) or value not in allowed:
        raise _wrong(name, "one of " + ", ".join(f'"{each}"' for each in allowed), value)
    return value


def names(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """A comma-separated list of names, as in `expandValues`; empty where it is absent."""
    value = text(document, name)
    return tuple(part.strip() for part in value.split(",") if part.strip()) if value else ()


def uri(value: Any, name: str) -> str:
    """An absolute IRI (Annex A.2)."""
    if not isinstance(value, str) or not is_iri(value):
        raise _wrong(name, "a URI such as urn:ngsi-ld:Kind:name", value)
    return value


def _bounded(name: str, value: list[Any]) -> list[Any]:
    if len(value) > MAX_LIST:
        raise BadRequestData(f"'{name}' has {len(value)} elements; at most {MAX_LIST} are taken.")
    return value


def _wrong(name: str, expected: str, value: Any) -> BadRequestData:
    shown = repr(value)
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    return BadRequestData(f"'{name}' has to be {expected}; it is {shown}.")
