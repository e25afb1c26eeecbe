"""What agents know of the world: uplinks as networks deliver them, readings, devices and their models."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from agents.core.commands import CommandAttribute

Instant: TypeAlias = int
"""Microseconds since 1970-01-01T00:00:00Z."""

Json: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Uplink:
    """One message of a device, whatever network carried it.

    Either `payload` (bytes for a codec) or `decoded` (an object the device or network server made) holds the measures.
    """

    network: str
    device_id: str
    """The devEUI in lower hex for LoRaWAN, else the identifier the device has at its agent."""
    payload: bytes = b""
    decoded: Mapping[str, Json] | None = None
    f_port: int = 0
    f_cnt: int | None = None
    deduplication_id: str | None = None
    time: Instant | None = None
    """When a gateway or the device took it; `None` where nobody said."""
    rssi: float | None = None
    """dBm at the gateway that heard best."""
    snr: float | None = None
    """dB at that gateway."""
    gateway: str | None = None
    api_key: str | None = None
    kind: str = "measures"
    """`measures`, `results` of commands by name, or the `configuration` a device asks for."""
    local: bool = False
    """Nobody said in which zone `time` is; read as UTC."""
    route: Mapping[str, str] = field(default_factory=dict)
    """What a network server wants to hear again with a downlink to the device: `network`, `application`, `device`."""

    @property
    def identity(self) -> tuple[str, str | int, Instant | None] | None:
        """What the same uplink delivered twice has in common; `None` where it cannot be told."""
        if self.deduplication_id is not None:
            return (self.device_id, self.deduplication_id, None)
        # The counter alone starts anew with each join.
        if self.f_cnt is not None and self.time is not None:
            return (self.device_id, self.f_cnt, self.time)
        return None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a device measured, under the device's own names and units."""

    device_id: str
    measures: Mapping[str, Json]
    time: Instant


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """How one attribute of the entity comes out of the measures, by exactly one of source, fields, place and time."""

    name: str
    source: tuple[str, ...] = ()
    """Path of the measure in the decoded object."""
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Members of an object value, each with the path of its measure."""
    place: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Paths of `latitude` and `longitude`, and `altitude` where there is one: the attribute is a GeoProperty."""
    time: bool = False
    """The value is the instant of the reading."""
    scale: float | str = 1
    """Factor, or the name of the parameter that holds it."""
    between: tuple[str, str] | None = None
    """Parameters at which the measure means 0 and 1."""
    values: Mapping[str, Json] = field(default_factory=dict)
    """Words of the device (booleans as `true`, `false`) and the words of the data model."""
    clamp: tuple[float, float] | None = None
    decimals: int | None = None
    unit_code: str | None = None
    """UN/CEFACT Recommendation 20."""


@dataclass(frozen=True, slots=True)
class DeviceModel:
    """A maker's product: how its bytes read and which entity they speak of."""

    id: str
    """`<maker>/<model>`."""
    description: str
    entity_type: str
    context: str
    """URL of the JSON-LD context in which the type and the attribute names stand."""
    attributes: tuple[AttributeRule, ...]
    sensors: tuple[str, ...] = ()
    parameters: Mapping[str, float] = field(default_factory=dict)
    static: Mapping[str, Json] = field(default_factory=dict)
    codec: str | None = None
    """JavaScript source after TS013; `None` where the device sends JSON."""
    encoder: str | None = None
    """JavaScript source with `encodeDownlink` where it is not in `codec`."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What the codec is given as `variables`."""
    commands: "Mapping[str, CommandAttribute]" = field(default_factory=dict)
    """What can be commanded, by the name of the entity's attribute."""
    keeps_unmapped: bool = False
    """Measures without a rule become Properties of the same name."""
    normalized: bool = False
    """The rules read what `normalizeUplink` of the codec makes of the measures, under `normalized`."""


@dataclass(frozen=True, slots=True)
class Device:
    """One device in the field and the entity it reports on."""

    id: str
    model: str
    entity_id: str
    entity_type: str
    context: str
    api_key: str | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)
    static: Mapping[str, Json] = field(default_factory=dict)
    """Normalized NGSI-LD attributes, sent along with the first reading."""
    commands: "Mapping[str, CommandAttribute]" = field(default_factory=dict)
    """What can be commanded, by the name of the entity's attribute."""
    tenant: str | None = None
    """Tenant of the broker its entities go to; `None` is the agents' own."""
    provisioned: Any = None
    """`agents.core.provisioned.Provisioned` where a FIWARE-compatible provisioning describes it, which then maps."""
