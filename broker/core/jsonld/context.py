"""Placeholder until the JSON-LD part lands."""


class ActiveContext:
    """A loaded @context: maps terms to IRIs and back."""
