"""The HTTP binding (clause 6)."""
