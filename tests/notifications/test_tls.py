"""Notifications over TLS: to receivers whose certificate an authority of our own signed, and to nobody else."""

import json
import shutil
import ssl
import subprocess
from urllib.parse import quote

import aiomqtt
import pytest

from broker.adapters.tls import UntrustedFileError, trusting
from tests.core.subscribe.building import created, entity
from tests.notifications.mosquitto import mosquitto_in
from tests.notifications.world import until

PASSWORD = "p@ss/w:rd%"


def _openssl(directory, *arguments):
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A folder with an authority's `ca.pem`, and `server.pem` with `server.key` that it signed for 127.0.0.1."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on PATH: tests of TLS need certificates")
    directory = tmp_path_factory.mktemp("tls")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    _openssl(directory, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Authority")
    _openssl(directory, "req", *key[:-2], "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=127.0.0.1")
    (directory / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
    _openssl(directory, "x509", "-req", "-in", "server.csr", *signed, "-out", "server.pem")
    return directory


@pytest.fixture
async def receiver(certificates, make_receiver):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    return await make_receiver(context)


async def test_https_a_receiver_of_a_trusted_authority_is_told(certificates, receiver, make_broker):
    broker = make_broker(tls=trusting(certificates / "ca.pem"))
    await broker.subscribe(notification=receiver.notification())
    broker.commit(created(entity(level=1)))
    await until(lambda: receiver.values() == [1])


async def test_https_a_receiver_of_an_unknown_authority_is_told_nothing(receiver, make_broker):
    broker = make_broker()
    subscription_id = await broker.subscribe(notification=receiver.notification())
    broker.commit(created(entity(level=1)))
    await until(lambda: broker.notifications._tallies.of("", subscription_id).times_failed)
    assert receiver.requests == []
    assert broker.outbox.waiting


@pytest.fixture
def mosquitto(certificates, tmp_path):
    """One over TLS that lets in who knows the password."""
    program = shutil.which("mosquitto_passwd")
    if program is None:
        pytest.skip("no mosquitto_passwd on PATH")
    subprocess.run([program, "-b", "-c", tmp_path / "passwords", "city", PASSWORD], check=True, capture_output=True)
    (tmp_path / "passwords").chmod(0o644)
    tmp_path.chmod(0o755)
    lines = (f"password_file {tmp_path / 'passwords'}", "allow_anonymous false", "user root")
    keys = (f"certfile {certificates / 'server.pem'}", f"keyfile {certificates / 'server.key'}")
    found = mosquitto_in(tmp_path, *keys, *lines)
    found.start()
    yield found
    found.stop()


@pytest.mark.parametrize("version", ["mqtt3.1.1", "mqtt5.0"])
async def test_7_2_mqtts_with_a_password(certificates, mosquitto, make_broker, version):
    tls = trusting(certificates / "ca.pem")
    broker = make_broker(tls=tls)
    uri = f"mqtts://city:{quote(PASSWORD, safe='')}@127.0.0.1:{mosquitto.port}/city/alerts"
    info = [{"key": "MQTT-QoS", "value": "1"}, {"key": "MQTT-Version", "value": version}]
    await broker.subscribe(notification={"endpoint": {"uri": uri, "notifierInfo": info}})
    who = {"username": "city", "password": PASSWORD, "tls_context": tls}
    async with aiomqtt.Client("127.0.0.1", mosquitto.port, **who) as listener:
        await listener.subscribe("city/alerts", qos=1)
        broker.commit(created(entity(level=1)))
        message = await anext(listener.messages)
    assert json.loads(message.payload)["body"]["data"][0]["level"]["value"] == 1
    await until(lambda: not broker.outbox.waiting)
    await broker.notifications.close()


async def test_7_2_mqtts_with_a_wrong_password_fails_and_is_kept(certificates, mosquitto, make_broker):
    broker = make_broker(tls=trusting(certificates / "ca.pem"))
    uri = f"mqtts://city:wrong@127.0.0.1:{mosquitto.port}/city/alerts"
    subscription_id = await broker.subscribe(notification={"endpoint": {"uri": uri}})
    broker.commit(created(entity(level=1)))
    await until(lambda: broker.notifications._tallies.of("", subscription_id).times_failed)
    assert broker.outbox.waiting


def test_a_file_without_certificates_is_refused(tmp_path):
    assert trusting(None) is None
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    for path in (empty, tmp_path / "absent.pem"):
        with pytest.raises(UntrustedFileError):
            trusting(path)
