"""Network servers that push show a token, wherever others than this machine could reach the agents."""

from collections.abc import Sequence

import pytest
from fastapi import FastAPI

from agents.http.lorawan import add_lorawan_routes
from agents.http.tokens import Tokens, is_loopback
from agents.operations.ports import Delivery
from agents.settings import read_settings
from tests.agents.calls import Calls

EVENT = {"deviceInfo": {"devEui": "24e124713c000001"}, "fCnt": 1, "fPort": 85, "data": "AXVc"}


class Taken:
    """What came in."""

    def __init__(self) -> None:
        self.count = 0

    async def accept(self, deliveries: Sequence[Delivery]) -> None:
        self.count += len(deliveries)


def agents(*options: str) -> tuple[FastAPI, Taken]:
    settings = read_settings(options, {})
    app, taken = FastAPI(), Taken()
    tokens = Tokens(settings.lorawan_tokens, open_without=is_loopback(settings.host))
    add_lorawan_routes(app, taken, tokens)  # type: ignore[arg-type]  all it is asked for
    return app, taken


async def post(app: FastAPI, path: str = "/lorawan/chirpstack?event=up", **headers: str) -> int:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    status, _ = await Calls(app, {}).post(path, EVENT, headers=given)
    return status


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
async def test_on_the_loopback_address_no_token_is_needed_until_one_is_set(host):
    assert await post(agents("--host", host)[0]) == 204
    assert await post(agents("--host", host, "--lorawan-tokens", "tts=something-else")[0]) == 401


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::", "agents.example"])
async def test_on_any_other_address_nothing_is_taken_without_a_token(host):
    app, taken = agents("--host", host)
    status, told = await Calls(app, {}).post("/lorawan/any", EVENT)
    assert status == 401
    assert "ECLOR_LORAWAN_TOKENS=any=TOKEN" in str(told)
    assert taken.count == 0


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("", {"authorization": "Bearer chirp-secret"}, 204),
        ("", {"authorization": "chirp-secret"}, 204),
        ("", {"authorization": "Basic dXNlcjpjaGlycC1zZWNyZXQ="}, 204),
        ("", {"x_api_key": "chirp-secret"}, 204),
        ("&token=chirp-secret", {}, 204),
        ("&token=chirp-secret", {"authorization": "Bearer wrong-one"}, 401),
        ("", {"authorization": "Basic %%%"}, 401),
        ("", {"authorization": "Bearer tts-secret"}, 401),
        ("", {"authorization": "Bearer chirp-secre"}, 401),
        ("", {"authorization": "Bearer "}, 401),
        ("&token=", {}, 401),
        ("&token=chirp-s%C3%A9cret", {}, 401),
        ("", {}, 401),
    ],
)
async def test_each_connection_has_its_token_in_any_of_the_places_servers_can_put_it(path, headers, status):
    tokens = "chirpstack=chirp-secret, tts=tts-secret"
    app, taken = agents("--host", "0.0.0.0", "--lorawan-tokens", tokens)
    assert await post(app, "/lorawan/chirpstack?event=up" + path, **headers) == status
    assert taken.count == (status == 204)


async def test_one_token_may_be_for_all_connections():
    app, _ = agents("--host", "0.0.0.0", "--lorawan-tokens", "c2VjcmV0LXNlY3JldA==")
    assert await post(app, authorization="Bearer c2VjcmV0LXNlY3JldA==") == 204
    assert await post(app, "/lorawan/any?token=c2VjcmV0LXNlY3JldA==") == 204
    assert await post(app, "/lorawan/any") == 401


@pytest.mark.parametrize("tokens", ["nowhere=12345678", "tts=short", "tts=12345678,tts=87654321", "short"])
def test_tokens_that_cannot_be_meant_so_end_the_process_with_a_message(tokens, capsys):
    with pytest.raises(SystemExit):
        read_settings(["--lorawan-tokens", tokens], {})
    assert "--lorawan-tokens" in capsys.readouterr().err


def test_tokens_do_not_show_in_the_settings_representation():
    assert "12345678" not in repr(read_settings(["--lorawan-tokens", "tts=12345678"], {}))


def test_the_account_at_thingparks_tunnel_interface_is_read_and_not_shown(capsys):
    settings = read_settings(["--thingpark-account", "as1:" + "0f" * 16], {})
    assert settings.thingpark_account is not None
    assert (settings.thingpark_account.identifier, settings.thingpark_account.key) == ("as1", "0f" * 16)
    assert "0f0f" not in repr(settings.thingpark_account)
    assert read_settings([], {}).thingpark_account is None
    for wrong in ("as1", ":" + "0f" * 16, "as1:secret"):
        with pytest.raises(SystemExit):
            read_settings(["--thingpark-account", wrong], {})
    assert "AS_ID:KEY" in capsys.readouterr().err
