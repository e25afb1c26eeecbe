"""Tokens by which network servers prove themselves, as they are written in the settings."""

FOR_ALL = ""
"""Key of the token that every connection may show."""
_LEAST = 8  # characters


def read_tokens(text: str, networks: tuple[str, ...]) -> dict[str, str]:
    """Read `tts=<token>,chirpstack=<token>`, or one token for all connections.

    Raises:
        ValueError: An unknown connection, a token twice, or one that is too short to be a secret.
    """
    tokens: dict[str, str] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, equals, token = part.partition("=")
        # What base64 ends with is no separator.
        if not equals or not token.strip("="):
            name, token = FOR_ALL, part
        if name not in (*networks, FOR_ALL):
            raise ValueError(f"no connection {name!r}: one of {', '.join(networks)}, as in tts=TOKEN")
        if name in tokens:
            raise ValueError(f"two tokens for {name or 'all connections'}")
        if len(token) < _LEAST:
            raise ValueError(f"a token has at least {_LEAST} characters")
        tokens[name] = token
    return tokens
