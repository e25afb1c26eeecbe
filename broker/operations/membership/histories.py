"""The histories of this broker as far as they are offered: a TemporalStore in front of the real one.

Of an entity that is bound by scopes or an area there is what was recorded while it was within them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from broker.core.federate.offered import View
from broker.core.federate.offered_history import PLACES, Course, added, cut, places_of, trim
from broker.core.model.draft import SCOPE
from broker.core.model.entity import Entity, Instance
from broker.core.model.errors import AccessDenied
from broker.core.model.instant import Instant
from broker.core.ql.ast import EntitySelector
from broker.core.temporal.aggregate import Period
from broker.core.temporal.evolution import Demand, Evolution
from broker.core.temporal.policy import Policy
from broker.core.temporal.sample import Sample
from broker.operations.ports import EntityStore, TemporalStore

Key = tuple[Instant, int]


class OfferedHistories:
    """TemporalStore of what an offer selects. `entities` are all of them: where nothing is known of the past, where
    an entity is now counts."""

    def __init__(self, histories: TemporalStore, entities: EntityStore, view: View) -> None:
        self._histories = histories
        self._entities = entities
        self._view = view

    async def about(self, tenant: str, entity_id: str) -> Evolution | None:
        """What is known of an entity of a type that is offered, without its series."""
        known = await self._histories.about(tenant, entity_id)
        return known if known is not None and self._view.is_of_type(entity_id, known.types) else None

    async def recall(self, tenant: str, entity_id: str, demand: Demand) -> Evolution | None:
        """The same with its series; None where nothing of them is offered."""
        known = await self._histories.recall(tenant, entity_id, self._whole(demand))
        if known is None or not self._view.is_of_type(entity_id, known.types):
            return None
        await self._narrow(tenant, [known])
        return known if known.series else None

    async def candidates(
        self, tenant: str, selectors: Sequence[EntitySelector], after: str | None, limit: int, *, descending: bool
    ) -> list[Evolution]:
        """Entities of types that are offered that may have a history, by id, beginning behind the id `after`."""
        narrowed = [self._view.selector(each) for each in selectors or (EntitySelector(),)]
        found: list[Evolution] = []
        while len(found) < limit:
            group = await self._histories.candidates(tenant, narrowed, after, limit, descending=descending)
            if not group:
                break
            after = group[-1].id
            found += [each for each in group if self._view.is_of_type(each.id, each.types)]
        return found[:limit]

    async def load(self, tenant: str, evolutions: Sequence[Evolution], demand: Demand) -> None:
        """Fill in the series as far as they are offered."""
        await self._histories.load(tenant, evolutions, self._whole(demand))
        await self._narrow(tenant, evolutions)

    async def add(self, tenant: str, entity: Entity, at: Instant) -> bool:
        """Add instances, if the entity was, and is then, within the offer at the time of each. Raises AccessDenied."""
        known = await self._histories.about(tenant, entity.id)
        types = entity.types if known is None else known.types
        if not self._view.is_of_type(entity.id, types):
            raise self._refused(entity.id)
        self._require_names(entity.attributes)
        if self._view.is_of_places:
            samples = {
                iri: [Sample(at, tie, each) for tie, each in enumerate(instances)]
                for iri, instances in entity.attributes.items()
            }
            await self._require_within(tenant, known, Evolution(entity.id, types), samples)
        return await self._histories.add(tenant, entity, at)

    async def replace_instance(self, tenant: str, entity_id: str, iri: str, key: Key, instance: Instance) -> bool:
        """Put an instance in the place of one that is offered; whether there was one. Raises AccessDenied."""
        self._require_names((iri,))
        if not await self._has(tenant, entity_id, iri, key):
            return False
        if self._view.is_of_places:
            known = await self._histories.about(tenant, entity_id)
            await self._require_within(tenant, known, Evolution(entity_id, []), {iri: [Sample(*key, instance)]}, key)
        return await self._histories.replace_instance(tenant, entity_id, iri, key, instance)

    async def delete_instance(self, tenant: str, entity_id: str, iri: str, key: Key) -> bool:
        """Remove an instance that is offered; whether there was one. Raises AccessDenied."""
        self._require_names((iri,))
        if not await self._has(tenant, entity_id, iri, key):
            return False
        return await self._histories.delete_instance(tenant, entity_id, iri, key)

    async def delete_attribute(
        self, tenant: str, entity_id: str, iri: str, dataset_id: str | None, *, every: bool
    ) -> bool:
        """Remove the instances of one dataset or every one, if all are offered. Raises AccessDenied."""
        self._require_names((iri,))
        if not await self._is_whole(tenant, entity_id, Demand(attributes=frozenset((iri,)))):
            return False
        return await self._histories.delete_attribute(tenant, entity_id, iri, dataset_id, every=every)

    async def delete_entity(self, tenant: str, entity_id: str) -> bool:
        """Remove the whole history, if all of it is offered. Raises AccessDenied."""
        demand = Demand() if self._view.is_of_places else Demand(last=1, page=1)
        if not await self._is_whole(tenant, entity_id, demand):
            return False
        return await self._histories.delete_entity(tenant, entity_id)

    async def compact(self, tenant: str, now: Instant) -> int:
        """Nothing: this is not a member's business."""
        return 0

    async def retain(self, tenant: str, policy: Policy[Period | None], now: Instant) -> int:
        """Nothing, as before."""
        return 0

    def _whole(self, demand: Demand) -> Demand:
        """What has to be read for a demand: of samples some of which may not be offered, the last ones are no use."""
        names = self._view.names
        if names and demand.attributes is None:
            demand = replace(demand, attributes=names | {SCOPE})
        return replace(demand, last=None, page=None) if self._view.is_of_places else demand

    async def _narrow(self, tenant: str, evolutions: Sequence[Evolution]) -> None:
        for each in evolutions:
            trim(each, self._view)
        if self._view.is_of_places:
            places = await self._places(tenant, evolutions)
            for each in evolutions:
                cut(each, Course(self._view, each.id, each.types, places[each.id]))

    async def _places(self, tenant: str, evolutions: Sequence[Evolution]) -> dict[str, dict[str, list[Sample]]]:
        """Where each entity ever was, by its id."""
        apart = [Evolution(each.id, each.types) for each in evolutions]
        if apart:
            await self._histories.load(tenant, apart, Demand(attributes=PLACES))
        unknown = [each.id for each in apart if not each.series.keys() >= PLACES]
        current = await self._entities.get_many(tenant, unknown) if unknown else {}
        return {each.id: places_of(each, current.get(each.id)) for each in apart}

    async def _require_within(
        self,
        tenant: str,
        known: Evolution | None,
        new: Evolution,
        samples: Mapping[str, Sequence[Sample]],
        replaced: Key | None = None,
    ) -> None:
        """Refuse samples of times at which the entity was not within the offer, or would not be with them.

        A sample that says where it was must not let in what is known of it from elsewhere.
        """
        evolution = new if known is None else known
        places = {} if known is None else (await self._places(tenant, [known]))[known.id]
        places = {
            iri: [each for each in found if iri not in samples or each.key != replaced] for iri, found in places.items()
        }
        courses = [Course(self._view, evolution.id, evolution.types, added(places, samples))]
        if known is not None:
            courses.append(Course(self._view, known.id, known.types, places))
        every = [each for found in samples.values() for each in found]
        if not every or not all(course.includes(each) for course in courses for each in every):
            raise self._refused(evolution.id)

    async def _has(self, tenant: str, entity_id: str, iri: str, key: Key) -> bool:
        found = await self.recall(tenant, entity_id, Demand(attributes=frozenset((iri,))))
        return found is not None and iri in found.series and any(each.key == key for each in found.series[iri].all())

    async def _is_whole(self, tenant: str, entity_id: str, demand: Demand) -> bool:
        """Whether there is such a history. Raises AccessDenied where something of it is not offered."""
        known = await self._histories.recall(tenant, entity_id, demand)
        if known is None or not self._view.is_of_type(entity_id, known.types):
            return False
        self._require_names(known.series)
        if self._view.is_of_places:
            places = await self._places(tenant, [known])
            course = Course(self._view, known.id, known.types, places[known.id])
            if not all(course.includes(each) for series in known.series.values() for each in series.all()):
                raise self._refused(entity_id)
        return True

    def _require_names(self, names: Iterable[str]) -> None:
        self._view.require_names(set(names) - {SCOPE})

    def _refused(self, entity_id: str) -> AccessDenied:
        return AccessDenied(f"The history of {entity_id} is not, or not at that time, what this broker offers you.")
