"""ThreePhaseAcMeasurement: electrical measurement of a three-phase supply.

Facts from Smart Data Models, dataModel.Energy (CC BY 4.0), version 0.0.4.
"""

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field

from models.ngsild.references import References
from models.ngsild.smart_data import SmartDataEntity


class ThreePhaseAcMeasurement(SmartDataEntity):
    """Electrical measurement of a three-phase supply. Attributes by the names of dataModel.Energy.

    Per-phase values are objects with the members L1, L2, L3 (and N).
    """

    TYPE_IRI: ClassVar[str] = "https://smartdatamodels.org/dataModel.Energy/ThreePhaseAcMeasurement"
    CONTEXT: ClassVar[str] = (
        "https://raw.githubusercontent.com/smart-data-models/dataModel.Energy/master/context.jsonld"
    )

    type: Literal["ThreePhaseAcMeasurement"] = "ThreePhaseAcMeasurement"
    refDevice: References | None = None
    refTargetDevice: References | None = None
    dateEnergyMeteringStarted: datetime | None = None
    totalActiveEnergyImport: float | None = Field(default=None, ge=0, description="Energy index, kWh.")
    totalReactiveEnergyImport: float | None = Field(default=None, ge=0)
    totalApparentEnergyImport: float | None = Field(default=None, ge=0)
    totalActiveEnergyExport: float | None = Field(default=None, ge=0, description="Energy fed back, kWh.")
    totalReactiveEnergyExport: float | None = Field(default=None, ge=0)
    totalApparentEnergyExport: float | None = Field(default=None, ge=0)
    frequency: float | None = Field(default=None, ge=0, description="Hz.")
    totalActivePower: float | None = Field(default=None, description="Power drawn over all phases, W.")
    totalReactivePower: float | None = None
    totalApparentPower: float | None = Field(default=None, ge=0)
    activeEnergyImport: dict[str, Any] | None = None
    reactiveEnergyImport: dict[str, Any] | None = None
    apparentEnergyImport: dict[str, Any] | None = None
    activeEnergyExport: dict[str, Any] | None = None
    reactiveEnergyExport: dict[str, Any] | None = None
    apparentEnergyExport: dict[str, Any] | None = None
    activePower: dict[str, Any] | None = Field(default=None, description="W per phase.")
    reactivePower: dict[str, Any] | None = None
    apparentPower: dict[str, Any] | None = None
    totalPowerFactor: float | None = Field(default=None, ge=-1, le=1, description="-1 to 1.")
    powerFactor: dict[str, Any] | None = None
    totalDisplacementPowerFactor: float | None = Field(default=None, ge=-1, le=1)
    displacementPowerFactor: dict[str, Any] | None = None
    current: dict[str, Any] | None = Field(default=None, description="A per phase.")
    phaseVoltage: dict[str, Any] | None = Field(default=None, description="V per phase, against neutral.")
    phaseToPhaseVoltage: dict[str, Any] | None = Field(default=None, description="V between phases.")
    thdVoltage: dict[str, Any] | None = None
    thdCurrent: dict[str, Any] | None = None
