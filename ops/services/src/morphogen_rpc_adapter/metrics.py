"""What `/metrics` says: how often and how long, never for whom."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from morphogen_http.admission import Admission

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class Metrics:
    """The adapter's own registry.

    Args:
        lanes: who is let in, by the name of the lane.
    """

    def __init__(self, lanes: dict[str, Admission]) -> None:
        self.registry = CollectorRegistry()
        for name, help_text in {
            "in_flight": "Private reads at work.",
            "waiting": "Private reads that wait for their turn.",
            "refused": "Private reads turned away since the start.",
        }.items():
            gauge = Gauge(
                f"morphogen_rpc_adapter_{name}", help_text, ["lane"], registry=self.registry
            )
            for lane, admission in lanes.items():
                gauge.labels(lane).set_function(_reader(admission, name))
        self.read_seconds = Histogram(
            "morphogen_rpc_adapter_read_seconds",
            "From the arrival of a request with private reads to its answer.",
            registry=self.registry,
            buckets=_SECONDS,
        )
        self.batch_reads = Histogram(
            "morphogen_rpc_adapter_batch_reads",
            "Reads that went to the servers together.",
            registry=self.registry,
            buckets=(1, 2, 4, 8, 16, 31),
        )
        self.answers = Counter(
            "morphogen_rpc_adapter_answers",
            "HTTP answers to JSON-RPC requests, by status.",
            ["status"],
            registry=self.registry,
        )


def _reader(admission: Admission, name: str) -> Callable[[], float]:
    return lambda: float(getattr(admission, name))
