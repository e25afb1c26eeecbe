"""The MQTT messages of the devices: ChirpStack v4 events for LoRaWAN, FIWARE's JSON topics for the others."""

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import orjson

from agents.demo.curves import chance
from agents.demo.devices.kind import Frame
from agents.demo.fleet import API_KEY, Device

APPLICATION = "7f1ab2c0-0000-4000-8000-00000000ec10"
_TENANT = "7f1ab2c0-0000-4000-8000-000000000001"


def message(device: Device, at: float, local: datetime, count: int) -> tuple[str, bytes]:
    """Topic and payload of the device's report at that Unix time; `count` is its frame counter."""
    reading = device.read(at, local)
    if device.kind.encode is None:
        return f"/{API_KEY}/{device.id}/attrs", orjson.dumps({**reading, "TimeInstant": _iso(at)})
    topic = f"application/{APPLICATION}/device/{device.id}/event/up"
    return topic, orjson.dumps(uplink(device, device.kind.encode(reading), at, count))


def uplink(device: Device, frame: Frame, at: float, count: int) -> dict[str, Any]:
    """The event as ChirpStack v4 writes it (protobuf's JSON: members with a zero value are left out)."""
    fading = chance(device.seed, "radio", int(at / 60))
    event: dict[str, Any] = {
        "deduplicationId": str(uuid5(NAMESPACE_URL, f"{device.id}:{at}")),
        "time": _iso(at),
        "deviceInfo": {
            "tenantId": _TENANT,
            "tenantName": "Pays Haut Val d'Alzette",
            "applicationId": APPLICATION,
            "applicationName": "Territoire",
            "deviceProfileId": str(uuid5(NAMESPACE_URL, device.kind.model)),
            "deviceProfileName": device.kind.model,
            "deviceName": f"{device.commune.name} {device.street}",
            "devEui": device.id,
            "deviceClassEnabled": "CLASS_A",
        },
        "devAddr": device.id[-8:],
        "adr": True,
        "dr": 5,
        "fCnt": count,
        "fPort": frame.f_port,
        "data": b64encode(frame.data).decode(),
        "rxInfo": [
            {
                "gatewayId": "02000000ec100001",
                "uplinkId": int(at * 1000) & 0xFFFFFFFF,
                "rssi": -70 - round(45 * fading),
                "snr": round(10 - 14 * fading, 1),
                "crcStatus": "CRC_OK",
            }
        ],
        "txInfo": {
            "frequency": 868_100_000,
            "modulation": {"lora": {"bandwidth": 125_000, "spreadingFactor": 7, "codeRate": "CR_4_5"}},
        },
        "regionConfigId": "eu868",
    }
    return {name: value for name, value in event.items() if value not in (0, "")}


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")
