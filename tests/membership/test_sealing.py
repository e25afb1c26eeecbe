"""Credentials in registrations and subscriptions are encrypted where they are stored."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo import MongoClient

from broker.adapters.membership.keys import SecretKeys
from broker.adapters.mongo.sealing import seal, unseal
from broker.core.model.credentials import HIDDEN
from tests.membership.conftest import City

KEYS = SecretKeys(b"k" * 32)
_JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
_PAIRS = st.lists(
    st.fixed_dictionaries({"key": st.text(max_size=9), "value": st.text(max_size=20)}) | _JSON, max_size=4
)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.sampled_from(["contextSourceInfo", "notification", "x"]), _JSON | _PAIRS), _PAIRS)
def test_what_was_sealed_reads_as_it_was_given(document: dict, pairs: list) -> None:
    document = {**document, "notification": {"endpoint": {"receiverInfo": pairs}}} if pairs else document
    assert unseal(seal(document, KEYS, "a"), KEYS, "a") == document


def test_what_was_sealed_with_another_secret_or_for_another_document_stays_sealed() -> None:
    document = {"contextSourceInfo": [{"key": "Authorization", "value": "Bearer 1"}]}
    sealed = seal(document, KEYS, "registrations urn:a")
    assert "Bearer 1" not in str(sealed)
    assert unseal(sealed, SecretKeys(b"o" * 32), "registrations urn:a") == sealed
    assert unseal(sealed, KEYS, "registrations urn:b") == sealed
    assert unseal(document, KEYS, "registrations urn:a") == document


def test_headers_of_registrations_and_subscriptions_are_stored_encrypted(found_city: Callable[..., City]) -> None:
    city = found_city("scel", "--seal", "on")
    secret = [
        {"key": "Authorization", "value": "Bearer geheim"},
        {"key": "jsonldContext", "value": "http://c.example/"},
    ]
    shown_instead = [{"key": "Authorization", "value": HIDDEN}]
    registration = {
        "id": "urn:ngsi-ld:ContextSourceRegistration:1",
        "type": "ContextSourceRegistration",
        "endpoint": "http://127.0.0.1:9",
        "information": [{"entities": [{"type": "Event"}]}],
        "contextSourceInfo": secret[:1],
    }
    subscription = {
        "id": "urn:ngsi-ld:Subscription:1",
        "type": "Subscription",
        "entities": [{"type": "Event"}],
        "notification": {"endpoint": {"uri": "http://127.0.0.1:9", "receiverInfo": secret[:1]}},
    }
    for path, document in (("csourceRegistrations", registration), ("subscriptions", subscription)):
        assert city.ask("POST", f"/ngsi-ld/v1/{path}", document)[0] == 201
    city.stop()
    city.start()
    status, shown = city.ask("GET", f"/ngsi-ld/v1/csourceRegistrations/{registration['id']}")
    assert (status, shown["contextSourceInfo"]) == (200, shown_instead)
    status, shown = city.ask("GET", f"/ngsi-ld/v1/subscriptions/{subscription['id']}")
    assert (status, shown["notification"]["endpoint"]["receiverInfo"]) == (200, shown_instead)
    with MongoClient(city.mongo_url) as client:
        for collection in ("registrations", "subscriptions"):
            (stored,) = client[city.name][collection].find()
            assert "Authorization" in str(stored)
            assert "geheim" not in str(stored)
    assert "geheim" not in city.log
