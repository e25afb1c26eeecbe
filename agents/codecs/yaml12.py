"""Reads YAML by the core schema of YAML 1.2.2 (10.3), as JavaScript and Go tools do.

PyYAML follows YAML 1.1, where `on`, `off`, `yes` and `no` are booleans, `12:30` is a number and `2020-01-01` a date:
published examples mean text by all of them.
"""

import re
from typing import Any

import yaml

FILE_LIMIT = 4 * 1024 * 1024
"""Characters of a file; the largest published set of examples has 0.2 million."""

_SCALARS: tuple[tuple[str, str, str], ...] = (
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("tag:yaml.org,2002:int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", "~nN\0"),
)


class _Loader(yaml.SafeLoader):
    """The safe loader without YAML 1.1's guesses."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  PyYAML's own form


for _tag, _pattern, _starts in _SCALARS:
    _firsts = [*_starts, ""] if "\0" in _starts else list(_starts)
    _Loader.add_implicit_resolver(_tag, re.compile(rf"^(?:{_pattern})$"), [each for each in _firsts if each != "\0"])


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text, base)


def _number(loader: _Loader, node: yaml.ScalarNode) -> float:
    text = str(loader.construct_scalar(node)).lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)


def read_yaml(text: str) -> Any:
    """The values of a document.

    Raises:
        ValueError: It is no YAML, or larger than `FILE_LIMIT`.
    """
    if len(text) > FILE_LIMIT:
        raise ValueError(f"a YAML file has at most {FILE_LIMIT} characters")
    try:
        return yaml.load(text, _Loader)  # noqa: S506  a subclass of the safe loader
    except (yaml.YAMLError, RecursionError) as problem:
        raise ValueError(f"not YAML: {problem}") from None
