"""A detection as one line for a person, and moments as a person writes them."""

import re
from datetime import UTC, datetime, timedelta

from rich.text import Text

from streams.errors import ConfigurationError
from streams.records import Detection

__all__ = ["detection_line", "parse_moment"]

_PARTS_SHOWN = 3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds", "ms": "milliseconds"}
_AGO = re.compile(r"-(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?")


def parse_moment(text: str, now_ms: int) -> int:
    """Read a moment, epoch milliseconds.

    Args:
        text: RFC 3339 with a zone, epoch milliseconds, or a time before now such as `-10m` or `-1h30m`.
        now_ms: what `-` counts from, epoch milliseconds.

    Raises:
        ConfigurationError: it is none of these.
    """
    if re.fullmatch(r"\d+", text):
        return int(text)
    if ago := _AGO.fullmatch(text):
        parts = {unit: int(part) for unit, part in zip(_UNITS.values(), ago.groups(), strict=True) if part}
        return now_ms - timedelta(**parts) // timedelta(milliseconds=1)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ConfigurationError(
            f"time: got {text!r}; expected RFC 3339 with a zone (2026-01-31T08:15:00Z), epoch milliseconds, "
            "or a time before now (-10m, -1h30m)",
            code="configuration.time",
        )
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def detection_line(detection: Detection) -> Text:
    """When it was stored, whose, which window, what is happening, out of what, and how late; times are local."""
    coverage = detection.coverage
    line = Text(no_wrap=True, overflow="ignore")
    line.append(f"{_local_time(detection.stored_ms or detection.closed_ms)}  ", style="dim")
    line.append(f"{detection.source_id:<10}  ", style="cyan")
    line.append(f"{_local_time(detection.start_ms)} +{(detection.end_ms - detection.start_ms) / 1000:g}s  ")
    if detection.event is None:
        line.append(f"{'-':<22}", style="dim")
    else:
        probability = detection.probabilities.get(detection.event)
        shown = f"{detection.event} {'-' if probability is None else f'{probability:.2f}'}"
        line.append(f"{shown:<22}", style="bold yellow")
    line.append(f"  v{coverage.video.items:<3} a{coverage.audio.items:<2} t{coverage.transcript.items:<2}")
    line.append(f" r{detection.revision}", style="dim")
    line.append(" final" if detection.final else "      ", style="green")
    if detection.stored_ms is not None:
        line.append(f"  +{detection.stored_ms - detection.closed_ms} ms", style="dim")
    if detection.missing:
        line.append(f"  missing {', '.join(detection.missing)}", style="red")
    if detection.is_anomalous:
        by = sorted(detection.parts, key=lambda part: detection.parts[part])[:_PARTS_SHOWN]
        line.append(f"  unusual p={detection.anomaly_p:.2g} {' '.join(by)}", style="bold magenta")
    if detection.states:
        line.append(f"  {' '.join(detection.states)}", style="magenta")
    return line


def _local_time(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms / 1000).astimezone().strftime("%H:%M:%S.") + f"{epoch_ms % 1000:03d}"
