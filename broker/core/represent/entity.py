"""A whole entity, compacted and ready for JSON."""

from typing import Any

from broker.core.jsonld.context import ActiveContext
from broker.core.model.entity import Entity, Instance
from broker.core.represent.instance import format_time, render, simplify
from broker.core.represent.representation import SIMPLIFIED, Representation


def represent(entity: Entity, context: ActiveContext, representation: Representation) -> dict[str, Any]:
    """The entity as the client asked for it, without `@context`. Shares values with the entity: do not change it."""
    shown: dict[str, Any] = {}
    compact = context.compact_iri
    filtered = representation.pick is not None or representation.omit is not None
    if not filtered or representation.shows("id"):
        shown["id"] = entity.id
    if not filtered or representation.shows("type"):
        shown["type"] = compact(entity.types[0]) if len(entity.types) == 1 else [compact(each) for each in entity.types]
    if entity.scopes and (not filtered or representation.shows("scope")):
        shown["scope"] = entity.scopes[0] if len(entity.scopes) == 1 else entity.scopes
    _add_times(shown, entity, representation)
    simplified = representation.form == SIMPLIFIED
    datasets = representation.dataset_ids
    for attribute, instances in entity.attributes.items():
        if filtered and not representation.shows(attribute):
            continue
        if datasets is not None:
            instances = _of_datasets(instances, datasets)  # noqa: PLW2901 (the same instances, fewer)
            if not instances:
                continue
        if simplified:
            shown[compact(attribute)] = simplify(instances, context, representation)
        elif len(instances) == 1:
            shown[compact(attribute)] = render(instances[0], context, representation)
        else:
            shown[compact(attribute)] = [render(each, context, representation) for each in instances]
    return shown


def _add_times(shown: dict[str, Any], entity: Entity, representation: Representation) -> None:
    if representation.sys_attrs:
        shown["createdAt"] = format_time(entity.created_at)
        shown["modifiedAt"] = format_time(entity.modified_at)
        if entity.expires_at is not None:
            shown["expiresAt"] = format_time(entity.expires_at)
    if entity.deleted_at is not None:
        shown["deletedAt"] = format_time(entity.deleted_at)


def _of_datasets(instances: list[Instance], datasets: frozenset[str]) -> list[Instance]:
    return [each for each in instances if each.get("datasetId", "@none") in datasets]
