"""Refusals of provisioning requests, under the names and statuses FIWARE's agents have for them."""

from collections.abc import Mapping
from typing import Any

from agents.core.errors import AgentError


class ProvisioningError(AgentError):
    """A provisioning request that is refused, under the name FIWARE's agents have for it."""

    reason = "provisioning"

    def __init__(self, name: str, status: int, detail: str) -> None:
        super().__init__(detail)
        self.name = name
        self.status = status


def wrong_syntax(detail: str) -> ProvisioningError:
    """The document is not what it has to be."""
    return ProvisioningError("WRONG_SYNTAX", 400, f"Wrong syntax in request: {detail}")


def duplicate_group(group: Mapping[str, Any]) -> ProvisioningError:
    """There is one with this resource and key, in whatever service."""
    return ProvisioningError(
        "DUPLICATE_GROUP", 409, f"A device group already exists for resource {group['resource']} and this apikey"
    )


def no_group(resource: str) -> ProvisioningError:
    """No group of the service and path has this resource and key."""
    return ProvisioningError("DEVICE_GROUP_NOT_FOUND", 404, f"Couldn't find device group of {resource}")


def duplicate_device(document: Mapping[str, Any]) -> ProvisioningError:
    """There is one with this identifier and key."""
    return ProvisioningError(
        "DUPLICATE_DEVICE_ID",
        409,
        f"A device with the same id {document['device_id']} and apikey was already provisioned",
    )


def no_device(identifier: str) -> ProvisioningError:
    """No device of the service and path has this identifier (and key)."""
    return ProvisioningError("DEVICE_NOT_FOUND", 404, f"No device was found with id:{identifier}")
