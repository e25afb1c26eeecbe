"""One connection of a client: uvicorn's, with bounds on how large a request's head may be and how slowly it may come.

Without them, a client could hold a connection for ever by sending a byte now and then, and fill the memory with
headers: the parser sets no bound of its own.
"""

from asyncio import TimerHandle
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from broker.core.model.errors import InvalidRequest
from broker.http.problems import problem

LARGEST_HEAD = 65_536
"""Bytes of request line and headers: what the parser takes as the longest URL, four times what others usually take."""
HEAD_SECONDS = 30.0
"""For a whole head, from the connection or its first byte on."""
BODY_SECONDS = 30.0
"""Without a single byte of a body that is not complete."""

_log = structlog.get_logger("broker.http")


def _answer(status: int, reason: str, detail: str) -> bytes:
    response = problem(InvalidRequest(detail), status)
    lines = [b"HTTP/1.1 %d %s" % (status, reason.encode()), b"Connection: close"]
    lines += [name + b": " + value for name, value in response.headers]
    return b"\r\n".join((*lines, b"", response.body))


_NOT_HTTP = _answer(400, "Bad Request", "This is not HTTP/1.1 as RFC 9112 has it.")
_TOO_LARGE = _answer(
    431, "Request Header Fields Too Large", f"The URL and the headers together may have {LARGEST_HEAD} bytes."
)
_TOO_SLOW = _answer(
    408, "Request Timeout", f"The request did not come to its end: nothing came for {BODY_SECONDS:.0f} seconds."
)


class Connection(HttpToolsProtocol):
    """A request that is complete at once, as nearly all are, costs two comparisons more than uvicorn's own."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head = 0
        self._in_head = True
        self._has_begun = False
        self._patience: TimerHandle | None = None
        self._refusal = _NOT_HTTP

    def connection_made(self, transport: Any) -> None:
        """As asyncio calls it for a new connection."""
        super().connection_made(transport)
        self._wait(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """As asyncio calls it at the end."""
        self._rest()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head, let it be parsed, and watch what is not complete."""
        if self._in_head:
            self._head += len(data)
        super().data_received(data)
        if not self._has_begun:
            if self._patience is not None:
                self._rest()
        elif not self._in_head:
            self._rest()
            self._wait(BODY_SECONDS)
        elif self._head > LARGEST_HEAD:
            self._refuse(_TOO_LARGE)
        elif self._patience is None:
            self._wait(HEAD_SECONDS)

    def send_400_response(self, msg: str) -> None:
        """As uvicorn calls it when parsing failed, or was ended by us."""
        self._refuse(self._refusal)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._has_begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there; one that is too large never becomes a request."""
        if self._head > LARGEST_HEAD and self._size() > LARGEST_HEAD:
            self._refusal = _TOO_LARGE
            raise ValueError
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is there; the next one may come."""
        self._has_begun = False
        self._in_head = True
        self._head = 0
        super().on_message_complete()

    def _size(self) -> int:
        """Bytes of the head alone: the first piece of the body may have come with it."""
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _wait(self, seconds: float) -> None:
        self._patience = self.loop.call_later(seconds, self._too_slow, seconds)

    def _rest(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _too_slow(self, seconds: float) -> None:
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if self.flow.read_paused or (self._in_head and is_answering):
            # The client waits for us, not we for it.
            self._wait(seconds)
        elif self._has_begun:
            self._refuse(_TOO_SLOW)
        else:
            self.transport.close()

    def _refuse(self, answer: bytes) -> None:
        if self.transport.is_closing():
            return
        is_answered = not self._in_head and self.cycle is not None and self.cycle.response_started
        _log.info("request refused", status=int(answer[9:12]), client=self.client[0] if self.client else "")
        if not is_answered:
            self.transport.write(answer)
        self.transport.close()
