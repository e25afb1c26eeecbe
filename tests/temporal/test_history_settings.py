"""How histories are set up: options, environment, and the way from `eclor` to the broker."""

from pathlib import Path

import pytest

from broker import cli, settings
from broker.platform.output import Console
from broker.platform.plan import Wish, make_plan
from tests.chaos.platform_under_test import free_ports


def test_histories_are_on_and_kept_unless_told_otherwise() -> None:
    given = settings.read([], {})
    assert given.history.of("any", ["urn:T"]) is True
    assert given.retention.of("any", ["urn:T"]) is None
    assert given.temporal_page == 1000


def test_history_is_set_by_option_or_environment() -> None:
    assert settings.read(["--history", "off"], {}).history.of("", ["urn:T"]) is False
    environment = {"ECLOR_HISTORY": "off,/T=on", "ECLOR_RETENTION": "P1Y", "ECLOR_TEMPORAL_PAGE": "9"}
    given = settings.read([], environment)
    assert given.history.of("", ["urn:x/T"]) is True
    assert given.history.of("", ["urn:x/U"]) is False
    assert given.retention.of("", ["urn:x/U"]) is not None
    assert given.temporal_page == 9


@pytest.mark.parametrize("option", ["--history=maybe", "--retention=long", "--temporal-page=0"])
def test_what_makes_no_sense_is_refused_at_the_start(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    for refuse in (lambda: settings.read([option], {}), lambda: cli.main(["broker", option])):
        with pytest.raises(SystemExit):
            refuse()
        assert option.partition("=")[0] in capsys.readouterr().err


def test_eclor_hands_the_options_on_to_the_broker(tmp_path: Path) -> None:
    options = {"history": "on,/T=off", "retention": "P1Y", "temporal_page": 50}
    wish = Wish(tmp_path, port=free_ports(1)[0], mongo_url="mongodb://db:27017", **options)
    command = make_plan(wish, Console("json")).children[0].command
    for option in ("--history", "--retention", "--temporal-page"):
        assert command[command.index(option) + 1] == str(options[option[2:].replace("-", "_")])
