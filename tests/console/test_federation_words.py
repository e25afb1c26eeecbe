"""What `eclor federation` says and sends, without a broker."""

from broker.console.federation.commands import _in_return
from broker.console.federation.wording import offer_lines
from broker.core.federate.names import EVOLUTION_CHANGES, OPERATIONS
from broker.core.federate.offer import WORDS


def _said(*operations: str) -> str:
    (line,) = (each for each in offer_lines({"types": ["Event"], "operations": operations}) if "operations" in each)
    return line.removeprefix("  operations   ")


def test_operations_are_told_in_the_words_that_allow_them() -> None:
    assert _said("retrieveEntity", "queryEntity", "retrieveContextSourceIdentity") == "read entities"
    assert _said(*WORDS["read"], *WORDS["subscribe"]) == "read entities, subscribe"
    assert _said(*WORDS["histories"], *WORDS["write"], *EVOLUTION_CHANGES) == (
        "read histories, change entities, change histories"
    )
    assert _said("queryEntity", "createSubscription") == "createSubscription, queryEntity"
    assert "," in _said(*OPERATIONS)
    assert not any(name in _said(*OPERATIONS) for name in OPERATIONS)


def test_what_is_offered_in_return_is_the_same_but_for_what_the_operator_says() -> None:
    offered = {"types": ["Event"], "scopes": ["/x"], "operations": ["queryEntity"], "tenant": "theirs"}
    assert _in_return(offered, {}) == {**offered, "tenant": ""}
    assert _in_return(offered, {"tenant": "mine", "scopes": ["/y"]}) == {**offered, "tenant": "mine", "scopes": ["/y"]}
    allowed = _in_return(offered, {"allow": ["read"]})
    assert (allowed["allow"], "operations" in allowed) == (["read"], False)
    assert _in_return(offered, {"operations": ["retrieveOps"]})["operations"] == ["retrieveOps"]
