"""What does Prometheus scrape? The desk's state as gauges, its steps and decisions as counters."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dispersa.desk.phases import Phase
from dispersa.risk import HaltLevel
from dispersa.runtime.desk_loop import Seen
from dispersa.runtime.health import HealthSources, health_document, troubles_of

if TYPE_CHECKING:
    from prometheus_client.core import Metric


class DeskCounts:
    """Counts what the desk sees and decides."""

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()
        self.commands: Counter[str] = Counter()

    def saw(self, seen: Seen) -> None:
        """Count one step."""
        self.events[type(seen.event).__name__] += 1
        self.commands.update(type(command).__name__ for command in seen.commands)


class DeskCollector:
    """Reads the desk whenever somebody scrapes."""

    def __init__(self, sources: HealthSources, counts: DeskCounts) -> None:
        self._sources = sources
        self._counts = counts

    def collect(self) -> Iterator["Metric"]:
        """Yield every metric as of now."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for name, meaning, value in self._gauges():
            yield GaugeMetricFamily(f"dispersa_{name}", meaning, value=value)
        events = CounterMetricFamily("dispersa_events", "Events seen by kind.", labels=["kind"])
        for kind, count in sorted(self._counts.events.items()):
            events.add_metric([kind], count)
        yield events
        made = CounterMetricFamily("dispersa_commands", "Decisions by kind.", labels=["kind"])
        for kind, count in sorted(self._counts.commands.items()):
            made.add_metric([kind], count)
        yield made

    def _gauges(self) -> Iterator[tuple[str, str, float]]:
        state, journal = self._sources.loop.state, self._sources.journal
        phase, halt = state.phasing.phase, state.halt
        yield "healthy", "1 while /healthz says so.", float(not troubles_of(self._sources))
        yield "linked", "1 while both broker links are proven.", float(state.linked)
        yield "phase", "0 crawl, 1 walk, 2 run.", list(Phase).index(phase)
        level = HaltLevel.NONE if halt is None else halt.level
        yield "halt_level", "0 none, 1 hold, 2 cancel, 3 flatten.", list(HaltLevel).index(level)
        yield "open_orders", "Orders whose end is not proven.", len(state.open_orders())
        yield "trades_held", "Dispersion trades that are held.", len(state.programs_held)
        yield "locked_names", "Names whose books differ.", len(state.locked_names())
        yield "journal_sequence", "Last entry appended.", journal.last_sequence
        yield "journal_committed", "Last entry on the disk.", journal.committed_sequence
        failing = [task for task in self._sources.supervisor.tasks.values() if task.reason]
        yield "tasks_failing", "Supervised tasks that wait for their restart.", len(failing)
        if state.account is not None and state.account.net_liquidation is not None:
            value = float(state.account.net_liquidation)
            yield "net_liquidation", "Net liquidation in account currency.", value
        if state.vix is not None:
            yield "vix", "VIX as the gate sees it.", state.vix.level


def health_app(sources: HealthSources, counts: DeskCounts) -> Any:
    """Return the application that answers /healthz and /metrics."""
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    registry = CollectorRegistry(auto_describe=False)
    registry.register(DeskCollector(sources, counts))

    async def healthz(_request: Request) -> Response:
        document = health_document(sources)
        return JSONResponse(document, status_code=200 if document["healthy"] else 503)

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/healthz", healthz), Route("/metrics", metrics)])
