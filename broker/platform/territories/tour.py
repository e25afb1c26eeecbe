"""What happens in the demonstration, once the three brokers run: they join each other, and one is asked."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

from broker.platform.federation.operator import Operator
from broker.platform.territories.places import KEPT, OFFERED, SHARED, entities_of
from broker.platform.territories.plan import Seat

Say = Callable[[str], None]

_TIMEOUT = 30.0
_ENTITIES = "/ngsi-ld/v1/entities"


def tour(found: list[Seat], say: Say) -> None:
    """Fill the brokers, let each pair join by a real invitation, and show queries across the border."""
    for seat in found:
        _call(seat.url + "/ngsi-ld/v1/entityOperations/upsert", list(entities_of(seat.territory)))
    say("\nEach invites its neighbours, and they offer the same in return:")
    for inviting, joining in combinations(found, 2):
        say(_join(inviting, joining))
    abroad = found[-1]
    say(f"\nAll car parks, asked at {abroad.territory.name} ({abroad.url}):")
    for language, heading in (("fr", "in French, lang=fr"), ("de", "in German, lang=de")):
        say(f"\n  {heading}")
        for line in _table(abroad.url, language):
            say(f"    {line}")
    say(f"\n{SHARED} is one entity in two parts: its name comes from")
    say("one side of the border, its free places from the other.")
    kept = _call(f"{abroad.url}{_ENTITIES}?type={KEPT}")
    say(f"Of type {KEPT}, which nobody offers, {abroad.territory.name} sees its own {len(kept)} of {len(found)}.")
    say(_to_try(found))


def _join(inviting: Seat, joining: Seat) -> str:
    offer = {"types": [OFFERED], "languages": list(inviting.territory.languages)}
    invited = Operator(inviting.url, inviting.data_directory).ask(
        "POST", "/federation/invitations", {"offer": offer, "name": inviting.territory.name, "seconds": 600}
    )
    reply = {
        "url": invited["url"],
        "fingerprint": invited["fingerprint"],
        "offer": {"types": [OFFERED], "languages": list(joining.territory.languages)},
        "name": joining.territory.name,
    }
    joined = Operator(joining.url, joining.data_directory).ask("POST", "/federation/joins", reply)
    return f"  {joining.territory.name} joined {joined['name']}  (fingerprint {joined['fingerprint']})"


def _table(url: str, language: str) -> Iterator[str]:
    yield f"{'name':<32}{'free':>6}  source"
    found = _call(f"{url}{_ENTITIES}?type={OFFERED}&lang={language}&format=simplified&limit=100")
    for each in sorted(found, key=lambda entity: str(entity["name"])):
        yield f"{each['name']:<32}{each.get('availableSpotNumber', ''):>6}  {each['dataProvider']}"


def _call(url: str, body: Any = None) -> Any:
    request = urllib.request.Request(url)  # noqa: S310  (an address that the plan made)
    content = None
    if body is not None:
        content = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, content, _TIMEOUT) as answer:  # noqa: S310  (as above)
        text = answer.read()
    return json.loads(text) if text else None


def _to_try(found: list[Seat]) -> str:
    first, last = found[0], found[-1]
    at_first = f"--broker-url {first.url} --data-dir {first.data_directory}"
    lines = [
        "",
        "The three keep running; Ctrl-C stops them. What to try:",
        *(f"  {each.url}/  {each.territory.name}" for each in found),
        f"  curl '{last.url}{_ENTITIES}?type={OFFERED}&lang=lb&format=simplified'",
        f"  curl '{first.url}{_ENTITIES}?type={OFFERED}&georel=near;maxDistance==3000&geometry=Point"
        "&coordinates=\\[5.95,49.48\\]'",
        f"  curl '{first.url}{_ENTITIES}?type={OFFERED}&local=true'",
        f"  eclor federation status {at_first}",
        f"  eclor federation leave {last.territory.alias} {at_first}",
    ]
    return "\n".join(lines)
