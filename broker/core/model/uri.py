"""URIs as requests and answers hold them (RFC 3986)."""

from urllib.parse import quote

_AS_IT_IS = ":@!$&'()*+,;=~-._"
"""What may stand in a segment of a path without being encoded (section 3.3), besides letters and digits."""


def segment(text: str) -> str:
    """The text as one segment of a path, percent-encoded."""
    return quote(text, safe=_AS_IT_IS)
