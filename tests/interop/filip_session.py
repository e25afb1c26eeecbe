"""What a user of FIWARE's Python client filip does with an agent; run by the Python that has filip installed.

Prints one line of JSON with what the client understood.
"""

import json
import sys

from filip.clients.ngsi_v2 import IoTAClient
from filip.models.base import FiwareHeader
from filip.models.ngsi_v2.iot import (
    Device,
    DeviceAttribute,
    DeviceCommand,
    LazyDeviceAttribute,
    ServiceGroup,
    StaticDeviceAttribute,
)

told = {}
with IoTAClient(url=sys.argv[1], fiware_header=FiwareHeader(service="filip", service_path="/works")) as client:
    told["about"] = sorted(client.get_version())
    group = ServiceGroup(
        apikey="filipkey", resource="/iot/json", entity_type="Room", explicitAttrs=False,
        attributes=[DeviceAttribute(object_id="t", name="temperature", type="Number")],
    )  # fmt: skip
    client.post_group(group)
    client.post_group(group.model_copy(update={"entity_type": "Hall"}), update=True)
    told["group"] = client.get_group(resource="/iot/json", apikey="filipkey").entity_type
    told["groups"] = len(client.get_group_list())
    device = Device(
        device_id="room1", entity_name="urn:ngsi-ld:Room:1", entity_type="Room", apikey="filipkey",
        protocol="IoTA-JSON", transport="MQTT", timezone="Europe/Luxembourg",
        attributes=[DeviceAttribute(object_id="h", name="humidity", type="Number")],
        lazy=[LazyDeviceAttribute(object_id="b", name="battery", type="Number")],
        commands=[DeviceCommand(name="heater", type="command")],
        static_attributes=[StaticDeviceAttribute(name="floor", type="Number", value=2)],
    )  # fmt: skip
    client.post_device(device=device)
    read = client.get_device(device_id="room1")
    told["device"] = [read.entity_name, read.attributes[0].name, read.commands[0].name, read.lazy[0].name]
    device.add_attribute(DeviceAttribute(object_id="c", name="co2", type="Number"))
    client.post_device(device=device, update=True)
    told["attributes"] = [each.name for each in client.get_device(device_id="room1").attributes]
    told["listed"] = [each.device_id for each in client.get_device_list(entity_types=["Room"])]
    told["level"] = client.get_loglevel_of_agent()
    client.delete_device(device_id="room1")
    told["there"] = client.does_device_exists("room1")
    client.delete_group(resource="/iot/json", apikey="filipkey")
    told["left"] = len(client.get_group_list())
print(json.dumps(told))
