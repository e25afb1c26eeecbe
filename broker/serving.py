"""One broker process: it listens, serves until a signal comes, and ends in order."""

import asyncio
import gc
import signal
import socket
from typing import Any

import structlog
import uvicorn

from broker.adapters.mongo.client import DatabaseError
from broker.adapters.tls import UntrustedFileError
from broker.app import App
from broker.http.connection import Connection
from broker.http.server import Server
from broker.logs import configure_logs
from broker.settings import Settings

_log = structlog.get_logger("eclor.broker")

_STOP = 5.0
"""Seconds for the last writes at the end; with the graceful shutdown before it, what container engines wait."""
_STOP_ORPHANED = 1.0
_CANCEL_AGAIN = 0.1


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; the exit status."""
    configure_logs(settings.log_level)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_serve(settings))
    except DatabaseError as error:
        _log.error("no database", reason=str(error)[:300], remedy="Start MongoDB, or name it with --mongo-url.")
        return 3
    except UntrustedFileError as error:
        _log.error("no certificate authorities", reason=str(error), remedy="Name another file with --trusted-ca.")
        return 2


async def _serve(settings: Settings) -> int:
    # Next to nothing of what is loaded is garbage, and looking for it stops everything for tenths of a second.
    gc.disable()
    app = App(settings)
    asgi = await app.start()
    # Half a million objects of contexts and libraries live for ever: let the collector pass over them.
    gc.collect()
    gc.freeze()
    # A batch of 10,000 entities makes some 400,000 objects, none of them garbage before it is answered.
    gc.set_threshold(500_000, 50, 100)
    gc.enable()
    config = uvicorn.Config(
        asgi,
        http=Connection,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
        backlog=2048,
    )
    server = Server(config)
    for stop in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again once it has shut down: it must find a handler, or we'd die before our own end.
        asyncio.get_running_loop().add_signal_handler(stop, lambda: None)
    listening = _listen(settings)
    _log.info("serving", url=settings.public_url, host=settings.host, port=settings.port)
    try:
        await server.serve(sockets=[listening])
    finally:
        await app.stop(_STOP_ORPHANED if server.is_orphaned else _STOP)
        await _end_tasks()
    return 0


async def _end_tasks() -> None:
    """Cancel what still runs until it has ended: while the database is away, the driver may swallow a cancellation."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    while others:
        for task in others:
            task.cancel()
        _, others = await asyncio.wait(others, timeout=_CANCEL_AGAIN)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if settings.reuse_port:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listening.bind((settings.host, settings.port))
    listening.setblocking(False)
    return listening


def _loop_factory() -> Any:
    try:
        import uvloop  # noqa: PLC0415  # there is none for Windows
    except ImportError:
        return None
    return uvloop.new_event_loop
