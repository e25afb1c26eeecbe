"""Streetlight: one lamp of the public lighting.

Facts from Smart Data Models, dataModel.Streetlighting (CC BY 4.0), version 0.2.1.
"""

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field

from models.ngsild.geometry import Geometry
from models.ngsild.references import Reference, References
from models.ngsild.smart_data import SmartDataEntity


class Streetlight(SmartDataEntity):
    """One lamp of the public lighting. Attributes by the names of dataModel.Streetlighting/Streetlight."""

    TYPE_IRI: ClassVar[str] = "https://smartdatamodels.org/dataModel.Streetlighting/Streetlight"
    CONTEXT: ClassVar[str] = (
        "https://raw.githubusercontent.com/smart-data-models/dataModel.Streetlighting/master/context.jsonld"
    )

    type: Literal["Streetlight"] = "Streetlight"
    location: Geometry
    circuit: str | None = None
    refStreetlightModel: Reference | None = None
    refStreetlightControlCabinet: Reference | None = None
    status: Literal["brokenLantern", "columnIssue", "defectiveLamp", "ok"] = Field(
        description="Whether the lamp is in working order. Its IRI is the core context's `ngsi-ld:status`."
    )
    powerState: Literal["bootingUp", "low", "off", "on"] | None = Field(
        default=None, description="Whether the lamp burns."
    )
    refDevice: References | None = None
    refStreetlightGroup: Reference | None = None
    dateLastLampChange: datetime | None = None
    dateLastSwitchingOn: datetime | None = None
    dateLastSwitchingOff: datetime | None = None
    controllingMethod: Literal["group", "individual"] | None = None
    dateServiceStarted: datetime | None = None
    locationCategory: (
        Literal[
            "bridge",
            "centralIsland",
            "facade",
            "garden",
            "park",
            "parking",
            "pedestrianPath",
            "playground",
            "road",
            "sidewalk",
            "tunnel",
        ]
        | None
    ) = None
    lanternHeight: float | None = Field(default=None, ge=0, description="Height of the lantern above ground, m.")
    lifetimeMotionDetected: float | None = None
    lifetimePowerConsumption: float | None = Field(default=None, description="Energy used since installation, kWh.")
    illuminanceLevel: float | None = Field(
        default=None, ge=0, le=1, description="Dimming level, 0 dark to 1 full light (not percent)."
    )
    powerConsumption: float | None = Field(default=None, description="Power drawn at the moment, W.")
    current: float | None = Field(default=None, description="Current drawn, A.")
    powerRating: float | None = None
    powerFactor: float | None = None
    voltage: float | None = Field(default=None, description="Supply voltage, V.")
    feederPillarNum: str | None = None
    streetPoleNum: str | None = None
    observationDateTime: datetime | None = None
    feederID: Reference | None = None
    municipalityInfo: dict[str, Any] | None = None
    deviceInfo: dict[str, Any] | None = None
