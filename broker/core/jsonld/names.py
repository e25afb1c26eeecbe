"""Which names entity types and attributes may have (clause 4.6.2)."""

import re

_NAME = re.compile(r"[^\W\d_]\w*(?::[^\W\d_]\w*)?")
_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>\"{}|\\^`\x00-\x1f]+")

MAX_NAME_LENGTH = 2048
"""Characters of a name or an IRI. MongoDB bounds a document only as a whole; 2048 is what HTTP servers commonly take as
a whole URL, in which a name must have room."""


def is_name(text: str) -> bool:
    """Whether it is a name or a prefixed name after the grammar of clause 4.6.2."""
    return len(text) <= MAX_NAME_LENGTH and _NAME.fullmatch(text) is not None


def is_iri(text: str) -> bool:
    """Whether it is an absolute IRI: a scheme, a colon, and no character that RFC 3987 forbids everywhere."""
    return len(text) <= MAX_NAME_LENGTH and _IRI.fullmatch(text) is not None
