"""Command line, environment, defaults."""

import pytest

from agents.demo.settings import mqtt_address, read_settings


def test_environment_stands_in_for_options(monkeypatch):
    monkeypatch.setenv("ECLOR_BROKER_URL", "http://127.0.0.1:9999/")
    monkeypatch.setenv("ECLOR_DEMO_DEVICES", "300")
    settings = read_settings([])
    assert settings.broker_url == "http://127.0.0.1:9999"
    assert settings.devices == 300
    assert read_settings(["--devices", "5"]).devices == 5


def test_rate_shortens_the_period():
    assert read_settings(["--rate", "2"]).period == 15


@pytest.mark.parametrize(
    "arguments",
    [["--devices", "0"], ["--devices", "10001"], ["--rate", "0"], ["--mqtt-url", "http://x"], ["--rate", "fast"]],
)
def test_nonsense_is_refused_with_a_message(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        read_settings(arguments)
    assert stop.value.code == 2
    assert "--" in capsys.readouterr().err or "mqtt" in capsys.readouterr().err


def test_mqtt_address_reads_credentials():
    address = mqtt_address("mqtt://user:p%40ss@broker:1884")
    assert (address.host, address.port, address.username, address.password) == ("broker", 1884, "user", "p@ss")
    assert mqtt_address("mqtt://broker").port == 1883
