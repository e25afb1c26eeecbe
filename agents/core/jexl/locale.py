"""Numbers and times as people of a language write them: the languages FIWARE deployments and ours ask for."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from agents.core.jexl.values import NotEvaluable

_THIN = "\u202f"
_POINTED = (".", ",")
_NUMBERS = {"en": (",", "."), "fr": (_THIN, ","), **dict.fromkeys(("de", "es", "it", "pt", "nl", "lb"), _POINTED)}
"""Mark of thousands and mark of decimals (Unicode CLDR)."""
_DATES = {"en": "{m}/{d}/{y}, {h12}:{M:02}:{S:02} {ampm}", "de": "{d}.{m}.{y}, {H:02}:{M:02}:{S:02}",
          "fr": "{d:02}/{m:02}/{y} {H:02}:{M:02}:{S:02}", "es": "{d}/{m}/{y}, {H}:{M:02}:{S:02}",
          "it": "{d}/{m}/{y}, {H:02}:{M:02}:{S:02}", "pt": "{d:02}/{m:02}/{y}, {H:02}:{M:02}:{S:02}",
          "nl": "{d}-{m}-{y}, {H:02}:{M:02}:{S:02}", "lb": "{d}.{m}.{y}, {H:02}:{M:02}:{S:02}"}  # fmt: skip
_BRITISH = "{d:02}/{m:02}/{y}, {H:02}:{M:02}:{S:02}"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def locale_number(value: float, locale: Any, options: Any) -> str:
    """A number with marks of thousands and decimals; at most three decimals unless options say otherwise.

    Raises:
        NotEvaluable: The options ask for more than `minimumFractionDigits` and `maximumFractionDigits`.
    """
    chosen = _options(options, {"minimumFractionDigits", "maximumFractionDigits"})
    least = _digits(chosen.get("minimumFractionDigits", 0))
    most = _digits(chosen.get("maximumFractionDigits", max(3, least)))
    thousands, decimal = _NUMBERS[_language(locale)]
    whole, _, fraction = f"{value:,.{most}f}".partition(".")
    fraction = fraction.rstrip("0").ljust(least, "0")
    if _language(locale) in ("es", "pt") and abs(value) < 10_000:
        whole = whole.replace(",", "")
    return whole.replace(",", thousands) + (decimal + fraction if fraction else "")


def locale_time(instant: int, locale: Any, options: Any) -> str:
    """Date and time of an instant (µs) in UTC, or in the zone of the option `timeZone`.

    Raises:
        NotEvaluable: The options ask for more, or the zone does not exist.
    """
    chosen = _options(options, {"timeZone"})
    try:
        zone = ZoneInfo(chosen["timeZone"]) if "timeZone" in chosen else UTC
        moment = (_EPOCH + timedelta(microseconds=instant)).astimezone(zone)
    except (KeyError, ValueError, TypeError, OSError, OverflowError):
        raise NotEvaluable("localestring: no such time or time zone") from None
    form = _BRITISH if locale == "en-GB" else _DATES[_language(locale)]
    return form.format(
        y=moment.year, m=moment.month, d=moment.day, H=moment.hour, M=moment.minute, S=moment.second,
        h12=moment.hour % 12 or 12, ampm="AM" if moment.hour < 12 else "PM",
    )  # fmt: skip


def _language(locale: Any) -> str:
    language = str(locale or "en").split("-")[0].lower()
    return language if language in _NUMBERS else "en"


def _digits(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 20:
        raise NotEvaluable("fraction digits are 0 to 20")
    return int(value)


def _options(options: Any, known: set[str]) -> Mapping[str, Any]:
    if options is None:
        return {}
    if not isinstance(options, Mapping) or set(options) - known:
        raise NotEvaluable(f"the options understood are {', '.join(sorted(known))}")
    return options
