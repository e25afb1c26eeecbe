"""How texts are ordered (clause 4.23; RFC 6067, Unicode Technical Standards 10 and 35).

The root collation as far as it needs no table: blanks, punctuation, symbols, digits, letters, in this order; of
letters first the base, then accents, then case, small before capital. Alphabetic scripts come out as in ICU; within
punctuation, and for scripts with contractions, code points decide. Of the settings (`-u-`) `ks`, `kn`, `kf`, and of
the tailorings the German phone book (`co-phonebk`) are followed; other languages get the root order, which ICU calls
reasonable for all.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import TypeAlias

from broker.core.model.errors import BadRequestData

Key: TypeAlias = tuple[str, ...]

_LOCALE = re.compile(
    r"(?P<language>[a-z]{2,3}|[a-z]{5,8})(?P<more>(?:[-_](?!u[-_]|x[-_])[a-z0-9]{2,8})*)"
    r"(?:[-_]u(?P<settings>(?:[-_][a-z0-9]{2,8})+))?(?:[-_]x(?:[-_][a-z0-9]{1,8})+)?",
    re.IGNORECASE | re.ASCII,
)
_STRENGTHS = {"level1": 1, "level2": 2, "level3": 3, "level4": 3, "identic": 3}
_VALUES = {"kn": {"true", "false"}, "kf": {"upper", "lower", "false"}, "ks": set(_STRENGTHS)}
_DIGITS = re.compile(r"\d+")
_CLASSES = {"Z": "\x01", "C": "\x01", "P": "\x02", "S": "\x03"}
"""First letter of a Unicode category to what brings its characters before digits."""

_BASES = {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ł": "l", "ŧ": "t", "þ": "th", "ı": "i"}
"""Letters that Unicode does not decompose although the root collation orders them by these bases."""

_PHONE_BOOK = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "AE", "Ö": "OE", "Ü": "UE"})


@dataclass(frozen=True, slots=True)
class Collation:
    """`strength`: how many levels count: 1 letters, 2 accents too, 3 case too. `numeric`: digits by their value."""

    strength: int = 3
    numeric: bool = False
    upper_first: bool = False
    phone_book: bool = False

    def key(self, text: str) -> Key:
        """What texts are ordered by."""
        if self.phone_book:
            text = unicodedata.normalize("NFC", text).translate(_PHONE_BOOK)
        parts = unicodedata.normalize("NFKD", text)
        folded = parts.casefold()
        letters = "".join(_primary(char) for char in folded if not unicodedata.combining(char))
        if self.numeric:
            letters = _DIGITS.sub(_by_value, letters)
        return (letters, folded, parts if self.upper_first else parts.swapcase())[: self.strength]


ROOT = Collation()


def parse_collation(text: str) -> Collation:
    """A collation such as `und-u-ks-level1` or `de-u-co-phonebk`. Raises BadRequestData where it is none."""
    match = _LOCALE.fullmatch(text)
    if match is None:
        raise BadRequestData(
            f"collation {text[:40]!r}: a locale such as fr, or und-u-ks-level1, is expected (RFC 6067)."
        )
    settings = _settings(match["settings"] or "")
    for key, values in _VALUES.items():
        if settings.get(key, next(iter(values))) not in values:
            raise BadRequestData(f"collation: {key} is one of {', '.join(sorted(values))}, not {settings[key]!r}.")
    return Collation(
        strength=_STRENGTHS[settings.get("ks", "level3")],
        numeric=settings.get("kn") == "true",
        upper_first=settings.get("kf") == "upper",
        phone_book=match["language"].lower() == "de" and settings.get("co") == "phonebk",
    )


def _settings(text: str) -> dict[str, str]:
    """Keys of two characters, each with the value that follows; `true` where none does (RFC 6067)."""
    settings: dict[str, str] = {}
    key = ""
    for part in re.split("[-_]", text.lower())[1:]:
        if len(part) == 2:  # a key
            key = part
            settings[key] = "true"
        elif key:
            settings[key] = part
    return settings


def _primary(char: str) -> str:
    if char.isalnum():
        return _BASES.get(char, char)
    return _CLASSES.get(unicodedata.category(char)[0], "") + char


def _by_value(match: re.Match[str]) -> str:
    """Digits so that more of them come later: how many there are, then the digits."""
    digits = match[0].lstrip("0")
    return f"0{len(digits):06d}{digits}"
