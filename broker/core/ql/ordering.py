"""Parser of the entity ordering language (clause 4.23.3).

```
order     = item *( "," item )
item      = path [ ";" ( "asc" / "desc" / "dist-asc" / "dist-desc" ) ]     ; path as in `q`
```
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from broker.core.model.errors import BadRequestData
from broker.core.ql import limits
from broker.core.ql.collation import ROOT, Collation, parse_collation
from broker.core.ql.geo import Geometry, parse_geometry
from broker.core.ql.nodes import Exists, Path
from broker.core.ql.q import parse_q

_DIRECTIONS = {"asc", "desc", "dist-asc", "dist-desc"}


@dataclass(frozen=True, slots=True)
class Ordering:
    """One criterion: the target of a path, or the distance in metres of a GeoProperty from `distance_from`."""

    path: Path
    descending: bool = False
    distance_from: Geometry | None = None
    collation: Collation = ROOT


def parse_ordering(
    text: str,
    expand: Callable[[str], str],
    *,
    order_from: Any = None,
    order_geometry: str = "Point",
    collation: str | None = None,
) -> tuple[Ordering, ...]:
    """Parse `orderBy` with its companions `orderFrom`, `orderGeometry` and `collation`.

    Raises BadRequestData where a part is wrong or missing, TooComplexQuery beyond a bound of `limits`.
    """
    limits.check_length(text, "orderBy")
    items = text.split(",")
    limits.check_count(len(items), "attributes in orderBy", limits.PATH_NAMES)
    geometry = None if order_from is None else parse_geometry(order_geometry, order_from)
    texts = ROOT if collation is None else parse_collation(collation)
    return tuple(_item(item.strip(), expand, geometry, texts) for item in items)


def _item(item: str, expand: Callable[[str], str], geometry: Geometry | None, texts: Collation) -> Ordering:
    written, _, direction = item.partition(";")
    if (direction or "asc") not in _DIRECTIONS:
        raise BadRequestData(f"orderBy: {direction!r} is no direction; use asc, desc, dist-asc or dist-desc.")
    node = parse_q(written, expand)
    if not isinstance(node, Exists):
        raise BadRequestData(f"orderBy: {written!r} is no attribute path such as name or address[city].")
    by_distance = direction.startswith("dist-")
    if by_distance and geometry is None:
        raise BadRequestData("orderBy: a distance needs orderFrom with the coordinates to measure from.")
    return Ordering(node.path, direction.endswith("desc"), geometry if by_distance else None, texts)
