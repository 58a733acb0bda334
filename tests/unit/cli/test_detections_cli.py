import time

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from streams.cli import detections
from streams.cli.detection_lines import detection_line, parse_moment
from streams.detections import Repeats
from streams.errors import ConfigurationError
from streams.records import AudioCoverage, Coverage, Detection, TranscriptCoverage, VideoCoverage

NOW_MS = 1_700_000_000_000


def make_detection(**fields):
    return Detection(
        **(
            {
                "id": "dock-1/1700000000250/4000",
                "source_id": "dock-1",
                "start_ms": 1_700_000_000_250,
                "end_ms": 1_700_000_004_250,
                "digest": "d",
                "closed_by": "watermark",
                "coverage": Coverage(
                    video=VideoCoverage(items=20),
                    audio=AudioCoverage(items=4),
                    transcript=TranscriptCoverage(items=1),
                ),
                "closed_ms": 1_700_000_005_000,
            }
            | fields
        )
    )


@pytest.mark.parametrize(
    ("text", "moment_ms"),
    [
        ("1700000000123", 1_700_000_000_123),
        ("0", 0),
        ("2023-11-14T22:13:20Z", NOW_MS),
        ("2023-11-14T22:13:20.25+00:00", NOW_MS + 250),
        ("2023-11-15T00:13:20+02:00", NOW_MS),
        ("-10m", NOW_MS - 600_000),
        ("-1h30m", NOW_MS - 5_400_000),
        ("-2d", NOW_MS - 172_800_000),
        ("-500ms", NOW_MS - 500),
        ("-0s", NOW_MS),
    ],
)
def test_a_moment_is_rfc_3339_epoch_milliseconds_or_time_before_now(text, moment_ms):
    assert parse_moment(text, NOW_MS) == moment_ms


@pytest.mark.parametrize(
    "text", ["", "-", "now", "10m", "-10", "-m", "-30m1h", "-1.5h", "2023-11-14T22:13:20", "yesterday", "2023-13-01"]
)
def test_any_other_moment_is_refused_with_examples(text):
    with pytest.raises(ConfigurationError, match=r"2026-01-31T08:15:00Z.*-1h30m"):
        parse_moment(text, NOW_MS)


@pytest.mark.parametrize("text", ["2023-11-14T22:13:20.001Z", "2023-11-14T22:13:20.057Z", "2023-11-14T22:13:20.999Z"])
def test_milliseconds_of_a_moment_are_exact(text):
    assert parse_moment(text, 0) == NOW_MS + int(text[-4:-1])


@pytest.fixture
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_line_says_when_whose_which_what_out_of_what_and_how_late(berlin):
    line = detection_line(
        make_detection(
            event="collision", probabilities={"collision": 0.914}, revision=2, final=True, stored_ms=1_700_000_005_033
        )
    )
    assert " ".join(line.plain.split()) == (
        "23:13:25.033 dock-1 23:13:20.250 +4s collision 0.91 v20 a4 t1 r2 final +33 ms"
    )


def test_a_line_of_a_window_without_event_has_a_dash_and_says_what_is_missing(berlin):
    line = detection_line(make_detection(missing=("video", "audio"), stored_ms=1_700_000_005_001))
    assert " ".join(line.plain.split()) == (
        "23:13:25.001 dock-1 23:13:20.250 +4s - v20 a4 t1 r0 +1 ms missing video, audio"
    )


def test_names_that_look_like_markup_are_shown_as_they_are():
    line = detection_line(make_detection(event="[red]", probabilities={"[red]": 0.5}))
    assert "[red] 0.50" in line.plain


def test_a_line_says_that_a_window_is_unusual_and_by_which_parts():
    parts = {"sound": 0.5, "motion": 0.0001, "scene": 0.01, "words": 0.9}
    unusual = make_detection(is_anomalous=True, anomaly_p=0.00012, parts=parts, states=("video.dark",))
    assert "unusual p=0.00012 motion scene sound  video.dark" in detection_line(unusual).plain
    assert "unusual" not in detection_line(make_detection(anomaly_p=0.4, parts=parts)).plain


def test_columns_stay_in_place_whatever_the_event():
    with_event = detection_line(make_detection(event="collision", probabilities={"collision": 1.0})).plain
    assert with_event.index(" v20") == detection_line(make_detection()).plain.index(" v20")


def test_repeats_are_the_same_id_digest_and_finality():
    repeats = Repeats()
    first = make_detection()
    assert repeats.is_new(first)
    assert not repeats.is_new(make_detection(revision=3, stored_ms=1))
    for differing in ({"final": True}, {"digest": "e"}, {"id": "dock-2/0/1"}):
        assert repeats.is_new(make_detection(**differing))
        assert not repeats.is_new(make_detection(**differing))


@settings(max_examples=20)
@given(st.lists(st.integers(0, 6), max_size=30))
def test_a_full_memory_forgets_what_it_has_not_seen_for_longest(digests):
    capacity, repeats, recent = 3, Repeats(3), []
    for digest in digests:
        assert repeats.is_new(make_detection(digest=str(digest))) == (digest not in recent)
        recent = [*(other for other in recent if other != digest), digest][-capacity:]


@pytest.mark.parametrize(
    "arguments", [["tail", "--help"], ["detections", "list", "--help"], ["detections", "show", "--help"]]
)
def test_every_command_explains_itself(arguments):
    app = typer.Typer()
    detections.register(app)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert "--json" in result.output
