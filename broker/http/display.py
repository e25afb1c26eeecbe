"""How the entities of an answer look: from parameters to a representation, from entities to a response.

Clauses 6.3.7, 6.3.11, 6.3.15, 4.5.16, 4.15, 4.21.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from broker.core.jsonld.context import ActiveContext
from broker.core.model.entity import Entity
from broker.core.model.errors import BadRequestData, ResourceNotFound
from broker.core.ql.projection import Projection, parse_projection
from broker.core.represent import (
    Representation,
    feature,
    feature_collection,
    parse_languages,
    projected,
    represent,
)
from broker.core.represent.representation import LOCATION
from broker.http import params
from broker.http.negotiate import GEO_JSON, JSON
from broker.http.versions import Conformance
from broker.operations.linked import Found, Linking, inline, leads_nowhere, reachable
from broker.operations.ports import Ports

_MEMBERS = frozenset(("id", "type", "scope"))
_PLAIN = Representation()
_WITH_TIMES = Representation(sys_attrs=True)
"""What brokers ask for that put an answer together from several (clause 4.5.5.3)."""
_MAX_LEVEL = 5  # each level is one more read of the store, and multiplies what is read
_UNLINKED = Linking()


@dataclass(frozen=True, slots=True)
class Display:
    """What a request wants to see: the form of entities, the media type, and which linked entities come along."""

    representation: Representation
    media_type: str
    linking: Linking
    conformance: Conformance | None = None

    async def one(self, ports: Ports, tenant: str, entity: Entity, context: ActiveContext) -> Any:
        """The JSON of one entity, ready for its @context: an object, or a list where linked entities follow it.

        Raises ResourceNotFound where `pick` and `omit` leave nothing of it (clause 5.7.1.4).
        """
        representation = self.representation
        if self._is_common:
            return _written(entity, context, representation)
        entity = self._amended(entity, context, representation)
        shown = await self._linked(ports, tenant, [entity], context, single=True) if self.linking.mode else None
        if shown is None:
            if self.media_type == GEO_JSON:
                return feature(entity, context, representation)
            shown = represent(entity, context, representation)
        if not shown:
            raise ResourceNotFound(f"The entity {entity.id} has none of the members that pick and omit leave.")
        return shown

    async def many(self, ports: Ports, tenant: str, entities: Sequence[Entity], context: ActiveContext) -> Any:
        """The JSON of a page of entities: a list, or a FeatureCollection.

        Entities of which `pick` and `omit` leave nothing are left out: an empty object would be no entity.
        """
        representation = self.representation
        if self._is_common:
            return [_written(entity, context, representation) for entity in entities]
        if self.conformance is not None:
            entities = [self._amended(entity, context, representation) for entity in entities]
        if self.linking.mode:
            return await self._linked(ports, tenant, entities, context, single=False)
        if self.media_type == GEO_JSON:
            return feature_collection(entities, context, representation)
        shown = [represent(entity, context, representation) for entity in entities]
        return shown if representation.pick is None and representation.omit is None else list(filter(None, shown))

    @property
    def _is_common(self) -> bool:
        """Whether an entity looks the same to every such request with the same @context, and there are many."""
        return (
            (self.representation is _PLAIN or self.representation is _WITH_TIMES)
            and self.media_type == JSON
            and not self.linking.mode
            and self.conformance is None
        )

    def _amended(self, entity: Entity, context: ActiveContext, asked: Representation) -> Entity:
        """The entity as the version that the client prefers has it (clause 4.3.6.8)."""
        return entity if self.conformance is None else self.conformance.amended(entity, context, asked)

    async def _linked(
        self, ports: Ports, tenant: str, entities: Sequence[Entity], context: ActiveContext, *, single: bool
    ) -> Any:
        """Clause 4.5.23. Flat: the linked entities follow. Inline: each stands in the relationship that leads to it.

        None: the relationships of a single entity lead nowhere, so that there is nothing to flatten.
        """
        found = await reachable(ports, tenant, entities, self.linking, self.representation)
        if self.conformance is not None:
            found = {
                target: Found(self._amended(entity, context, asked), asked) for target, (entity, asked) in found.items()
            }
        geo = self.media_type == GEO_JSON
        if self.linking.mode == "flat":
            if single and leads_nowhere(entities[0], found, self.linking, self.representation):
                return None
            everything = [*((entity, self.representation) for entity in entities), *found.values()]
            if geo:
                features = [feature(entity, context, asked) for entity, asked in everything]
                return {"type": "FeatureCollection", "features": features}
            return [shown for entity, asked in everything if (shown := represent(entity, context, asked))]
        inlined: list[dict[str, Any]] = []
        for entity in entities:
            document = inline(entity, found, context, self.representation, self.linking)
            if not document and not single:
                continue
            inlined.append(
                {**feature(entity, context, self.representation), "properties": document} if geo else document
            )
        if single:
            return inlined[0]
        return {"type": "FeatureCollection", "features": inlined} if geo else inlined


def read_display(
    parameters: Mapping[str, str], context: ActiveContext, media_type: str, conformance: Conformance | None = None
) -> Display:
    """The display that the parameters describe. Raises BadRequestData or InvalidRequest where they contradict."""
    if not parameters:
        return Display(_PLAIN, media_type, _UNLINKED, conformance)
    geometry = parameters.get("geometryProperty")
    if geometry is not None and media_type != GEO_JSON:
        raise BadRequestData("geometryProperty has a meaning in GeoJSON alone: accept application/geo+json.")
    linking = _linking(parameters)
    pick, omit = _projection(parameters, "pick", context, linking), _projection(parameters, "omit", context, linking)
    attrs = params.expanded(parameters, "attrs", context.expand_term)
    if attrs and (pick or omit):
        raise BadRequestData("attrs is an older form of pick: give it neither with pick nor with omit.")
    if attrs:
        if not _MEMBERS.isdisjoint(params.names(parameters, "attrs")):
            raise BadRequestData("attrs is a list of attributes: id, type and scope come without being asked for.")
        pick = Projection(_MEMBERS.union(attrs))
    datasets = params.dataset_ids(parameters)
    representation = Representation(
        form=params.form(parameters),
        sys_attrs="sysAttrs" in params.options(parameters),
        languages=parse_languages(parameters["lang"]) if "lang" in parameters else None,
        dataset_ids=frozenset(datasets) if datasets else None,
        geometry_property=LOCATION if geometry is None else context.expand_term(geometry),
        geometry_dataset=datasets[0] if len(datasets) == 1 and datasets[0] != "@none" else None,
    )
    form = projected(representation, pick, omit)
    form = next((each for each in (_PLAIN, _WITH_TIMES) if each == form), form)
    return Display(form, media_type, linking, conformance)


def _written(entity: Entity, context: ActiveContext, representation: Representation) -> orjson.Fragment:
    """The entity as JSON text, which is kept with it for the last @context: a query of 100 costs half as much."""
    kept = entity.rendered
    if kept is None or kept[0] is not context:
        kept = entity.rendered = [context, None, None]
    place = 2 if representation is _WITH_TIMES else 1
    fragment: orjson.Fragment | None = kept[place]
    if fragment is None:
        fragment = kept[place] = orjson.Fragment(orjson.dumps(represent(entity, context, representation)))
    return fragment


def _projection(
    parameters: Mapping[str, str], name: str, context: ActiveContext, linking: Linking
) -> Projection | None:
    text = parameters.get(name)
    if text is None:
        return None
    projection = parse_projection(text, context.expand_term)
    if _depth(projection) > linking.level:
        raise BadRequestData(f"{name} asks for members of linked entities: give join=inline or flat, and a joinLevel.")
    return projection


def _depth(projection: Projection) -> int:
    return max((1 + _depth(inner) for inner in projection.linked.values()), default=0)


def _linking(parameters: Mapping[str, str]) -> Linking:
    mode = params.choice(parameters, "join", ("flat", "inline", "@none"))
    level = params.natural(parameters, "joinLevel", 1)
    if level < 1:
        raise BadRequestData("joinLevel is an integer of at least 1.")
    if level > _MAX_LEVEL:
        raise BadRequestData(f"joinLevel is at most {_MAX_LEVEL}.")
    if mode is None or mode == "@none":
        return _UNLINKED
    return Linking(mode, level, frozenset(params.uris(parameters, "containedBy")))
