"""What `/metrics` says. Nothing in it depends on what was asked, only on how often."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """The server's own registry, so that two apps in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "morphogen_server_requests",
            "Requests answered, by route and status.",
            ["route", "status"],
            registry=self.registry,
        )
        self.scan_seconds = Histogram(
            "morphogen_server_scan_seconds",
            "Time that one request spends in scans, without waiting.",
            registry=self.registry,
        )
        self.scans_running = self._gauge("scans_running", "Requests whose scans run now.")
        self.scans_waiting = self._gauge("scans_waiting", "Questions that wait for a slot.")
        self.scans_refused = self._gauge("scans_refused", "Questions turned away since the start.")
        self.epoch_id = self._gauge("epoch_id", "The epoch that is served.")
        self.block_number = self._gauge("block_number", "The block of the epoch served.")
        self.num_rows = self._gauge("num_rows", "Rows of the matrix served.")

    def _gauge(self, name: str, help_text: str) -> Gauge:
        return Gauge(f"morphogen_server_{name}", help_text, registry=self.registry)
