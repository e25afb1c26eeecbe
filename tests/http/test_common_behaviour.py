"""Clause 6.3: what every operation has in common."""

import pytest

from broker.core.model.errors import Unavailable
from broker.http.message import HeaderName
from broker.http.problems import STATUS
from tests.http.client import CORE_LINK, GEO, LD, Client, memory_client
from tests.http.samples import SENSOR, sensor


async def test_6_3_4_a_body_without_announced_length_is_411_with_nothing_in_it(client: Client) -> None:
    answer = await client.post("/entities", sensor(), Transfer_Encoding="chunked", NGSILD_Tenant="no such name!")
    assert answer.status == 411
    assert answer.body == b""
    assert "content-type" not in answer.headers


async def test_6_3_4_another_content_type_is_415_with_nothing_in_it(client: Client) -> None:
    answer = await client.post("/entities", sensor(), Content_Type="text/plain")
    assert (answer.status, answer.body) == (415, b"")


async def test_6_3_4_merge_patch_is_json_for_patch_alone(client: Client) -> None:
    await client.post("/entities", sensor())
    patch = {"temperature": {"type": "Property", "value": 3}}
    assert (await client.patch(f"/entities/{SENSOR}", patch, Content_Type="application/merge-patch+json")).status == 204
    assert (await client.post("/entities", sensor(2), Content_Type="application/merge-patch+json")).status == 415


async def test_6_3_4_an_empty_accept_accepts_anything(client: Client) -> None:
    answer = await client.get("/types", Accept="")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")


async def test_6_3_4_an_unknown_accept_is_406_and_lists_what_there_is(client: Client) -> None:
    answer = await client.get("/entities?type=Sensor", Accept="text/html")
    assert answer.status == 406
    assert answer.headers["content-type"] == "application/json"
    assert GEO in answer.json["detail"]


async def test_6_3_4_geojson_is_not_acceptable_where_there_are_no_entities(client: Client) -> None:
    answer = await client.get("/types", Accept=GEO)
    assert answer.status == 406
    assert GEO not in answer.json["available"]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/ld+json, application/json", "application/json"),
        ("application/json;q=0.5, application/ld+json", LD),
        ("text/html, application/geo+json;q=0.9, application/ld+json;q=0.8", GEO),
        ("application/json;q=0, */*", LD),
    ],
)
async def test_6_3_4_the_first_type_is_taken_unless_weights_say_otherwise(
    client: Client, accept: str, expected: str
) -> None:
    await client.post("/entities", sensor())
    answer = await client.get(f"/entities/{SENSOR}", Accept=accept)
    assert (answer.status, answer.headers["content-type"]) == (200, expected)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"1", b"null", b"[" * 5000 + b"]" * 5000, b"\xff"])
async def test_6_3_2_a_body_that_is_no_json_object_is_an_invalid_request(client: Client, body: bytes) -> None:
    answer = await client.post("/entities", body)
    assert (answer.status, answer.error) == (400, "InvalidRequest")


async def test_6_3_4_no_content_type_and_no_json_is_400_rather_than_415(client: Client) -> None:
    answer = await client.call("POST", "/entities", b"no json", {"content-type": ""})
    assert (answer.status, answer.error) == (400, "InvalidRequest")


async def test_5_5_3_an_error_has_type_title_and_detail_in_plain_json(client: Client) -> None:
    answer = await client.get(f"/entities/{SENSOR}", Accept=LD)
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["type"] == "https://uri.etsi.org/ngsi-ld/errors/ResourceNotFound"
    assert {"title", "detail", "status"} <= answer.json.keys()
    assert "link" not in answer.headers


async def test_6_3_5_a_context_in_a_plain_json_body_is_refused(client: Client) -> None:
    answer = await client.post("/entities", sensor(**{"@context": {"temperature": "https://example.org/t"}}))
    assert (answer.status, answer.error) == (400, "BadRequestData")
    assert "Link" in answer.json["detail"]


async def test_6_3_5_a_json_ld_body_without_context_is_refused(client: Client) -> None:
    answer = await client.post("/entities", sensor(), Content_Type=LD)
    assert (answer.status, answer.error) == (400, "BadRequestData")


async def test_6_3_5_a_link_header_beside_a_json_ld_body_is_refused(client: Client) -> None:
    body = sensor(**{"@context": {"temperature": "https://example.org/t"}})
    answer = await client.post("/entities", body, Content_Type=LD, Link=CORE_LINK)
    assert (answer.status, answer.error) == (400, "BadRequestData")
    assert "twice" in answer.json["detail"]


async def test_6_3_6_json_answers_name_the_context_in_a_link_header_even_the_core_one(client: Client) -> None:
    await client.post("/entities", sensor())
    answer = await client.get(f"/entities/{SENSOR}")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["link"] == CORE_LINK
    assert "@context" not in answer.json


async def test_6_3_6_json_ld_answers_have_the_context_inside_and_no_link(client: Client) -> None:
    await client.post("/entities", sensor())
    one, many = await client.get(f"/entities/{SENSOR}", Accept=LD), await client.get("/entities?type=Sensor", Accept=LD)
    assert one.json["@context"] == many.json[0]["@context"]
    assert "link" not in one.headers
    assert "link" not in many.headers


async def test_6_3_6_204_has_neither_body_nor_length_and_201_no_type(client: Client) -> None:
    created = await client.post("/entities", sensor())
    deleted = await client.delete(f"/entities/{SENSOR}")
    assert (created.status, created.body) == (201, b"")
    assert "content-type" not in created.headers
    assert (deleted.status, deleted.body) == (204, b"")
    assert "content-length" not in deleted.headers


async def test_6_3_14_the_tenant_is_echoed_also_by_errors(client: Client) -> None:
    created = await client.post("/entities", sensor(), NGSILD_Tenant="Ville-A")
    missing = await client.get("/entities/urn:ngsi-ld:Sensor:9", NGSILD_Tenant="Ville-A")
    assert created.headers["ngsild-tenant"] == missing.headers["ngsild-tenant"] == "Ville-A"
    assert "ngsild-tenant" not in (await client.get("/types")).headers


async def test_6_3_14_tenants_do_not_see_each_other_and_unknown_ones_are_404(client: Client) -> None:
    await client.post("/entities", sensor(), NGSILD_Tenant="one")
    assert (await client.get(f"/entities/{SENSOR}")).status == 404
    unknown = await client.get(f"/entities/{SENSOR}", NGSILD_Tenant="two")
    assert (unknown.status, unknown.error) == (404, "NonexistentTenant")


async def test_fiware_service_names_the_tenant_where_ngsild_tenant_does_not(client: Client) -> None:
    await client.post("/entities", sensor(), Fiware_Service="one")
    assert (await client.get(f"/entities/{SENSOR}", NGSILD_Tenant="one")).status == 200
    other = await client.get(f"/entities/{SENSOR}", NGSILD_Tenant="two", Fiware_Service="one")
    assert other.error == "NonexistentTenant"


async def test_a_tenant_that_no_store_could_keep_is_refused(client: Client) -> None:
    answer = await client.post("/entities", sensor(), NGSILD_Tenant="a/b $")
    assert (answer.status, answer.error) == (400, "InvalidRequest")


async def test_6_3_20_unknown_parameters_and_options_are_refused_by_name(client: Client) -> None:
    unknown = await client.get("/entities?type=Sensor&colour=red")
    assert (unknown.status, unknown.error) == (400, "InvalidRequest")
    assert "colour" in unknown.json["detail"]
    option = await client.get("/entities?type=Sensor&options=sysAttrs,fast")
    assert (option.status, option.error) == (400, "InvalidRequest")
    assert "fast" in option.json["detail"]


async def test_a_parameter_given_twice_is_refused_unless_it_is_a_list(client: Client) -> None:
    assert (await client.get("/entities?type=A&type=B")).error == "InvalidRequest"
    assert (await client.get("/entities?type=A&options=sysAttrs&options=keyValues")).status == 200


async def test_6_3_2_a_wrong_method_is_405_and_says_which_are_right(client: Client) -> None:
    answer = await client.put("/types", {})
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    assert (await client.delete(f"/entities/{SENSOR}/attrs/")).status == 405


async def test_a_path_that_leads_nowhere_is_404_with_problem_details(client: Client) -> None:
    for path in ("/nothing", "/entities/a/b/c/d", "/", "/entities//", "//ngsi-ld/v1", "//ngsi-ld/v1?type=a"):
        answer = await client.get(path)
        assert (answer.status, answer.error) == (404, "ResourceNotFound")


async def test_paths_are_served_with_and_without_the_slash_at_their_end(client: Client) -> None:
    assert (await client.post("/entities/", sensor())).status == 201
    assert (await client.get(f"/entities/{SENSOR}/")).status == 200
    patch = {"temperature": {"type": "Property", "value": 3}}
    assert (await client.patch(f"/entities/{SENSOR}/attrs/", patch)).status == 204
    assert (await client.get("/entities/?type=Sensor")).json[0]["id"] == SENSOR


async def test_5_6_18_put_and_patch_without_an_id_in_the_path_are_bad_requests(client: Client) -> None:
    for method in ("PUT", "PATCH"):
        answer = await client.call(method, "/entities/", sensor())
        assert (answer.status, answer.error) == (400, "BadRequestData")


async def test_head_is_get_without_the_body(client: Client) -> None:
    await client.post("/entities", sensor())
    get, head = await client.get(f"/entities/{SENSOR}"), await client.call("HEAD", f"/entities/{SENSOR}")
    assert (head.status, head.body) == (200, b"")
    assert head.headers == get.headers


async def test_options_tells_the_methods_and_lets_browsers_in(client: Client) -> None:
    plain = await client.call("OPTIONS", "/entities")
    assert plain.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, POST"
    assert "access-control-allow-origin" not in plain.headers
    preflight = await client.call("OPTIONS", "/entities", Origin="https://map.example.org")
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "NGSILD-Tenant" in preflight.headers["access-control-allow-headers"]


async def test_without_names_every_page_reads_and_only_the_brokers_own_writes(client: Client) -> None:
    foreign = "https://map.example.org"
    assert (await client.get("/types", Origin=foreign)).headers["access-control-allow-origin"] == "*"
    query = {"type": "Query", "entities": [{"type": "Sensor"}]}
    assert (await client.post("/entityOperations/query", query, Origin=foreign)).status == 200
    for origin in (foreign, "null", "http://evil.example:1026"):
        refused = await client.post("/entities", sensor(), Origin=origin)
        assert (refused.status, refused.error) == (403, "InvalidRequest")
        assert "cors-origins" in refused.json["detail"]
    assert (await client.get(f"/entities/{SENSOR}")).status == 404
    for own in ("http://broker.test:1026", "http://localhost:1026", "http://127.0.0.1:1026"):
        assert (await client.post("/entityOperations/upsert", [sensor()], Origin=own)).status in (201, 204)


async def test_a_preflight_offers_a_foreign_page_what_it_may_do() -> None:
    client = memory_client()
    foreign = await client.call("OPTIONS", "/entities", Origin="https://map.example.org")
    assert foreign.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
    own = await client.call("OPTIONS", "/entities", Origin="http://localhost:1026")
    assert own.headers["access-control-allow-methods"] == "DELETE, GET, HEAD, OPTIONS, POST"
    query = await client.call("OPTIONS", "/entityOperations/query", Origin="https://map.example.org")
    assert "POST" in query.headers["access-control-allow-methods"]


async def test_the_origins_named_may_write_and_with_a_star_all_may() -> None:
    for origins in (("https://map.example.org",), ("*",)):
        client = memory_client(origins=origins)
        created = await client.post("/entities", sensor(), Origin="https://map.example.org")
        assert created.status == 201
        assert "Location" in created.headers["access-control-expose-headers"]


async def test_programs_name_no_origin_and_write(client: Client) -> None:
    assert (await client.post("/entities", sensor())).status == 201


async def test_only_the_origins_named_may_read_answers() -> None:
    client = memory_client(origins=("https://map.example.org",))
    named = await client.get("/types", Origin="https://map.example.org")
    assert named.headers["access-control-allow-origin"] == "https://map.example.org"
    assert named.headers["vary"] == "Origin"
    other = await client.get("/types", Origin="https://elsewhere.example.org")
    assert "access-control-allow-origin" not in other.headers


async def test_6_3_2_a_body_above_the_bound_is_413_whether_announced_or_not() -> None:
    client = memory_client(max_body=1000)
    big = sensor(note={"type": "Property", "value": "x" * 2000})
    assert (await client.post("/entities", big)).status == 413
    lying = await client.call("POST", "/entities", big, {"content-length": "10"})
    assert lying.status in (400, 413)
    assert (await client.get(f"/entities/{SENSOR}")).status == 404


async def test_an_unexpected_failure_is_500_without_a_word_about_the_inside(client: Client) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("secret of the inside")

    client.ports.entities.get = broken  # type: ignore[method-assign,assignment]
    answer = await client.get(f"/entities/{SENSOR}")
    assert (answer.status, answer.error) == (500, "InternalError")
    assert b"secret" not in answer.body


async def test_a_store_that_is_away_is_503_and_asks_to_come_back(client: Client) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("The database is away.")

    client.ports.entities.get = away  # type: ignore[method-assign,assignment]
    answer = await client.get(f"/entities/{SENSOR}", NGSILD_Tenant="")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


def test_every_error_of_the_standard_has_its_status() -> None:
    named = {error.name: STATUS[error] for error in STATUS if error.__name__ == error.name}
    assert named == {
        "AccessDenied": 403,
        "AlreadyExists": 409,
        "BadRequestData": 400,
        "Conflict": 409,
        "InternalError": 500,
        "InvalidRequest": 400,
        "LdContextNotAvailable": 504,
        "NoMultiTenantSupport": 501,
        "NonexistentTenant": 404,
        "OperationNotSupported": 422,
        "ResourceNotFound": 404,
        "TooComplexQuery": 403,
        "TooManyResults": 403,
    }


def test_header_names_keep_their_spelling_when_a_server_lowers_them() -> None:
    assert HeaderName(b"NGSILD-Results-Count").lower() == b"NGSILD-Results-Count"
