"""`python -m agents`: the IoT agents as a process."""

import asyncio
import contextlib
import gc
import signal
import socket
import sys
from collections.abc import Callable, Iterator

import structlog
import uvicorn

from agents.app import create_app
from agents.core.errors import InvalidDescription
from agents.http.administration import LogLevel
from agents.http.ports import devices_only
from agents.settings import Settings, read_settings


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn would end the process by the signal instead of with status 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    log_level = LogLevel()
    _log_json_lines(log_level)
    settings = read_settings(sys.argv[1:])
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(settings, log_level))
    except InvalidDescription as problem:
        sys.exit(problem.detail)


async def _serve(settings: Settings, log_level: LogLevel) -> None:
    app = create_app(settings, log_level)
    south_port = 0 if settings.south_port == settings.port else settings.south_port
    config = uvicorn.Config(
        devices_only(app, south_port, app.state.resources),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        ws="none",
        timeout_graceful_shutdown=5,
    )
    server = _Server(config)
    # Libraries and device models live as long as the process: the collector need not look at them, nor at every batch.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, setattr, server, "should_exit", True)
    await server.serve(_sockets(config, settings))


def _sockets(config: uvicorn.Config, settings: Settings) -> list[socket.socket]:
    sockets = [config.bind_socket()]
    if settings.south_port not in (0, settings.port):
        try:
            south = socket.create_server((settings.host, settings.south_port))
        except OSError as problem:
            # Mostly another agent; over MQTT, and on the other port, devices are served all the same.
            structlog.get_logger("agents").error("south_port_not_opened", port=settings.south_port, detail=str(problem))
        else:
            sockets.append(south)
    return sockets


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415  there is none for Windows
    except ImportError:
        return None
    return uvloop.new_event_loop


def _log_json_lines(log_level: LogLevel) -> None:
    structlog.configure(
        processors=[
            log_level,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


if __name__ == "__main__":
    main()
