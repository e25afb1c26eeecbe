"""Who this broker is (clause 5.15)."""

from typing import Any

from broker.core.model.instant import Instant, format_instant
from broker.operations.ports import Ports
from broker.operations.registrations import federation_of
from broker.operations.tenancy import require_tenant

_SECOND = 1_000_000


async def source_identity(ports: Ports, tenant: str) -> dict[str, Any]:
    """The Context Source Identity of a tenant of this broker (clause 5.2.40)."""
    federation = federation_of(ports)
    await require_tenant(ports, tenant)
    now, alias = ports.clock.now(), federation.alias_of(tenant)
    return {
        "id": f"urn:ngsi-ld:ContextSource:{alias}",
        "type": "ContextSourceIdentity",
        "contextSourceAlias": alias,
        "contextSourceUptime": duration(now - federation.started_at),
        "contextSourceTimeAt": format_instant(now),
    }


def duration(span: Instant) -> str:
    """A span in microseconds as an ISO 8601 duration in days, hours, minutes and seconds."""
    seconds = max(span, 0) // _SECOND
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, seconds = divmod(rest, 60)
    return f"P{days}DT{hours}H{minutes}M{seconds}S"
