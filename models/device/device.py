"""Device: a sensor, actuator or meter.

Facts from Smart Data Models, dataModel.Device (CC BY 4.0), version 0.0.9.
"""

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field

from models.ngsild.references import Reference
from models.ngsild.smart_data import SmartDataEntity


class Device(SmartDataEntity):
    """A sensor, actuator or meter. Attributes by the names of dataModel.Device/Device."""

    TYPE_IRI: ClassVar[str] = "https://smartdatamodels.org/dataModel.Device/Device"
    CONTEXT: ClassVar[str] = (
        "https://raw.githubusercontent.com/smart-data-models/dataModel.Device/master/context.jsonld"
    )

    type: Literal["Device"] = "Device"
    category: (
        list[
            Literal[
                "actuator",
                "beacon",
                "endgun",
                "HVAC",
                "implement",
                "irrSection",
                "irrSystem",
                "meter",
                "multimedia",
                "network",
                "sensor",
            ]
        ]
        | None
    ) = None
    deviceCategory: (
        list[
            Literal[
                "actuator",
                "beacon",
                "endgun",
                "HVAC",
                "implement",
                "irrSection",
                "irrSystem",
                "meter",
                "multimedia",
                "network",
                "sensor",
            ]
        ]
        | None
    ) = None
    controlledProperty: list[
        Literal[
            "airPollution",
            "atmosphericPressure",
            "averageVelocity",
            "batteryLife",
            "batterySupply",
            "cdom",
            "conductance",
            "conductivity",
            "depth",
            "eatingActivity",
            "electricityConsumption",
            "energy",
            "fillingLevel",
            "freeChlorine",
            "gasConsumption",
            "gateOpening",
            "heading",
            "humidity",
            "light",
            "location",
            "milking",
            "motion",
            "movementActivity",
            "noiseLevel",
            "occupancy",
            "orp",
            "pH",
            "power",
            "precipitation",
            "pressure",
            "refractiveIndex",
            "salinity",
            "smoke",
            "soilMoisture",
            "solarRadiation",
            "speed",
            "tds",
            "temperature",
            "trafficFlow",
            "tss",
            "turbidity",
            "uvLampIntensity",
            "uvOrganicLoad",
            "waterConsumption",
            "waterFlow",
            "waterLevel",
            "waterPollution",
            "weatherConditions",
            "weight",
            "windDirection",
            "windSpeed",
        ]
    ] = Field(description="What it measures or acts on.")
    supportedProtocol: (
        list[
            Literal[
                "3g",
                "bluetooth",
                "bluetooth LE",
                "cat-m",
                "coap",
                "ec-gsm-iot",
                "gprs",
                "http",
                "lwm2m",
                "lora",
                "lte-m",
                "mqtt",
                "nb-iot",
                "onem2m",
                "sigfox",
                "ul20",
                "websocket",
            ]
        ]
        | None
    ) = None
    macAddress: str | None = None
    controlledAsset: list[str] | None = None
    mnc: str | None = None
    mcc: str | None = None
    ipAddress: list[str] | None = Field(default=None, description="IPv4 or IPv6 addresses.")
    configuration: list[dict[str, Any]] | None = None
    dateInstalled: datetime | None = None
    dateFirstUsed: datetime | None = None
    dateManufactured: datetime | None = None
    hardwareVersion: str | None = None
    softwareVersion: str | None = None
    firmwareVersion: str | None = None
    osVersion: str | None = None
    distance: float | None = None
    dstAware: bool | None = None
    depth: float | None = None
    relativePosition: str | None = None
    direction: Literal["Inlet", "Outlet", "Entry", "Exit"] | None = None
    dateLastCalibration: datetime | None = None
    serialNumber: str | None = None
    provider: str | None = None
    refDeviceModel: Reference | None = None
    batteryLevel: float | None = Field(default=None, description="1 full, 0 empty, -1 unknown.")
    rssi: float | None = Field(default=None, description="Radio signal strength as last reported.")
    deviceState: str | None = None
    dateLastValueReported: datetime | None = Field(default=None, description="When it was last heard.")
    value: str | None = None
    dateObserved: datetime | None = None
