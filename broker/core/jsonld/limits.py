"""Bounds on what a client may send as an entity, and where the numbers come from."""

MAX_ATTRIBUTES = 2_000
"""Attributes of one entity or sub-attributes of one attribute: far above any published data model, low enough that no
request holds the process for long."""

MAX_INSTANCES = 1_000
"""Instances (clause 4.5.5) of one attribute in one request; a history goes through the temporal operations."""

MAX_ATTRIBUTE_DEPTH = 8
"""Attributes of attributes of … MongoDB documents nest 100 deep at most, and each such level takes three."""

MAX_VALUE_DEPTH = 40
"""Nesting of JSON inside a value: 5 + 3 * 8 + 40 levels leave MongoDB's 100 room for the outbox's envelope."""

MAX_TYPES = 100
"""Types of one entity (clause 4.16)."""

MAX_SCOPES = 100
"""Scopes of one entity (clause 4.18)."""

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
"""What MongoDB stores as an integer. Larger ones become floating-point, which clause 4.5.2.2 leaves to the broker."""
