"""The counters in the Prometheus text exposition format 0.0.4."""

from agents.operations.status import Status
from agents.operations.tally import Tally


def exposition(tally: Tally, devices: int, status: Status) -> str:
    """All counters and gauges as text."""
    lines = [
        "# TYPE eclor_agents_devices gauge",
        f"eclor_agents_devices {devices}",
        "# TYPE eclor_agents_mqtt_connected gauge",
        f"eclor_agents_mqtt_connected {int(status.mqtt_connected())}",
        "# TYPE eclor_agents_codec_restarts_total counter",
        f"eclor_agents_codec_restarts_total {status.codec_restarts()}",
        "# TYPE eclor_agents_events_total counter",
    ]
    lines += [f'eclor_agents_events_total{{kind="{name}"}} {count}' for name, count in sorted(tally.counts.items())]
    return "\n".join(lines) + "\n"
