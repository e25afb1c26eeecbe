"""Clauses 5.2.8 to 5.2.11, 5.2.34, 4.3.6.3, 4.3.6.6, 4.20."""

import pytest

from broker.core.federate.names import DEFAULT, GROUPS
from broker.core.model.errors import BadRequestData
from tests.federation.building import iri, registration


def test_5_2_9_members_are_expanded_and_times_become_seconds():
    found = registration(
        information=[{"entities": [{"type": "Container", "idPattern": "^urn:a"}], "propertyNames": ["level"]}],
        management={"timeout": 200, "cooldown": 5000, "localOnly": True},
        tenant="other",
        scope="/Moselle",
    )
    (element,) = found.information
    assert element.attributes == {iri("level")}
    assert element.entities[0].types == {iri("Container")}
    assert element.entities[0].admits_id("urn:a:1")
    assert not element.entities[0].admits_id("urn:b:1")
    assert (found.timeout, found.cooldown, found.is_local_only) == (0.2, 5.0, True)
    assert (found.tenant, found.scopes, found.mode) == ("other", ("/Moselle",), "inclusive")


def test_4_9_context_source_filters_do_not_see_credentials():
    """Who may ask whether a credential matches a pattern knows it after some questions."""
    found = registration(contextSourceInfo=[{"key": "X-API-Key", "value": "geheim"}, {"key": "X-Zone", "value": "7"}])
    assert found.source_info == (("X-API-Key", "geheim"), ("X-Zone", "7"))
    assert "geheim" not in repr(found.described.attributes)
    assert "X-Zone" in repr(found.described.attributes)


def test_4_20_operations_are_the_federation_group_unless_named():
    assert registration().operations == DEFAULT
    assert registration(operations=["retrieveOps", "createEntity"]).operations == GROUPS["retrieveOps"] | {
        "createEntity"
    }


@pytest.mark.parametrize(
    "members",
    [
        {"type": "Subscription"},
        {"endpoint": "mqtt://127.0.0.1"},
        {"endpoint": "nowhere"},
        {"information": []},
        {"information": [{}]},
        {"information": [{"entities": [{"id": "urn:a:1"}]}]},
        {"information": [{"entities": []}]},
        {"information": [{"propertyNames": []}]},
        {"mode": "sometimes"},
        {"operations": ["dropEverything"]},
        {"operations": ["updateOps"], "mode": "auxiliary"},
        {"mode": "exclusive"},
        {"mode": "exclusive", "information": [{"entities": [{"type": "Container", "id": "urn:a:1"}]}]},
        {
            "mode": "exclusive",
            "information": [{"entities": [{"type": "Container", "idPattern": ".*"}], "propertyNames": ["level"]}],
        },
        {"management": {"timeout": 0}},
        {"management": {"cacheDuration": "soon"}},
        {"refreshRate": "PT"},
        {"expiresAt": "tomorrow"},
        {"observationInterval": {"endAt": "2026-01-01T00:00:00Z"}},
        {"location": {"type": "Point", "coordinates": "6,49"}},
        {"datasetId": ["not a uri"]},
        {"contextSourceInfo": [{"key": "two words", "value": "x"}]},
        {"contextSourceInfo": [{"key": "X-A", "value": "line\r\nX-B: y"}]},
        {"contextSourceInfo": [{"key": "accept", "value": "text/html"}]},
        {"contextSourceInfo": [{"key": "ngsildConformance", "value": "newest"}]},
        {"contextSourceInfo": [{"key": "jsonldContext", "value": "urn:no:url"}]},
    ],
)
def test_5_9_2_4_what_is_no_registration_is_refused(members):
    with pytest.raises(BadRequestData):
        registration(**members)


def test_4_3_6_2_an_auxiliary_registration_without_operations_offers_retrieval():
    assert registration(mode="auxiliary").operations == GROUPS["retrieveOps"]
