"""Pages and counts (clauses 4.12, 4.13, 5.5.9, 6.3.10, 6.3.13)."""

from dataclasses import dataclass
from urllib.parse import quote

from broker.core.model.errors import BadRequestData
from broker.http import params
from broker.http.message import LINK, RESULTS_COUNT, Header, Request

DEFAULT_LIMIT = 20
MAX_LIMIT = 1000
"""What clients of other brokers are used to; 1,000 entities are about 1 MB."""


@dataclass(frozen=True, slots=True)
class Paging:
    """What part of the results a request asks for."""

    limit: int
    offset: int
    count: bool

    def headers(self, request: Request, path: str, media_type: str, more: bool, total: int | None) -> list[Header]:
        """`Link` to the neighbouring pages, and the count where it was asked for.

        `path` is the resource's, without a trailing slash; `more`: whether a page follows.
        """
        headers: list[Header] = []
        if self.count and total is not None:
            headers.append((RESULTS_COUNT, b"%d" % total))
        if self.limit:
            if self.offset:
                headers.append((LINK, self._link(request, path, media_type, max(0, self.offset - self.limit), "prev")))
            if more:
                headers.append((LINK, self._link(request, path, media_type, self.offset + self.limit, "next")))
        return headers

    def _link(self, request: Request, path: str, media_type: str, offset: int, relation: str) -> bytes:
        others = "".join(
            f"{quote(name)}={quote(value, safe=_READABLE)}&"
            for name, value in request.parameters.items()
            if name not in ("limit", "offset")
        )
        target = f"{path}?{others}limit={self.limit}&offset={offset}"
        return f'<{target}>;rel="{relation}";type="{media_type}"'.encode()


_READABLE = ":/,;*@!$'()~."


def paging_of(request: Request) -> Paging:
    """Read `limit`, `offset` and `count` (or `options=count`). Raises BadRequestData or InvalidRequest."""
    parameters = request.parameters
    if not parameters:
        return _FIRST
    limit = params.natural(parameters, "limit", DEFAULT_LIMIT)
    offset = params.natural(parameters, "offset", 0)
    count = params.flag(parameters, "count") or "count" in params.options(parameters)
    if limit > MAX_LIMIT:
        raise BadRequestData(f"limit is at most {MAX_LIMIT}; follow the Link headers to the next pages.")
    if not limit and not count:
        raise BadRequestData("limit=0 asks for the count alone: add count=true, or give a limit of at least 1.")
    return Paging(limit, offset, count)


_FIRST = Paging(DEFAULT_LIMIT, 0, False)
