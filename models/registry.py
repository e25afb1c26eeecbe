"""Which class stands for which entity type."""

from models.alert.alert import Alert
from models.device.device import Device
from models.energy.three_phase_ac_measurement import ThreePhaseAcMeasurement
from models.environment.air_quality_observed import AirQualityObserved
from models.environment.indoor_environment_observed import IndoorEnvironmentObserved
from models.environment.noise_level_observed import NoiseLevelObserved
from models.ngsild.smart_data import SmartDataEntity
from models.parking.on_street_parking import OnStreetParking
from models.parking.parking_spot import ParkingSpot
from models.parks_and_gardens.greenspace_record import GreenspaceRecord
from models.streetlighting.streetlight import Streetlight
from models.transportation.crowd_flow_observed import CrowdFlowObserved
from models.waste_management.waste_container import WasteContainer
from models.water_consumption.water_consumption_observed import WaterConsumptionObserved
from models.weather.weather_observed import WeatherObserved

MODELS: dict[str, type[SmartDataEntity]] = {
    model.TYPE_IRI: model
    for model in (
        AirQualityObserved,
        Alert,
        CrowdFlowObserved,
        Device,
        GreenspaceRecord,
        IndoorEnvironmentObserved,
        NoiseLevelObserved,
        OnStreetParking,
        ParkingSpot,
        Streetlight,
        ThreePhaseAcMeasurement,
        WasteContainer,
        WaterConsumptionObserved,
        WeatherObserved,
    )
}
"""Type IRI to class."""


def model_of(type_iri: str) -> type[SmartDataEntity] | None:
    """The class of that type IRI, or None."""
    return MODELS.get(type_iri)


def schema_path(model: type[SmartDataEntity]) -> str:
    """Where the JSON Schema of the class stands below `schemas`."""
    return f"{model.__module__.split('.')[1]}/{model.__name__}/schema.json"
