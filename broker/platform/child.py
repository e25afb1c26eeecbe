"""A program that the supervisor keeps running: what it is, how it is started, and how its end reads.

On Linux every child asks the kernel for a signal when its parent dies (prctl(2), PR_SET_PDEATHSIG), so that nothing is
left behind by a supervisor that was killed without a chance to tidy up. The kernel sends it when the *thread* that
created the child ends: children are therefore created by the main thread alone.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class StartError(Exception):
    """The platform cannot start as asked; the message tells the user what to do."""


@dataclass(frozen=True, slots=True)
class Child:
    """One program to keep running.

    `ready` answers whether it serves; without it, running counts as ready. `depends` names children that have to be
    ready before the first start, and that are stopped after this one. `receive` takes each line of its output. The
    times are in seconds: to the first readiness, and from SIGTERM to SIGKILL.
    """

    name: str
    command: tuple[str, ...]
    receive: Callable[[str], None]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], Awaitable[bool]] | None = None
    depends: tuple[str, ...] = ()
    start_seconds: float = 60.0
    stop_seconds: float = 10.0


def die_with_parent() -> Callable[[], None] | None:
    """What a new child runs before its program so that it gets SIGTERM when its parent dies; None where unsupported."""
    if _LIBC is None:
        return None
    libc, parent = _LIBC, os.getpid()

    def ask_for_signal() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        # The parent may have died between the fork and the line above: nobody would send the signal any more.
        if os.getppid() != parent:
            os._exit(1)

    return ask_for_signal


def describe_exit(code: int) -> str:
    """A return code of `subprocess` in words: `exit code 3`, `killed by SIGKILL`."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
