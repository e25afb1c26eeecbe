"""Supervision of devices: each as an NGSI-LD entity of type Device, and those that fell silent."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_args
from urllib.parse import quote

import orjson

from agents.core.health import Health, battery_level, from_json, to_json
from agents.core.instant import format_instant
from agents.core.model import Device, Instant
from agents.operations import clock
from agents.operations.devices import Devices
from agents.operations.forward import Forwarder
from agents.operations.item import Item
from agents.operations.ports import Spool
from agents.operations.tally import Tally
from models.device.device import Device as DeviceEntity

ROUND = 15.0
"""Seconds between two looks at all devices."""
REPORT_EVERY = 300 * 1_000_000
"""µs between two reports on a device, unless its state changes: a device that speaks every 30 s costs a tenth more."""
_AT_ONCE = 500
_PROTOCOLS = {"json": "mqtt", "ultralight": "ul20"}
"""Network to a protocol of the data model; every other one is a LoRaWAN network server."""
_PROPERTIES = frozenset(get_args(get_args(DeviceEntity.model_fields["controlledProperty"].annotation)[0]))


class Supervision:
    """Knows of each device how it is doing, and tells the broker."""

    def __init__(
        self,
        devices: Devices,
        forwarder: Forwarder,
        spool: Spool,
        tally: Tally,
        *,
        now: Callable[[], Instant] = clock.now,
    ) -> None:
        self._devices = devices
        self._forwarder = forwarder
        self._spool = spool
        self._tally = tally
        self._now = now
        self._since = now()
        self._health: dict[str, Health] = {}
        self._heard: dict[str, str] = {}
        """Devices to report on, with the network that brought their last message."""

    async def load(self) -> None:
        """Take up what an earlier process knew."""
        self._since = self._now()
        stored = await self._spool.health()
        self._health = {name: from_json(orjson.loads(text)) for name, text in stored.items()}

    def observe(self, item: Item) -> None:
        """A message of a device arrived, whatever became of it."""
        device_id = item.device.id
        health = self._health.get(device_id)
        if health is None:
            health = self._health[device_id] = Health()
        if health.silent:
            health.reported = 0
        battery = battery_level(item.measures, item.entities[0] if item.entities else None)
        health.hear(item.uplink, item.message.at, battery)
        self._heard[device_id] = item.uplink.network

    def routes(self) -> dict[str, Mapping[str, str]]:
        """Where downlinks for devices go, as their last uplinks told."""
        return {name: health.route for name, health in self._health.items() if health.route}

    def of(self, device_id: str) -> dict[str, Any] | None:
        """How a device is doing, for showing; `None` where it was never heard."""
        health = self._health.get(device_id)
        if health is None:
            return None
        shown = {
            "lastSeen": format_instant(health.last_seen),
            "intervalSeconds": round(health.interval / 1e6, 1) or None,
            "batteryLevel": health.battery,
            "rssi": health.rssi,
            "snr": health.snr,
            "margin": health.margin,
            "frameLossRate": health.loss,
            "silent": health.is_silent(self._now(), self._since),
        }
        return {name: value for name, value in shown.items() if value is not None}

    def silent(self, seconds: float | None = None) -> list[Device]:
        """Devices not heard for so long, by default for longer than their habit; the never heard among them."""
        now = self._now()
        found: list[Device] = []
        for device in self._devices.page(0, len(self._devices)):
            health = self._health.get(device.id)
            if health is None:
                quiet = seconds is None or now - self._since > seconds * 1e6
            elif seconds is None:
                quiet = health.is_silent(now, self._since)
            else:
                quiet = now - health.last_seen > seconds * 1e6
            if quiet:
                found.append(device)
        return found

    async def run(self) -> None:
        """Look at all devices again and again, until cancelled."""
        while True:
            await asyncio.sleep(ROUND)
            await self.report()

    async def report(self) -> None:
        """Tell the broker of the devices that were heard or fell silent, and save what is known."""
        now = self._now()
        changed = [*self._fallen_silent(now), *self._due(now)]
        gone = [name for name in self._health if self._devices.get(name) is None]
        for at in range(0, len(changed), _AT_ONCE):
            await self._tell(changed[at : at + _AT_ONCE], now)
        for name in gone:
            del self._health[name]
        if changed or gone:
            saved = [(name, orjson.dumps(to_json(self._health[name])).decode()) for name in changed]
            await self._spool.save_health(saved, gone)

    def _fallen_silent(self, now: Instant) -> list[str]:
        fallen = [
            name
            for name, health in self._health.items()
            if not health.silent and health.is_silent(now, self._since) and self._devices.get(name) is not None
        ]
        for name in fallen:
            self._health[name].silent = True
        self._tally.count("devices_fallen_silent", len(fallen))
        return fallen

    def _due(self, now: Instant) -> list[str]:
        return [
            name
            for name in self._heard
            if self._devices.get(name) is not None
            and not self._health[name].silent
            and now - self._health[name].reported >= REPORT_EVERY
        ]

    async def _tell(self, names: Sequence[str], now: Instant) -> None:
        by_tenant: dict[str | None, list[dict[str, Any]]] = {}
        for name in names:
            device = self._devices.get(name)
            if device is not None:
                entity = device_entity(
                    device,
                    self._health[name],
                    now,
                    network=self._heard.pop(name, None),
                    sensors=self._devices.models[device.model].sensors,
                )
                by_tenant.setdefault(device.tenant, []).append(entity)
                self._health[name].reported = now
        for tenant, entities in by_tenant.items():
            refused = await self._forwarder.store(entities, tenant)
            self._tally.count("device_reports", len(entities) - len(refused))
            self._tally.count("device_reports_refused", len(refused))


def device_entity(
    device: Device, health: Health, now: Instant, *, network: str | None, sensors: Iterable[str]
) -> dict[str, Any]:
    """The entity of Smart Data Models' type Device that tells how a device is doing.

    `snr` (dB), `margin` (dB) and `frameLossRate` (0 to 1) are no terms of that model; `deviceState` is `ok` or
    `silent`.
    """
    seen = format_instant(health.last_seen)
    entity: dict[str, Any] = {
        "id": f"urn:ngsi-ld:Device:{quote(device.id, safe=':@!$*,&')}",
        "type": "Device",
        "deviceState": _property("silent" if health.silent else "ok", format_instant(now)),
        "dateLastValueReported": _property({"@type": "DateTime", "@value": seen}, seen),
        "category": {"type": "Property", "value": ["sensor"]},
        "controlledAsset": {"type": "Relationship", "object": device.entity_id},
        "@context": DeviceEntity.CONTEXT,
    }
    for name, value, unit in (
        ("batteryLevel", health.battery, "C62"),
        ("rssi", health.rssi, "DBM"),
        ("snr", health.snr, "2N"),
        ("margin", health.margin, "2N"),
        ("frameLossRate", health.loss, "C62"),
    ):
        if value is not None:
            entity[name] = {**_property(value, seen), "unitCode": unit}
    if measured := sorted(_PROPERTIES.intersection(sensors)):
        entity["controlledProperty"] = {"type": "Property", "value": measured}
    if network is not None:
        entity["supportedProtocol"] = {"type": "Property", "value": [_PROTOCOLS.get(network, "lora")]}
    return entity


def _property(value: Any, observed_at: str) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": observed_at}
