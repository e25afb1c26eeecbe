"""What stands beside the API: its description, the state of the broker, the page."""

import re
from ipaddress import ip_network
from typing import Any

from jsonschema import Draft202012Validator

from broker.http.federation import Joining
from broker.http.gateway import build
from broker.http.guarded import Door
from broker.http.table import ROUTES
from tests.http.client import PUBLIC_URL, Client, healthy, memory_client, memory_ports
from tests.http.samples import sensor

_METHODS = {"get", "post", "patch", "put", "delete"}


async def description(client: Client) -> dict[str, Any]:
    answer = await client.get("//openapi.json")
    assert answer.status == 200
    return answer.json


async def test_the_description_lists_every_route_of_the_table_and_no_other(client: Client) -> None:
    paths = (await description(client))["paths"]
    described = {
        (method.upper(), path.removeprefix("/ngsi-ld/v1"))
        for path, operations in paths.items()
        if path.startswith("/ngsi-ld/v1/")
        for method in operations.keys() & _METHODS
    }
    assert described == {(route.method, route.path) for route in ROUTES if route.is_described}


async def test_the_description_says_all_that_a_route_knows(client: Client) -> None:
    paths = (await description(client))["paths"]
    for route in ROUTES:
        if not route.is_described:
            continue
        operation = paths[f"/ngsi-ld/v1{route.path}"][route.method.lower()]
        named = {each["name"] for each in operation["parameters"] if each["in"] == "query"}
        assert named == route.allowed
        assert ("requestBody" in operation) == (route.method in ("POST", "PATCH", "PUT"))
        assert operation["summary"]
        assert {"400", "500"} <= operation["responses"].keys()
        assert any(status.startswith("2") for status in operation["responses"])
        assert "application/json" in operation["responses"]["400"]["content"]


async def test_the_references_of_the_description_lead_somewhere_and_operation_ids_differ(client: Client) -> None:
    document = await description(client)
    schemas = document["components"]["schemas"]

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if "$ref" in node else []
            return own + [found for value in node.values() for found in references(value)]
        return [found for item in node for found in references(item)] if isinstance(node, list) else []

    assert {name.rsplit("/", 1)[-1] for name in references(document)} <= schemas.keys()
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    ids = [each["operationId"] for item in document["paths"].values() for each in item.values()]
    assert len(ids) == len(set(ids))


async def test_the_reference_page_needs_neither_scripts_nor_the_internet(client: Client) -> None:
    page = (await client.get("//docs")).body.decode()
    assert "/ngsi-ld/v1/entities/{entityId}/attrs/{attrId}" in page
    assert "<script" not in page
    assert "https://cdn" not in page


async def test_the_page_and_its_parts_are_served_and_may_run_no_other_scripts(client: Client) -> None:
    page = await client.get("//")
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    parts = re.findall(r'(?:src|href)="(/page/[^"]+)"', page.body.decode())
    assert parts
    for part in parts:
        assert (await client.get(f"/{part}")).status == 200


async def test_health_is_503_unless_all_is_well() -> None:
    async def ill() -> dict[str, Any]:
        return {"status": "degraded", "mongodb": "away"}

    well = await memory_client().get("//health")
    assert (well.status, well.json["status"]) == (200, "ok")
    ports = memory_ports()
    answer = await Client(build(ports, health=ill, public_url=PUBLIC_URL), ports).get("//health")
    assert (answer.status, answer.json["mongodb"]) == (503, "away")


async def test_version_probes_of_other_brokers_are_answered(client: Client) -> None:
    for path in ("//version", "//ngsi-ld/ex/v1/version"):
        assert (await client.get(path)).json["name"] == "ECLOR"


async def test_metrics_count_operations_by_status(client: Client) -> None:
    await client.post("/entities", sensor())
    await client.get("/entities/urn:ngsi-ld:Sensor:9")
    await client.get("/nowhere/at/all")
    text = (await client.get("//metrics")).body.decode()
    assert 'ngsild_requests_total{operation="createEntity",status="201"} 1' in text
    assert 'ngsild_requests_total{operation="retrieveEntity",status="404"} 1' in text
    assert 'operation="none",status="404"' in text
    assert "nowhere" not in text


async def test_what_is_not_there_is_404(client: Client) -> None:
    assert (await client.get("//page/nothing.js")).status == 404
    assert (await client.get("//nothing")).status == 404
    assert (await client.get("//page/../gateway.py")).status == 404


async def test_6_3_2_other_paths_than_the_api_name_the_methods_of_all_their_routes(client: Client) -> None:
    answer = await client.call("PATCH", "//version")
    assert (answer.status, answer.headers["allow"]) == (405, "GET")


async def test_the_description_of_the_state_says_what_comes(client: Client) -> None:
    paths = (await description(client))["paths"]
    assert paths["/metrics"]["get"]["responses"]["200"]["content"].keys() == {"text/plain"}
    assert "503" in paths["/health"]["get"]["responses"]


async def test_variables_of_every_path_are_described(client: Client) -> None:
    for path, operations in (await description(client))["paths"].items():
        for operation in operations.values():
            described = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
            assert described == set(re.findall(r"{(\w+)}", path)), path


async def test_a_head_request_that_is_not_let_in_gets_no_body() -> None:
    joining = Joining(None, lambda: None, Door(open_to=[ip_network("10.0.0.0/8")]))
    ports = memory_ports()
    client = Client(build(ports, health=healthy, public_url=PUBLIC_URL, joining=joining), ports)
    for path in ("//metrics", "/types"):
        read, asked = await client.call("GET", path), await client.call("HEAD", path)
        assert (read.status, asked.status, asked.body) == (401, 401, b"")
        assert read.body
        assert read.headers["content-length"] == asked.headers["content-length"] == str(len(read.body))
