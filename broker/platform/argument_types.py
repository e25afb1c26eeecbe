"""What the values of options may be: each reads a text, and raises argparse's error where it is none of them."""

import argparse
from collections.abc import Callable
from pathlib import Path

from broker.core.model.errors import BadRequestData


def port(text: str) -> int:
    """A port number."""
    value = int(text) if text.isdecimal() else 0
    if not 0 < value < 65_536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: a number from 1 to 65535")
    return value


def port_or_none(text: str) -> int:
    """A port number, or 0 for none."""
    return 0 if text == "0" else port(text)


def whole_number(most: int) -> Callable[[str], int]:
    """A whole number from 1 to `most`."""

    def read(text: str) -> int:
        value = int(text) if text.isdecimal() else 0
        if not 0 < value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {most}")
        return value

    return read


def checked(parse: Callable[[str], object]) -> Callable[[str], str]:
    """The text itself, for the broker that it is handed on to, once it is known to be right."""

    def read(text: str) -> str:
        try:
            parse(text)
        except BadRequestData as error:
            raise argparse.ArgumentTypeError(error.detail) from None
        return text

    return read


def existing_file(text: str) -> Path:
    """The path of a file that there is."""
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text!r}")
    return path


def number(most: float) -> Callable[[str], float]:
    """A number above 0 and up to `most`."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0 < value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0 and up to {most}")
        return value

    return read
