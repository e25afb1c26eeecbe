"""How entities look when given out (clauses 4.5.1 to 4.5.5, 4.5.16, 4.5.17, 4.15, 6.3.7, 6.3.11)."""

from broker.core.represent.changes import deleted_instance, with_previous
from broker.core.represent.conformance import Version, conforming
from broker.core.represent.entity import represent
from broker.core.represent.geojson import feature, feature_collection
from broker.core.represent.language import parse_languages
from broker.core.represent.representation import CONCISE, NORMALIZED, SIMPLIFIED, Representation, projected

__all__ = [
    "CONCISE",
    "NORMALIZED",
    "SIMPLIFIED",
    "Representation",
    "Version",
    "conforming",
    "deleted_instance",
    "feature",
    "feature_collection",
    "parse_languages",
    "projected",
    "represent",
    "with_previous",
]
