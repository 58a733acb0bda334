"""What a person sees of the demonstration."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.cli.detection_lines import detection_line
from streams.cli.terminal import headed
from streams.demo import DemoReport, EventOutcome
from streams.local.state import StackState
from streams.records import Detection

__all__ = ["DemoScreen"]


class DemoScreen:
    """Prints answers as they come, and the verdict at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, text: str) -> None:
        """Print one line about what happens."""
        self._console.print(headed("demo", text))

    def stack_ready(self, state: StackState) -> None:
        """Print the addresses and a heading over the lines to come."""
        self.say(f"Kafka on {state.kafka}, Redis on {state.redis}, Triton on {state.triton_grpc}")
        running = [process.name for process in state.processes if process.name.startswith("worker")]
        self.say(f"{' and '.join(running)} are ready; each line below is an answer as it was stored:")
        self._console.print(
            "stored at     source      window              event and probability   items of video, audio, "
            "transcript; revision; delay",
            style="dim",
        )

    def detection(self, detection: Detection) -> None:
        """Print an answer; that it became final is left out, for brevity."""
        if not detection.final:
            self._console.print(detection_line(detection))

    def summary(self, report: DemoReport) -> None:
        """Print the verdict."""
        found = sum(outcome.is_found for outcome in report.outcomes)
        table = Table(
            "at", "event laid in", "carried by", "Braid", title="What was laid into the scene", title_justify="left"
        )
        for outcome in report.outcomes:
            table.add_row(*_row(outcome))
        self._console.print()
        self._console.print(table)
        self._console.print(
            f"events found: {found} of {len(report.outcomes)}; false alarms: {len(report.false_alarms)}"
        )
        for alarm in report.false_alarms:
            self._console.print(f"  false alarm: {alarm[0].event} in {alarm[0].id}")
        for source in report.sources:
            items = ", ".join(
                f"{modality} {source.covered[modality]} of {count}" for modality, count in source.sent.items()
            )
            verdict = ("all covered", "green") if source.is_whole else ("NOT ALL COVERED", "bold red")
            self._console.print(
                Text.assemble(f"{source.source_id}: items in final windows against items sent: {items}: ", verdict)
            )
        self._console.print(
            f"windows: {report.windows}; revisions: {report.revisions}; from close to stored: median "
            f"{report.delay_quantile_ms(0.5):.0f} ms, p99 {report.delay_quantile_ms(0.99):.0f} ms"
        )
        self._console.print(
            "\nNow with a file of your own, in three terminals (activate .venv, or put .venv/bin/ before each):\n"
            "  braid up --workers 2\n"
            "  braid tail\n"
            "  braid ingest YOUR_VIDEO.mp4 --source my-camera"
        )


def _row(outcome: EventOutcome) -> tuple[str, str, str, Text]:
    event = outcome.event
    verdict = Text("missed", "red")
    if outcome.is_found:
        verdict = Text.assemble(("found", "green"), f" in {len(outcome.window_ids)} windows")
    return (
        f"{event.start_ms / 1000:.1f} to {event.end_ms / 1000:.1f} s",
        event.event_class,
        ", ".join(event.modalities),
        verdict,
    )
