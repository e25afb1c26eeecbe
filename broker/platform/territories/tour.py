"""What happens in the demonstration, once the three brokers run: they join each other, and one is asked."""

from collections.abc import Callable, Iterator
from itertools import combinations

from broker.console.ask import ask
from broker.console.federation.operator import Operator, kept_token
from broker.platform.territories.places import KEPT, OFFERED, SHARED, entities_of
from broker.platform.territories.plan import Seat

Say = Callable[[str], None]

_TIMEOUT = 30.0
_ENTITIES = "/ngsi-ld/v1/entities"
_UPSERT = "/ngsi-ld/v1/entityOperations/upsert"


def tour(found: list[Seat], say: Say) -> None:
    """Fill the brokers, let each pair join by a real invitation, and show queries across the border."""
    for seat in found:
        ask(seat.url, _UPSERT, "POST", list(entities_of(seat.territory)), timeout=_TIMEOUT)
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
    kept = ask(abroad.url, f"{_ENTITIES}?type={KEPT}", timeout=_TIMEOUT)
    say(f"Of type {KEPT}, which nobody offers, {abroad.territory.name} sees its own {len(kept)} of {len(found)}.")
    say(_to_try(found))


def _join(inviting: Seat, joining: Seat) -> str:
    offer = {"types": [OFFERED], "languages": list(inviting.territory.languages)}
    invited = _operator(inviting).ask(
        "POST", "/federation/invitations", {"offer": offer, "name": inviting.territory.name, "seconds": 600}
    )
    reply = {
        "url": invited["url"],
        "fingerprint": invited["fingerprint"],
        "offer": {"types": [OFFERED], "languages": list(joining.territory.languages)},
        "name": joining.territory.name,
    }
    joined = _operator(joining).ask("POST", "/federation/joins", reply)
    return f"  {joining.territory.name} joined {joined['name']}  (fingerprint {joined['fingerprint']})"


def _table(url: str, language: str) -> Iterator[str]:
    yield f"{'name':<32}{'free':>6}  source"
    found = ask(url, f"{_ENTITIES}?type={OFFERED}&lang={language}&format=simplified&limit=100", timeout=_TIMEOUT)
    for each in sorted(found, key=lambda entity: str(entity["name"])):
        yield f"{each['name']:<32}{each.get('availableSpotNumber', ''):>6}  {each['dataProvider']}"


def _operator(seat: Seat) -> Operator:
    """Whatever secret the environment may have: these brokers have their own."""
    return Operator(seat.url, kept_token(seat.data_directory))


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
