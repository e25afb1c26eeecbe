"""What all kinds of simulated devices have in common."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

Reading: TypeAlias = Mapping[str, Any]
"""What a device measured, by the device's own names and units."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A LoRaWAN frame's payload and its port."""

    f_port: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of device.

    `measure(seed, at, local)` is the reading of the device of that seed at a Unix time, `local` being the same moment
    on the clocks of the territory. `encode` puts it into a frame; None for devices that speak JSON.
    `statics(seed, commune slug)` are key-values that the device's entity always has; `watched` is the attribute that
    says most, by its name in the data model.
    """

    model: str
    entity_type: str
    type_iri: str
    watched: tuple[str, ...]
    measure: Callable[[str, float, datetime], Reading]
    encode: Callable[[Reading], Frame] | None
    statics: Callable[[str, str], Mapping[str, Any]] = field(default=lambda _seed, _commune: {})
    parameters: Mapping[str, float] = field(default_factory=dict)
