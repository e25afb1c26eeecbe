"""`python -m broker.platform.amqtt_server`: the MQTT server for machines without Mosquitto, until SIGTERM or SIGINT."""

import argparse
import asyncio
import logging
import signal

import uvloop
from amqtt.broker import Broker

_CONNECTIONS = 1_000


async def serve(host: str, port: int) -> None:
    """Serve MQTT 3.1.1 there without authentication, until told to stop. `host` has to be a loopback address."""
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"{host}:{port}", "max_connections": _CONNECTIONS}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await broker.start()
    await stop.wait()
    await broker.shutdown()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description="An MQTT server on the loopback address")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1883)
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    # It announces every state change of every session there.
    logging.getLogger("transitions").setLevel(logging.ERROR)
    uvloop.run(serve(options.host, options.port))


if __name__ == "__main__":
    main()
