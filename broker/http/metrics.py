"""Counters of what was asked and answered, in the text format that Prometheus reads."""

from collections import defaultdict


class Metrics:
    """Requests by operation and status, and the time they took. The labels are bounded by the table of routes."""

    def __init__(self) -> None:
        self._requests: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def note(self, operation: str, status: int, seconds: float) -> None:
        """One request was answered."""
        self._requests[operation, status] += 1
        self._seconds[operation] += seconds

    def text(self) -> str:
        """Everything counted since the process began."""
        lines = [
            "# HELP ngsild_requests_total Requests answered, by operation and status.",
            "# TYPE ngsild_requests_total counter",
        ]
        for (operation, status), count in sorted(self._requests.items()):
            lines.append(f'ngsild_requests_total{{operation="{operation}",status="{status}"}} {count}')
        lines += [
            "# HELP ngsild_request_seconds_total Time from a request's arrival to its answer, by operation.",
            "# TYPE ngsild_request_seconds_total counter",
        ]
        for operation, seconds in sorted(self._seconds.items()):
            lines.append(f'ngsild_request_seconds_total{{operation="{operation}"}} {seconds:.6f}')
        return "\n".join(lines) + "\n"
