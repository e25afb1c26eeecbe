"""Laws that every rule of change keeps, on generated entities and fragments."""

from hypothesis import given
from hypothesis import strategies as st

from broker.core.model.entity import NGSILD_NULL, VALUE_MEMBER, Entity
from broker.core.model.errors import NgsiLdError
from broker.core.model.instances import is_null
from broker.core.model.patch import create, delete, replace
from broker.core.model.patch_attribute import delete_attribute, partial_update, replace_attribute
from broker.core.model.patch_merge import merge
from broker.core.model.patch_update import append, update
from tests.core.model.examples import ID, ROOM, T0, T1, T2, frozen, iri, untimed

LATER = T2 + 1_000_000
NAMES = [iri(name) for name in "abc"]
DATASETS = [None, "urn:d:1", "urn:d:2"]

scalars = st.integers(-3, 3) | st.sampled_from(["x", "y"]) | st.booleans()


def nested(leaves):
    return st.recursive(leaves, lambda inner: st.dictionaries(st.sampled_from("pqr"), inner, max_size=3), max_leaves=4)


plain = nested(scalars)
patched = nested(scalars | st.just(NGSILD_NULL))


@st.composite
def instances(draw, value, depth=1):
    """Instances of one attribute, at most one per dataset."""
    drawn = []
    for dataset in draw(st.lists(st.sampled_from(DATASETS), min_size=1, max_size=3, unique=True)):
        kind = draw(st.sampled_from(["Property", "JsonProperty"]))
        one = {"type": kind, VALUE_MEMBER[kind]: draw(value)}
        if dataset is not None:
            one["datasetId"] = dataset
        if draw(st.booleans()):
            one["observedAt"] = draw(st.integers(1, 9))
        if depth and draw(st.booleans()):
            one["attributes"] = draw(
                st.dictionaries(st.sampled_from(NAMES), instances(value, 0), min_size=1, max_size=2)
            )
        drawn.append(one)
    return drawn


def attributes(value):
    return st.dictionaries(st.sampled_from(NAMES), instances(value), max_size=3)


scopes = st.none() | st.lists(st.sampled_from(["/a", "/b"]), min_size=1, unique=True)
bodies = st.builds(lambda given, places: Entity(ID, [ROOM], given, places), attributes(plain), scopes)
fragments = st.builds(
    lambda types, given, places: Entity("", types, given, places),
    st.lists(st.sampled_from([ROOM, iri("Hall")]), unique=True),
    attributes(patched),
    scopes,
)


def stored(body):
    return create(None, body, T0).entity.with_(modified_at=T1)


@given(bodies)
def test_an_empty_merge_changes_nothing(body):
    entity = stored(body)
    change = merge(entity, ID, Entity("", [], {}), T2)
    assert change.is_void
    assert change.entity == entity


@given(bodies, fragments)
def test_merge_is_idempotent(body, fragment):
    once = merge(stored(body), ID, fragment, T2).entity
    twice = merge(once, ID, fragment, T2).entity
    assert twice == once


@given(bodies, fragments)
def test_merge_leaves_no_null_behind(body, fragment):
    merged = merge(stored(body), ID, fragment, T2).entity
    assert NGSILD_NULL not in repr(merged)


@given(bodies, fragments)
def test_a_merge_of_the_whole_entity_into_itself_changes_only_times(body, fragment):
    entity = merge(stored(body), ID, fragment, T2).entity
    again = merge(entity, ID, Entity("", [], untimed(entity.attributes)), LATER).entity
    assert untimed(again.attributes) == untimed(entity.attributes)
    assert again.created_at == entity.created_at


@given(bodies, bodies)
def test_append_without_overwrite_never_changes_an_instance_that_is_there(body, other):
    entity = stored(body)
    appended = append(entity, ID, other, T2, overwrite=False).entity
    for name, present in entity.attributes.items():
        assert appended.attributes[name][: len(present)] == present
    again = append(appended, ID, other, LATER, overwrite=False)
    assert again.is_void


@given(bodies, bodies)
def test_replace_then_look_gives_what_was_asked(body, other):
    replaced = replace(stored(body), ID, other, T2).entity
    assert untimed(replaced.attributes) == other.attributes
    assert replaced.scopes == other.scopes
    assert (replaced.created_at, replaced.modified_at) == (T0, T2)


@given(bodies, bodies)
def test_update_is_an_overlay(body, other):
    entity = stored(body)
    updated = update(entity, ID, other, T2).entity
    for name, wanted in other.attributes.items():
        for instance in wanted:
            assert instance in untimed(updated.attributes[name])
    for name, present in entity.attributes.items():
        if name not in other.attributes:
            assert updated.attributes[name] is present


@given(bodies, fragments, st.sampled_from(NAMES), st.sampled_from(DATASETS))
def test_no_rule_changes_what_it_is_given(body, fragment, name, dataset):
    entity = stored(body)
    given = [one for one in fragment.attributes.get(name, []) if not is_null(one)]
    copies = frozen(entity), frozen(fragment)
    for rule in (
        lambda: update(entity, ID, fragment, T2),
        lambda: append(entity, ID, fragment, T2),
        lambda: append(entity, ID, fragment, T2, overwrite=False),
        lambda: merge(entity, ID, fragment, T2),
        lambda: replace(entity, ID, fragment, T2),
        lambda: partial_update(entity, ID, name, given, T2),
        lambda: replace_attribute(entity, ID, name, given, T2),
        lambda: delete_attribute(entity, ID, name, T2, dataset_id=dataset),
        lambda: delete(entity, ID, T2),
    ):
        try:
            change = rule()
        except NgsiLdError:
            continue
        finally:
            assert (entity, fragment) == copies
        assert change.is_void or change.entity is not entity
        for touched in change.previous:
            assert change.previous[touched] == entity.attributes[touched]
