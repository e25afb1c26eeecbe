"""uvicorn's server, which hurries when the program that started the broker has died."""

import os
import socket

import uvicorn

_HURRIED_SECONDS = 0
"""For open requests when the parent has died: what they wait for, such as the database, is going, too."""


class Server(uvicorn.Server):
    """To be made before anything that takes time: the parent at that moment is the one that counts."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._parent = os.getppid()

    @property
    def is_orphaned(self) -> bool:
        """Whether the program that started this one is gone."""
        return os.getppid() != self._parent

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn calls it on SIGTERM, which the kernel also sends at the parent's death (ADR 4)."""
        if self.is_orphaned:
            self.config.timeout_graceful_shutdown = _HURRIED_SECONDS
        await super().shutdown(sockets)
