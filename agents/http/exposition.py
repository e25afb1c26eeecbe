"""The counters as OpenMetrics 1.0 text, which Prometheus and its kin read."""

from agents.operations.status import Status
from agents.operations.tally import Tally

MEDIA_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def exposition(tally: Tally, devices: int, status: Status) -> str:
    """All counters and gauges as text."""
    waiting, size = status.waiting()
    lines: list[str] = []
    for name, text, value in (
        ("eclor_agents_devices", "Registered devices", devices),
        (
            "eclor_agents_mqtt_connected",
            "Whether there is a connection to the MQTT broker",
            int(status.mqtt_connected()),
        ),
        ("eclor_agents_spool_messages", "Messages that the context broker does not have yet", waiting),
        ("eclor_agents_spool_bytes", "Their size on disk, roughly", size),
    ):
        lines += [f"# HELP {name} {text}.", f"# TYPE {name} gauge", f"{name} {value}"]
    lines += [
        "# TYPE eclor_agents_codec_restarts counter",
        f"eclor_agents_codec_restarts_total {status.codec_restarts()}",
        "# HELP eclor_agents_events What happened to messages.",
        "# TYPE eclor_agents_events counter",
    ]
    lines += [f'eclor_agents_events_total{{kind="{name}"}} {count}' for name, count in sorted(tally.counts.items())]
    return "\n".join([*lines, "# EOF"]) + "\n"
