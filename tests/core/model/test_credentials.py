"""Credentials are hidden from readers, and what readers send back stands for what is stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.model.credentials import HIDDEN, hidden, names_credential, restored
from broker.core.model.errors import BadRequestData

SECRETS = ("Authorization", "proxy-authorization", "Cookie", "X-API-Key", "api_key", "apikey", "X-Auth-Token")
OPEN = ("jsonldContext", "ngsildConformance", "Fiware-Service", "X-Zone", "accept", "MQTT-QoS", "contentType")


def pairs(*given: tuple[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in given]


def subscription(info: list[dict[str, str]], member: str = "receiverInfo") -> dict:
    return {"id": "urn:s:1", "notification": {"attributes": ["a"], "endpoint": {"uri": "http://r/", member: info}}}


@pytest.mark.parametrize("key", [*SECRETS, "access_token", "clientSecret", "MQTT-Password"])
def test_keys_of_credentials_are_known_in_any_spelling(key: str) -> None:
    assert names_credential(key)
    assert names_credential(key.upper())


@pytest.mark.parametrize("key", OPEN)
def test_other_keys_are_shown(key: str) -> None:
    assert not names_credential(key)
    document = {"contextSourceInfo": pairs((key, "v"))}
    assert hidden(document) == document


def test_credentials_are_hidden_wherever_they_stand_and_the_original_stays() -> None:
    secret = pairs(("Authorization", "Bearer 1"), ("X-Zone", "2"))
    shown = pairs(("Authorization", HIDDEN), ("X-Zone", "2"))
    for document, expected in (
        ({"contextSourceInfo": secret}, {"contextSourceInfo": shown}),
        ({"receiverInfo": secret}, {"receiverInfo": shown}),
        (subscription(secret), subscription(shown)),
        (subscription(secret, "notifierInfo"), subscription(shown, "notifierInfo")),
    ):
        assert hidden(document) == expected
    assert secret[0]["value"] == "Bearer 1"


def test_what_is_no_secret_is_shown_under_any_key() -> None:
    """4.3.6.5: a header of the request; and the name of a credential that the broker keeps."""
    document = {
        "contextSourceInfo": pairs(("Authorization", "urn:ngsi-ld:request"), ("Cookie", "urn:eclor:credential:7"))
    }
    assert hidden(document) == document


def test_what_was_shown_and_comes_back_is_what_is_stored() -> None:
    stored = subscription(pairs(("Authorization", "Bearer 1"), ("X-Api-Key", "2"), ("X-Zone", "3")))
    changed = subscription(pairs(("X-API-KEY", HIDDEN), ("authorization", "Bearer new"), ("X-Zone", HIDDEN)))
    expected = pairs(("X-API-KEY", "2"), ("authorization", "Bearer new"), ("X-Zone", HIDDEN))
    assert restored(changed, stored) == subscription(expected)


def test_a_placeholder_for_nothing_is_refused() -> None:
    stored = {"contextSourceInfo": pairs(("Cookie", "a"))}
    for info in (pairs(("Authorization", HIDDEN)), pairs(("Cookie", HIDDEN), ("Cookie", HIDDEN))):
        with pytest.raises(BadRequestData, match="Give the credential itself"):
            restored({"contextSourceInfo": info}, stored)
    # One place's credentials are not another's.
    with pytest.raises(BadRequestData):
        restored(subscription(pairs(("Cookie", HIDDEN))), stored)


_JSON = st.none() | st.text(max_size=5) | st.lists(st.integers(), max_size=2) | st.dictionaries(st.text(), st.text())
_INFO = st.lists(
    st.builds(lambda key, value: {"key": key, "value": value}, st.sampled_from([*SECRETS, *OPEN]), st.text(max_size=9))
    | _JSON,
    max_size=5,
)


@given(st.one_of(_INFO.map(subscription), _INFO.map(lambda info: {"contextSourceInfo": info}), _JSON.map(subscription)))
def test_reading_and_writing_back_changes_nothing(document: dict) -> None:
    assert restored(hidden(document), document) == document


def registered(**members: object) -> dict:
    info = pairs(("Authorization", "Bearer 1"), ("X-Zone", "7"))
    return {"id": "urn:r:1", "endpoint": "https://a.example/x", "contextSourceInfo": info, **members}


@pytest.mark.parametrize(
    "given",
    [
        {"endpoint": "https://b.example/x"},
        {"endpoint": "http://a.example/x"},
        {"endpoint": "https://a.example:8443/x"},
        {"tenant": "other"},
        {"endpoint": "https://b.example", "contextSourceInfo": pairs(("Authorization", HIDDEN))},
    ],
)
def test_a_credential_that_is_kept_does_not_go_to_another_address(given: dict) -> None:
    with pytest.raises(BadRequestData) as refused:
        restored(given, registered())
    assert "anew" in refused.value.detail


@pytest.mark.parametrize(
    "given",
    [
        {"endpoint": "https://a.example/y"},
        {"endpoint": "https://A.example/x", "tenant": None},
        {"endpoint": "https://b.example", "contextSourceInfo": pairs(("Authorization", "Bearer 2"))},
        {"endpoint": "https://b.example", "contextSourceInfo": []},
        {"description": "new"},
    ],
)
def test_it_stays_where_it_went_and_a_new_one_goes_anywhere(given: dict) -> None:
    assert restored(given, registered()) == given


def test_a_subscription_goes_elsewhere_with_new_credentials_alone() -> None:
    stored = subscription(pairs(("Authorization", "Bearer 1")))
    moved = subscription(pairs(("Authorization", HIDDEN)))
    moved["notification"]["endpoint"]["uri"] = "http://elsewhere/"
    with pytest.raises(BadRequestData):
        restored(moved, stored)
    moved["notification"]["endpoint"]["receiverInfo"] = pairs(("Authorization", "Bearer 2"))
    assert restored(moved, stored) == moved


def test_7_2_who_an_address_names_is_hidden_and_comes_back_as_long_as_the_host_is_the_same() -> None:
    def at(uri: str) -> dict:
        return {"notification": {"endpoint": {"uri": uri}}}

    stored, shown = at("mqtt://anna:se@cret@h:1883/t/@x"), at(f"mqtt://{HIDDEN}@h:1883/t/@x")
    assert hidden(stored) == shown
    assert restored(shown, stored) == stored
    assert restored(at(f"mqtt://{HIDDEN}@h:1883/other"), stored) == at("mqtt://anna:se@cret@h:1883/other")
    for elsewhere in (f"mqtt://{HIDDEN}@g:1883/t", f"mqtt://{HIDDEN}@h/t"):
        with pytest.raises(BadRequestData):
            restored(at(elsewhere), stored)
    assert restored(at("mqtt://g/t"), stored) == at("mqtt://g/t")
    with pytest.raises(BadRequestData):
        restored(shown, at("mqtt://h:1883/t"))
    endpoint = registered(endpoint="https://u:p@a.example/x")
    assert hidden(endpoint)["endpoint"] == f"https://{HIDDEN}@a.example/x"
    with pytest.raises(BadRequestData):
        restored({"tenant": "b", "contextSourceInfo": []}, endpoint)
    assert hidden({"endpoint": "http://h/a@b?c@d"}) == {"endpoint": "http://h/a@b?c@d"}


@given(
    st.recursive(
        st.none() | st.text(max_size=12),
        lambda inner: st.dictionaries(
            st.sampled_from(["endpoint", "notification", "uri", "receiverInfo", "key", "value"]),
            inner | st.lists(inner),
        ),
    )
)
def test_whatever_it_is_that_was_given_is_read_without_a_fault(document: object) -> None:
    if isinstance(document, dict):
        shown = hidden(document)
        assert hidden(shown) == shown
        assert hidden(restored(shown, document)) == shown
