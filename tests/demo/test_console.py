"""A newcomer reads a few lines a second, and a summary."""

import io

from agents.demo.console import BURST, LINES_PER_SECOND, Console


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


def notify(console, times=1):
    for _ in range(times):
        console.notified("WasteContainer", "Villerupt, rue de la Gare 3", {"fillingLevel": 0.83}, 0.042)


def test_line_tells_what_where_how_much_and_how_fast():
    stream = io.StringIO()
    notify(Console(stream))
    line = stream.getvalue()
    assert "WasteContainer" in line
    assert "Villerupt, rue de la Gare 3" in line
    assert "fillingLevel 0.83" in line
    assert "notified 42 ms after the frame left" in line


def test_no_colours_unless_on_a_terminal():
    plain, terminal = io.StringIO(), Terminal()
    notify(Console(plain))
    notify(Console(terminal))
    assert "\x1b" not in plain.getvalue()
    assert "\x1b[33m" in terminal.getvalue()


def test_lines_are_limited_but_all_are_counted():
    stream, clock = io.StringIO(), Clock()
    console = Console(stream, clock)
    notify(console, 100)
    assert stream.getvalue().count("\n") == BURST
    clock.now = 2.0
    notify(console, 100)
    assert stream.getvalue().count("\n") == BURST + int(2 * LINES_PER_SECOND)
    console.summary(30)
    assert "200 notifications received" in stream.getvalue()
    assert "42 ms" in stream.getvalue().splitlines()[-1]


def test_summary_starts_anew():
    stream = io.StringIO()
    console = Console(stream)
    console.sent()
    notify(console)
    console.summary(30)
    console.summary(30)
    assert "0 reports sent, 0 notifications received" in stream.getvalue().splitlines()[-1]
