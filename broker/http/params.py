"""Query parameters, one function for each kind (clauses 6.3.7 to 6.3.20, 6.4.3.2).

They read the decoded parameters of a request, and raise BadRequestData where a value cannot be what it should be;
InvalidRequest for the forms of an answer (clause 6.3.20).
"""

from collections.abc import Callable, Mapping

from broker.core.model.errors import BadRequestData, InvalidRequest
from broker.core.model.instant import Instant, parse_instant

_NO_OPTIONS: frozenset[str] = frozenset()
_FORMS = {"normalized": "normalized", "concise": "concise", "simplified": "simplified", "keyValues": "simplified"}
_MAX_NUMBER = 2**53  # what every JSON reader can hold
_URI_MAX = 2048


def flag(parameters: Mapping[str, str], name: str) -> bool:
    """A Boolean, false where absent."""
    value = parameters.get(name)
    if value is None or value == "false":
        return False
    if value == "true":
        return True
    raise BadRequestData(f"{name} is true or false, not '{value[:100]}'.")


def natural(parameters: Mapping[str, str], name: str, default: int) -> int:
    """An integer of at least 0."""
    value = parameters.get(name)
    if value is None:
        return default
    if not value.isascii() or not value.isdigit() or len(value) > 16 or int(value) > _MAX_NUMBER:
        raise BadRequestData(f"{name} is an integer of at least 0, not '{value[:100]}'.")
    return int(value)


def options(parameters: Mapping[str, str]) -> frozenset[str]:
    """The keywords of `options`."""
    value = parameters.get("options")
    return frozenset(value.split(",")) if value else _NO_OPTIONS


def names(parameters: Mapping[str, str], name: str) -> tuple[str, ...]:
    """A list separated by commas, empty where absent. A list that is given and holds an empty name is refused."""
    value = parameters.get(name)
    if value is None:
        return ()
    items = tuple(item.strip() for item in value.split(","))
    if "" in items:
        raise BadRequestData(f"{name} is a list of names separated by commas; one of them is empty.")
    return items


def expanded(parameters: Mapping[str, str], name: str, expand: Callable[[str], str]) -> tuple[str, ...]:
    """A list of attribute names, expanded."""
    return tuple(expand(item) for item in names(parameters, name))


def uris(parameters: Mapping[str, str], name: str) -> tuple[str, ...]:
    """A list of URIs. Raises BadRequestData where one is none."""
    items = names(parameters, name)
    for item in items:
        require_uri(item, name)
    return items


def dataset_ids(parameters: Mapping[str, str]) -> tuple[str, ...]:
    """`datasetId` (clause 4.5.5): URIs, or `@none` for the default instances."""
    items = names(parameters, "datasetId")
    for item in items:
        if item != "@none":
            require_uri(item, "datasetId")
    return items


def require_uri(text: str, what: str) -> str:
    """The text itself if it is a URI (clause A.2: a scheme and something after it), else BadRequestData."""
    scheme, colon, rest = text.partition(":")
    if (
        not colon
        or not rest
        or len(text) > _URI_MAX
        or not scheme[:1].isalpha()
        or not scheme.isascii()
        or not scheme.replace("+", "").replace("-", "").replace(".", "").isalnum()
        or not text.isprintable()
        or any(mark in text for mark in ' <>"{}|\\^`')
    ):
        raise BadRequestData(f"{what} shall be a URI such as urn:ngsi-ld:Vehicle:A4567, not '{text[:100]}'.")
    return text


def form(parameters: Mapping[str, str]) -> str:
    """`format`, else what `options` says (6.3.7): `normalized`, `concise` or `simplified`."""
    value = parameters.get("format")
    if value is not None:
        if value not in _FORMS:
            raise InvalidRequest(f"format is one of {', '.join(_FORMS)}, not '{value[:100]}'.")
        return _FORMS[value]
    keywords = options(parameters)
    if not keywords:
        return "normalized"
    return next((_FORMS[word] for word in ("simplified", "keyValues", "concise") if word in keywords), "normalized")


def instant(parameters: Mapping[str, str], name: str) -> Instant | None:
    """A DateTime (clause 4.6.3). A bare `+` of a zone, which decodes as a blank, is understood."""
    value = parameters.get(name)
    if value is None:
        return None
    moment = parse_instant(value.replace(" ", "+"))
    if moment is None:
        raise BadRequestData(f"{name} is a DateTime such as 2026-01-31T12:00:00Z, not '{value[:100]}'.")
    return moment


def choice(parameters: Mapping[str, str], name: str, values: tuple[str, ...]) -> str | None:
    """One of a few words, None where absent."""
    value = parameters.get(name)
    if value is not None and value not in values:
        raise BadRequestData(f"{name} is one of {', '.join(values)}, not '{value[:100]}'.")
    return value
