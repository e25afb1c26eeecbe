"""Settings by tenant and type."""

import pytest

from broker.core.model.errors import BadRequestData
from broker.core.temporal.policy import oldest_kept, parse_history, parse_retention

VEHICLE = "https://example.org/Vehicle"
DAY = 86_400_000_000


@pytest.mark.parametrize(
    ("text", "tenant", "types", "recorded"),
    [
        ("on", "", [VEHICLE], True),
        ("off", "", [VEHICLE], False),
        ("", "any", [VEHICLE], True),
        ("on,/Vehicle=off", "", [VEHICLE], False),
        ("on,/Vehicle=off", "aumetz", [VEHICLE], True),
        ("on,aumetz/*=off", "aumetz", [VEHICLE], False),
        ("off,*/https://example.org/Vehicle=on", "aumetz", ["urn:Other", VEHICLE], True),
        ("off,*/Vehicle=on,aumetz/Vehicle=off", "aumetz", [VEHICLE], False),
        ("off,*/Vehicle=on", "aumetz", ["https://example.org/MotorVehicle"], False),
    ],
)
def test_the_last_rule_that_concerns_an_entity_holds(text: str, tenant: str, types: list[str], recorded: bool) -> None:
    policy = parse_history(text)
    assert policy.of(tenant, types) is recorded
    assert policy.of(tenant, types) is recorded


@pytest.mark.parametrize("text", ["yes", "Vehicle=on", "aumetz/=off", "on,/Vehicle"])
def test_what_is_no_setting_is_refused(text: str) -> None:
    with pytest.raises(BadRequestData):
        parse_history(text)


def test_retention_by_type() -> None:
    policy = parse_retention("P2Y,/Vehicle=P30D,secret/*=forever")
    vehicles, others = policy.of("", [VEHICLE]), policy.of("", ["urn:Other"])
    assert policy.of("secret", [VEHICLE]) is None
    assert vehicles is not None
    assert others is not None
    assert oldest_kept(vehicles, 100 * DAY) == 70 * DAY
    assert oldest_kept(others, 800 * DAY) == (800 - 731) * DAY


@pytest.mark.parametrize("text", ["PT0S", "2 years", "/Vehicle=always"])
def test_what_is_no_retention_is_refused(text: str) -> None:
    with pytest.raises(BadRequestData):
        parse_retention(text)
