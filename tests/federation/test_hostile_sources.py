"""What sources may say or do without harm (clauses 4.3.6.1, 5.2.34, 6.3.17): nothing good is lost, a warning tells."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.federate.received import received_entity
from broker.core.model.entity import Entity
from broker.core.model.errors import NgsiLdError
from tests.federation.building import CONTEXT
from tests.federation.scripted import Scripted

SENSOR = {"id": "urn:ngsi-ld:Sensor:1", "type": "Sensor", "level": {"type": "Property", "value": 1}}
_words = st.sampled_from(
    ("Property", "Relationship", "GeoProperty", "@none", "urn:a:1", "2026-01-01T00:00:00Z", "Point")
)
_names = st.sampled_from(
    (
        *(
            "id",
            "type",
            "value",
            "object",
            "observedAt",
            "createdAt",
            "modifiedAt",
            "datasetId",
            "languageMap",
            "vocab",
        ),
        *("valueList", "objectList", "json", "scope", "expiresAt", "coordinates", "@id", "@type", "level", "location"),
    )
)
_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4) | _words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=4),
    max_leaves=12,
)
_like_entities = st.fixed_dictionaries(
    {"id": st.just("urn:a:1"), "type": st.just("Container")},
    optional=dict.fromkeys(("level", "location", "scope", "expiresAt", "createdAt", "modifiedAt"), _anything),
)


@given(_anything | _like_entities)
def test_6_3_17_whatever_json_a_source_sends_is_an_entity_or_refused(document):
    with contextlib.suppress(NgsiLdError):
        assert isinstance(received_entity(document, CONTEXT), Entity)


@pytest.fixture
async def scripted() -> AsyncIterator[Scripted]:
    source = await Scripted(lambda _: (200, [], {})).start()
    yield source
    await source.stop()


class Raw:
    """A server that sends bytes to whoever connects, the last of them again and again, and never ends by itself."""

    def __init__(self, first: bytes, then: bytes = b"", pause: float = 0.05) -> None:
        self._first, self._then, self._pause = first, then, pause
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()
        self.endpoint = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._over.set()
        self._socket.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.recv(65_536)
            connection.sendall(self._first)
            while not self._over.wait(self._pause):
                connection.sendall(self._then)


@pytest.fixture
def raw() -> Iterator[list[Raw]]:
    made: list[Raw] = []
    yield made
    for each in made:
        each.close()


NO_ENTITIES = (
    *(b"\xff\xfe", b"{", b"<html></html>", b"null", b"17", b'"text"', b"[[]]", b"[null]", b"[17]", b'{"id": 1}'),
    json.dumps([{**SENSOR, "modifiedAt": {"datasetId": []}, "level": 5, "type": []}]).encode(),
    json.dumps({**SENSOR, "location": {"type": "GeoProperty", "value": "here"}}).encode(),
    b"[" * 5_000 + b"]" * 5_000,
    b'{"a":' * 900 + b"1" + b"}" * 900,
    json.dumps({**SENSOR, "@context": 17}).encode(),
    json.dumps({**SENSOR, "@context": {"level": 5}}).encode(),
)


@pytest.mark.parametrize("content", NO_ENTITIES, ids=range(len(NO_ENTITIES)))
async def test_6_3_17_what_is_no_ngsi_ld_is_rejected_with_111_and_the_rest_is_given(broker, scripted, content):
    await broker.post("/entities?local=true", SENSOR)
    await broker.register(scripted.endpoint)
    scripted.reply = lambda _: (200, content, {"Content-Type": "application/json"})
    for path in ("/entities?type=Sensor", "/entities/urn:ngsi-ld:Sensor:1", "/entities?type=Sensor&entityMap=true"):
        answer = await broker.get(path)
        assert answer.status in (200, 201)
        assert "urn:ngsi-ld:Sensor:1" in json.dumps(answer.json)
        assert answer.headers["ngsild-warning"].startswith("111 ")


async def test_6_3_17_an_empty_success_is_no_entity(broker, scripted):
    await broker.register(scripted.endpoint)
    scripted.reply = lambda _: (200, None, {})
    assert (await broker.get("/entities?type=Sensor")).headers["ngsild-warning"].startswith("111 ")


async def test_6_3_17_redirects_are_not_followed(broker, scripted):
    await broker.register(scripted.endpoint)
    scripted.reply = lambda _: (302, None, {"Location": scripted.endpoint + "/ngsi-ld/v1/entities"})
    answer = await broker.get("/entities?type=Sensor")
    assert (answer.json, answer.headers["ngsild-warning"][:3]) == ([], "299")
    assert len(scripted.asked) == 1


@pytest.mark.parametrize("body", [{"type": "X", "title": "old"}, {"errorCode": {"code": "500"}}, "plain", None])
async def test_6_3_17_errors_of_any_form_are_299(broker, scripted, body):
    await broker.register(scripted.endpoint)
    scripted.reply = lambda _: (500, body, {})
    assert (await broker.get("/entities?type=Sensor")).headers["ngsild-warning"].startswith("299 ")


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("first", "then", "code"),
    [
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", "199"),
        (HEAD + b"Content-Length: 1000000\r\n\r\n[", b" ", "199"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x", "199"),
        (b"nonsense\r\n\r\n", b"", "199"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"100000\r\n" + b" " * 0x100000 + b"\r\n", "111"),
    ],
    ids=["slow body", "body without end", "head without end", "no HTTP", "huge"],
)
async def test_5_2_34_a_source_that_never_ends_is_left_at_its_deadline(broker, raw, first, then, code):
    raw.append(Raw(first, then, 0.0 if code == "111" else 0.05))
    await broker.post("/entities?local=true", SENSOR)
    await broker.register(raw[0].endpoint, management={"timeout": 300 if code == "199" else 20_000})
    answer = await asyncio.wait_for(broker.get("/entities?type=Sensor"), 30)
    assert [each["id"] for each in answer.json] == [SENSOR["id"]]
    assert answer.headers["ngsild-warning"].startswith(code)


async def test_5_2_34_a_context_that_a_source_names_is_loaded_within_its_deadline(broker, scripted, raw):
    raw.append(Raw(b"HTTP/1.1 200 OK\r\nX: ", b"x"))
    await broker.post("/entities?local=true", SENSOR)
    await broker.register(scripted.endpoint, management={"timeout": 300})
    slow = f"{raw[0].endpoint}/context.jsonld"
    scripted.reply = lambda _: (200, [{**SENSOR, "@context": slow}], {})
    answer = await asyncio.wait_for(broker.get("/entities?type=Sensor"), 3)
    assert answer.headers["ngsild-warning"].startswith("1")
    assert [each["id"] for each in answer.json] == [SENSOR["id"]]


async def test_6_3_17_five_sources_of_which_one_hangs_and_one_sends_garbage(broker, make_source, raw):
    raw.append(Raw(b"", b""))
    garbage = await make_source(body=b"\x00garbage")
    good = [
        await make_source(body=[{**SENSOR, "id": f"urn:ngsi-ld:Sensor:{number}"}, {**SENSOR, f"from{number}": 1}])
        for number in (2, 3, 4)
    ]
    for number, each in enumerate((raw[0], garbage, *good)):
        await broker.register(each.endpoint, number, management={"timeout": 500})
    answer = await asyncio.wait_for(broker.get("/entities?type=Sensor&options=keyValues"), 5)
    found = {each["id"][-1]: each for each in answer.json}
    assert sorted(found) == ["1", "2", "3", "4"]
    assert found["1"].keys() >= {"from2", "from3", "from4"}
    told = sorted(value.decode()[:3] for name, value in answer.raw if name == b"NGSILD-Warning")
    assert told == ["111", "199"]
