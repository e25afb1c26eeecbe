"""Answers as earlier versions of the specification had them, where the client prefers one (clauses 4.3.6.8, 6.3.6)."""

import re
from dataclasses import dataclass

from broker.core.jsonld.context import ActiveContext
from broker.core.model.entity import Entity
from broker.core.represent import Representation, Version, conforming, represent
from broker.http.message import PREFERENCE_APPLIED, Header, Request

OURS: Version = (1, 9)
"""The version that answers conform to unless they are amended."""

_VERSION = re.compile(r"(\d{1,3})\.(\d{1,3})", re.ASCII)


def preferred_version(request: Request) -> Version | None:
    """The version that `Prefer: ngsi-ld=1.5` names, None where it names none.

    What is no version is ignored, as RFC 7240 wants of preferences that nobody understands.
    """
    header = request.header(b"prefer")
    if header is None:
        return None
    for preference in header.split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "ngsi-ld":
            match = _VERSION.fullmatch(value.strip().strip('"'))
            return None if match is None else (int(match[1]), int(match[2]))
    return None


def applied(version: Version) -> Header:
    """The header that tells which version an answer conforms to."""
    return PREFERENCE_APPLIED, b"ngsi-ld=%d.%d" % version


@dataclass(slots=True)
class Conformance:
    """Entities on their way into an answer, amended to a version; `altered`: whether what is shown of one changed."""

    version: Version
    altered: bool = False

    def amended(self, entity: Entity, context: ActiveContext, asked: Representation) -> Entity:
        """The entity as the version has it, about to be shown as `asked`."""
        older = conforming(entity, self.version, context, spoken=asked.languages is not None)
        self.altered = self.altered or represent(older, context, asked) != represent(entity, context, asked)
        return older


def conformance_of(request: Request) -> Conformance | None:
    """What has to happen to the entities of an answer; None where they go out as they are."""
    version = preferred_version(request)
    return Conformance(version) if version is not None and version < OURS else None
