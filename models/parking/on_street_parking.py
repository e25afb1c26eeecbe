"""OnStreetParking: parking places along a street or on a square.

Facts from Smart Data Models, dataModel.Parking (CC BY 4.0), version 0.1.4.
"""

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field

from models.ngsild.geometry import Geometry
from models.ngsild.references import References
from models.ngsild.smart_data import SmartDataEntity


class OnStreetParking(SmartDataEntity):
    """Parking places along a street or on a square. Attributes by the names of dataModel.Parking/OnStreetParking."""

    TYPE_IRI: ClassVar[str] = "https://smartdatamodels.org/dataModel.Parking/OnStreetParking"
    CONTEXT: ClassVar[str] = (
        "https://raw.githubusercontent.com/smart-data-models/dataModel.Parking/master/context.jsonld"
    )

    type: Literal["OnStreetParking"] = "OnStreetParking"
    location: Geometry
    category: (
        list[
            Literal[
                "barrierAccess",
                "blueZone",
                "feeCharged",
                "forDisabled",
                "forElectricalCharging",
                "forLoadUnload",
                "forResidents",
                "free",
                "greenZone",
                "mediumTerm",
                "onlyWithPermit",
                "public",
                "shortTerm",
                "taxiStop",
                "underground",
            ]
        ]
        | None
    ) = None
    allowedVehicleType: (
        list[
            Literal[
                "agriculturalVehicle",
                "anyVehicle",
                "articulatedVehicle",
                "bicycle",
                "bus",
                "car",
                "caravan",
                "carOrLightVehicle",
                "carWithCaravan",
                "carWithTrailer",
                "constructionOrMaintenanceVehicle",
                "fourWheelDrive",
                "highSidedVehicle",
                "lorry",
                "moped",
                "motorcycle",
                "motorcycleWithSideCar",
                "motorscooter",
                "tanker",
                "threeWheeledVehicle",
                "trailer",
                "tram",
                "twoWheeledVehicle",
                "van",
                "vehicleWithCatalyticConverter",
                "vehicleWithoutCatalyticConverter",
                "vehicleWithCaravan",
                "vehicleWithTrailer",
                "withEvenNumberedRegistrationPlates",
                "withOddNumberedRegistrationPlates",
                "other",
            ]
        ]
        | None
    ) = None
    requiredPermit: list[str] | None = None
    permitActiveHours: dict[str, Any] | None = None
    maximumParkingDuration: str | None = None
    occupiedSpotNumber: float | None = Field(default=None, description="Places taken at the moment.")
    occupancyModified: datetime | None = None
    layout: list[str] | None = None
    chargeType: (
        list[
            Literal[
                "additionalIntervalPrice",
                "annualPayment",
                "firstIntervalPrice",
                "flat",
                "free",
                "minimum",
                "maximum",
                "monthlyPayment",
                "seasonTicket",
                "temporaryFee",
                "temporaryPrice",
                "unknown",
                "other",
            ]
        ]
        | None
    ) = None
    acceptedPaymentMethod: (
        Literal[
            "ByBankTransferInAdvance",
            "ByInvoice",
            "Cash",
            "CheckInAdvance",
            "COD",
            "DirectDebit",
            "GoogleCheckout",
            "PayPal",
            "PaySwarm",
        ]
        | None
    ) = None
    usageScenario: (
        Literal[
            "carSharing",
            "dropOff",
            "kissAndRide",
            "liftShare",
            "loadingBay",
            "overnightParking",
            "parkAndRide",
            "parkAndCycle",
            "parkAndWalk",
            "vehicleLift",
            "other",
        ]
        | None
    ) = None
    totalSpotNumber: int | None = Field(default=None, ge=0, description="Places in all.")
    availableSpotNumber: int | None = Field(default=None, ge=0, description="Places free at the moment.")
    extraSpotNumber: int | None = Field(default=None, ge=0)
    occupancyDetectionType: (
        list[Literal["balancing", "manual", "modelBased", "none", "singleSpaceDetection"]] | None
    ) = None
    parkingMode: Literal["echelonParking", "parallelParking", "perpendicularParking"] | None = None
    areBordersMarked: bool | None = None
    averageSpotWidth: float | None = Field(default=None, ge=0, description="Typical width of a place, m.")
    averageSpotLength: float | None = Field(default=None, ge=0, description="Typical length of a place, m.")
    refParkingSpot: References | None = None
    refParkingGroup: References | None = None
    outOfServiceSlotNumber: float | None = None
    parkingSiteId: str | None = None
    observationDateTime: datetime | None = None
    fourWheelerSlots: dict[str, Any] | None = None
    unclassifiedSlots: dict[str, Any] | None = None
    twoWheelerSlots: dict[str, Any] | None = None
    municipalityInfo: dict[str, Any] | None = None
