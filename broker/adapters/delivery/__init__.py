"""How notifications travel: HTTP and MQTT (clause 7)."""
