"""`braid score`: learned from files and folders, one line per window, and what it refuses."""

import csv
import io
import json
import wave
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from processors.models import local_encoders
from streams.cli.app import command_line
from streams.errors import ConfigurationError, MediaError


class PlainEncoders:
    """Embeddings made of colours and levels: what looks and sounds alike is alike."""

    def __init__(self, repository: Path) -> None:
        self.repository = repository

    def encode_pictures(self, squares):
        small = np.stack([cv2.resize(square, (5, 5), interpolation=cv2.INTER_AREA) for square in squares])
        cells = np.concatenate([small, 255 - small], axis=3).astype(np.float16) / 255
        flat = np.concatenate([cells.reshape(len(squares), -1), np.ones((len(squares), 1))], axis=1)
        if "broken" in self.repository.name:
            flat[squares.mean(axis=(1, 2, 3)) > 180] = np.nan
        return (flat / np.linalg.norm(flat, axis=1, keepdims=True)).astype(np.float32), cells

    def encode_seconds(self, seconds):
        spectra = np.abs(np.fft.rfft(seconds[:, :1024], axis=1))[:, ::16] + 1e-6
        return (spectra / np.linalg.norm(spectra, axis=1, keepdims=True)).astype(np.float32)

    def encode_lines(self, lines):
        return np.array([[np.cos(len(line)), np.sin(len(line))] for line in lines], np.float32)


@pytest.fixture(autouse=True)
def encoders(monkeypatch):
    monkeypatch.setattr(local_encoders, "Encoders", PlainEncoders)


def run(*words):
    return CliRunner().invoke(command_line(), ["score", *map(str, words)])


def score(*words, models="models"):
    hop = () if "--hop" in words else ("--hop", "250ms")
    outcome = run("--models", models, "--json", *hop, *words)
    assert outcome.exception is None, outcome.output
    return [json.loads(line) for line in outcome.stdout.splitlines()]


def _walk(number, count=60, thing=False, bright=60, fps=10):
    """A grey scene in which something small walks back and forth; `thing` is something large in it."""
    rng = np.random.default_rng(number)
    scene = cv2.resize(np.random.default_rng(0).integers(bright, bright + 80, (9, 12)).astype(np.uint8), (120, 90))
    for index in range(count):
        frame = scene.astype(np.int16) + rng.integers(-4, 5, scene.shape)
        at = round(50 + 40 * np.sin((index * 10 / fps + 7 * number) / 6))
        frame[40:52, at : at + 6] = 20
        if thing and index >= count // 2:
            frame[20:70, 30:80] = 250
        yield np.clip(frame, 0, 255).astype(np.uint8)


def _folder(path, frames, suffix=".tif"):
    path.mkdir(parents=True)
    for index, frame in enumerate(frames, 1):
        cv2.imwrite(str(path / f"{index}{suffix}"), frame)
    return path


def _video(path, frames, fps=10, size=(120, 90)):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height = size
        for frame in frames:
            shown = av.VideoFrame.from_ndarray(cv2.resize(frame, size), format="gray").reformat(format="yuv420p")
            container.mux(stream.encode(shown))
        container.mux(stream.encode())
    return path


def _sound(path, samples, rate_hz=16_000):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def _hum(seconds, number=0, rate_hz=16_000, tone_hz=120):
    time_s = np.arange(seconds * rate_hz) / rate_hz
    noise = np.random.default_rng(number).normal(0, 0.01, len(time_s))
    return 0.1 * np.sin(2 * np.pi * tone_hz * time_s) + noise


@pytest.fixture
def place(tmp_path):
    for number in range(3):
        _folder(tmp_path / "Train" / f"Train{number + 1:03d}", _walk(number))
    _folder(tmp_path / "Test" / "Test001", _walk(5))
    _folder(tmp_path / "Test" / "Test002", _walk(6, thing=True))
    _folder(tmp_path / "Test" / "Test002_gt", [np.zeros((9, 9), np.uint8)], ".bmp")
    (tmp_path / "Test" / "Test001" / ".DS_Store").write_bytes(b"\0")
    (tmp_path / "Test" / "Test001" / "._1.tif").write_bytes(b"\0")
    return tmp_path


def test_folders_of_grey_pictures_are_clips_and_what_is_unusual_scores_highest(place):
    lines = score("--normal", place / "Train", place / "Test")
    clips = list(dict.fromkeys(line["clip"] for line in lines))
    assert clips == [str(place / "Test" / "Test001"), str(place / "Test" / "Test002")]
    first = [line for line in lines if line["clip"] == clips[0]]
    assert [(line["start_ms"], line["end_ms"]) for line in first] == [(ms, ms + 1000) for ms in range(0, 5001, 250)]
    scores = {True: [], False: []}
    for line in lines:
        scores[line["clip"] == clips[1] and line["end_ms"] > 3000].append(line["score"])
    assert min(scores[True]) > max(scores[False])
    assert max(line["anomaly_p"] for line in lines if line["score"] in scores[True]) < 0.05
    assert all(0 < line["anomaly_p"] <= 1 and line["parts"] for line in lines)


def test_later_anomalies_and_other_clips_change_no_earlier_line(place):
    both = score("--normal", place / "Train", place / "Test")
    alone = score("--normal", place / "Train", place / "Test" / "Test001")
    assert both[: len(alone)] == alone
    reversed_order = score("--normal", place / "Train", place / "Test" / "Test002", place / "Test" / "Test001")
    assert sorted(reversed_order, key=lambda line: (line["clip"], line["start_ms"])) == both


def test_scores_resolve_beyond_what_is_normal(place):
    half = _folder(place / "faint", (np.where(f == 250, 160, f).astype(np.uint8) for f in _walk(6, thing=True)))
    lines = score("--normal", place / "Train", place / "Test" / "Test002", half)
    last = {line["clip"]: line for line in lines}
    strong, faint = last[str(place / "Test" / "Test002")], last[str(half)]
    assert strong["score"] != faint["score"]
    assert max(strong["anomaly_p"], faint["anomaly_p"]) < 0.05


def test_with_learn_what_lasts_becomes_normal(place):
    lasting = _folder(place / "lasting", list(_walk(6, count=600, thing=True))[300:])
    stays = score("--normal", place / "Train", lasting, "--hop", "500ms")
    learns = score("--normal", place / "Train", lasting, "--hop", "500ms", "--learn")
    assert len(stays) == len(learns)
    assert learns[0]["parts"] == stays[0]["parts"]
    assert learns != stays


def test_lines_without_json_are_csv(place):
    outcome = run("--models", "models", "--hop", "250ms", "--normal", place / "Train", place / "Test")
    rows = list(csv.DictReader(io.StringIO(outcome.stdout)))
    lines = score("--normal", place / "Train", place / "Test")
    assert [float(row["score"]) for row in rows] == pytest.approx([line["score"] for line in lines], abs=1e-4)
    assert set(rows[0]) == {"clip", "start_ms", "end_ms", "score", "anomaly_p", "parts", "states", "words"}
    assert {part.split("=")[0] for part in rows[0]["parts"].split()} == set(lines[0]["parts"])


def test_pictures_are_in_order_of_their_numbers_at_the_rate_that_is_given(place):
    lines = score("--normal", place / "Train", place / "Test" / "Test001", "--fps", "5", "--hop", "1s")
    assert [line["start_ms"] for line in lines] == [ms * 1000 for ms in range(12)]
    assert all(line["anomaly_p"] > 0.01 for line in lines)


def test_videos_of_another_size_and_rate_are_scored(place):
    normal = [_video(place / f"{number}.mp4", _walk(number)) for number in range(3)]
    other = _video(place / "other.mkv", _walk(5, count=150, fps=25), fps=25, size=(240, 180))
    lines = score("--normal", normal[0], "--normal", normal[1], "--normal", normal[2], other, normal[2])
    assert {line["clip"] for line in lines} == {str(other), str(normal[2])}
    for clip in (other, normal[2]):
        assert np.median([line["anomaly_p"] for line in lines if line["clip"] == str(clip)]) > 0.1


def test_sound_alone_is_scored_by_what_it_sounds_like(place):
    normal = _sound(place / "hum.wav", _hum(40))
    odd = _hum(10, 3)
    odd[5 * 16_000 : 7 * 16_000] = np.random.default_rng(1).normal(0, 0.3, 2 * 16_000)
    lines = score("--normal", normal, _sound(place / "odd.wav", odd), "--hop", "500ms")
    top = max(lines, key=lambda line: line["score"])
    assert 5000 < top["end_ms"] <= 8000
    assert set(top["parts"]) == {"sound", "loudness", "talk", "states"}


def test_digital_silence_is_scored_and_a_muted_microphone_is_named(place):
    quiet = _sound(place / "quiet.wav", np.zeros(5 * 16_000))
    lines = score("--normal", _sound(place / "hum.wav", _hum(40)), quiet, "--hop", "1s")
    assert all(line["states"] == ["audio.muted"] and line["anomaly_p"] < 0.1 for line in lines)
    lines = score("--normal", _sound(place / "zero.wav", np.zeros(40 * 16_000)), quiet, "--hop", "1s")
    assert all(line["states"] == [] and line["anomaly_p"] == 1 for line in lines)


def test_a_constant_picture_is_scored(place):
    still = _folder(place / "still", [np.full((90, 120), 90, np.uint8)] * 100)
    lines = score("--normal", still, still)
    assert all(line["anomaly_p"] == 1 for line in lines)
    lines = score("--normal", place / "Train", still)
    assert all(line["anomaly_p"] < 0.05 for line in lines)


def test_a_modality_that_was_never_normal_is_not_judged(place):
    lines = score("--normal", place / "Train", _sound(place / "hum.wav", _hum(5)))
    assert all(line["anomaly_p"] == 1 for line in lines)


def test_subtitles_beside_a_file_are_words_and_words_never_heard_are_named(place):
    def spoken(name, odd=False):
        cues = [f"00:00:{n:02d}.000 --> 00:00:{n + 1:02d}.000\nall is well" for n in range(1, 40)]
        if odd:
            cues[4] = "00:00:05.000 --> 00:00:06.000\nfire"
        (place / f"{name}.vtt").write_text("WEBVTT\n\n" + "\n\n".join(cues))
        return _sound(place / f"{name}.wav", _hum(41))

    lines = score("--normal", spoken("normal"), spoken("odd", odd=True), "--hop", "1s")
    assert [line["end_ms"] for line in lines if line["words"]] == [6000]
    assert next(line for line in lines if line["words"])["words"] == ["fire"]


def _spoken(path, odd=False):
    """A transcript beside a recording of 40 s: the same words every second."""
    said = [{"start_ms": 1000 * n, "text": "all is well", "duration_ms": 900} for n in range(40)]
    if odd:
        said[4]["text"] = "fire"
    path.write_text("\n".join(json.dumps(each) for each in said))


def test_a_transcript_in_lines_of_json_beside_a_file_is_read(place):
    for name, odd in (("normal", False), ("odd", True)):
        _sound(place / f"{name}.wav", _hum(40))
        _spoken(place / f"{name}.transcript.jsonl", odd)
    lines = score("--normal", place / "normal.wav", place / "odd.wav", "--hop", "1s")
    assert [(line["end_ms"], line["words"]) for line in lines if line["words"]] == [(5000, ["fire"])]


def test_sound_and_words_beside_a_folder_of_pictures_are_its_own(place):
    for name, odd in (("normal", False), ("odd", True)):
        _folder(place / "heard" / name, _walk(1, count=300))
        _sound(place / "heard" / f"{name}.wav", _hum(31))
        cues = [f"00:00:{n:02d}.000 --> 00:00:{n + 1:02d}.000\nall is well" for n in range(1, 30)]
        if odd:
            cues[4] = "00:00:05.000 --> 00:00:06.000\nfire"
        (place / "heard" / f"{name}.vtt").write_text("WEBVTT\n\n" + "\n\n".join(cues))
    lines = score("--normal", place / "heard" / "normal", place / "heard", "--hop", "1s")
    assert {line["clip"] for line in lines} == {str(place / "heard" / name) for name in ("normal", "odd")}
    assert {"appearance", "sound", "words", "agreement"} <= set(lines[0]["parts"]) | set(lines[1]["parts"])
    odd = [line for line in lines if line["words"]]
    assert [(line["clip"], line["end_ms"]) for line in odd] == [(str(place / "heard" / "odd"), 6000)]
    assert max(line["end_ms"] for line in lines) == 30_000


def test_words_alone_beside_a_folder_of_pictures_are_read(place):
    for name, odd in (("normal", False), ("odd", True)):
        _folder(place / name, _walk(1, count=200))
        _spoken(place / f"{name}.transcript.jsonl", odd)
    lines = score("--normal", place / "normal", place / "odd", "--hop", "1s")
    assert [(line["end_ms"], line["words"]) for line in lines if line["words"]] == [(5000, ["fire"])]


def test_a_line_that_is_no_segment_is_named(place):
    sound = _sound(place / "hum.wav", _hum(30))
    (place / "hum.transcript.jsonl").write_text('{"start_ms": 0, "text": "a"}\n{"text": "b"}\n')
    outcome = run("--models", "models", "--normal", sound, sound)
    assert isinstance(outcome.exception, MediaError)
    assert "hum.transcript.jsonl:2: start_ms: Field required; expected one object a line" in str(outcome.exception)


def test_an_unusual_window_is_explained_by_cells_seconds_and_recordings_with_their_own_times(place):
    normal = [_sound(place / f"hum{hz}.wav", _hum(20, tone_hz=hz)) for hz in (120, 1800)]
    odd = _hum(10, 3)
    odd[5 * 16_000 : 6 * 16_000] = np.random.default_rng(1).normal(0, 0.3, 16_000)
    words = [word for path in normal for word in ("--normal", path)]
    lines = score(*words, _sound(place / "odd.wav", odd), "--window", "2s", "--hop", "1s")
    explained = [line for line in lines if line["explanation"] is not None]
    assert {line["start_ms"] for line in explained} >= {4000, 5000}
    assert all((line["anomaly_p"] <= 0.05) == (line["explanation"] is not None) for line in lines)
    told = next(line["explanation"] for line in explained if line["start_ms"] == 5000)
    assert min(told["seconds"], key=lambda second: second["p"])["start_ms"] == 5000
    everywhere = score(*words, place / "odd.wav", "--window", "2s", "--hop", "1s", "--explain")
    similar = [each for line in everywhere for each in line["explanation"]["similar"]]
    assert {each["clip"] for each in similar} == set(map(str, normal))
    assert all(0 <= each["start_ms"] <= 18_000 and each["start_ms"] % 1000 == 0 for each in similar)


def test_heat_shows_where_in_the_picture_something_is_unusual(place):
    lines = score("--normal", place / "Train", place / "Test" / "Test002")
    last = lines[-1]["explanation"]
    assert {np.shape(rows) for rows in last["heat"].values()} >= {(5, 5)}
    row, column = np.unravel_index(np.argmax(last["heat"]["appearance"]), (5, 5))
    assert 1 <= row <= 3
    assert 1 <= column <= 3


def test_with_learn_similar_windows_are_also_those_of_scored_recordings(place):
    lasting = _folder(place / "lasting", list(_walk(6, count=600, thing=True))[300:])
    lines = score("--normal", place / "Train", lasting, "--hop", "500ms", "--learn", "--explain")
    own = [(line, each) for line in lines for each in line["explanation"]["similar"] if each["clip"] == str(lasting)]
    assert own
    assert all(0 <= each["start_ms"] < line["start_ms"] for line, each in own)


def test_what_is_learned_and_what_is_scored_is_said_first(place):
    one, two = place / "Train" / "Train001", place / "Train" / "Train002"
    outcome = run("--models", "models", "--normal", one, two, place / "Test" / "Test001")
    said = f"learning from 1 recording ({one}), scoring 2 recordings ({two}, {place / 'Test' / 'Test001'})"
    assert outcome.stderr.splitlines()[0] == said


def test_a_window_for_which_a_model_answers_no_number_has_no_score_and_is_counted(place):
    bright = _folder(place / "bright", [*_walk(5, 30), *_walk(5, 30, bright=175)])
    lines = score("--normal", place / "Train", bright, models="broken")
    scored = [line["score"] is not None for line in lines]
    assert scored[:8] == [True] * 8
    assert scored[12:] == [False] * (len(scored) - 12)
    assert "no number" in lines[-1]["unscored"]
    outcome = run("--models", "broken", "--hop", "250ms", "--normal", place / "Train", bright)
    assert f"{scored.count(False)} of {len(scored)} windows have no score" in " ".join(outcome.stderr.split())


def test_normal_windows_without_numbers_are_never_learned(place):
    _folder(place / "Train" / "Train009", _walk(5, 40, bright=175))
    assert score("--normal", place / "Train", place / "Test", models="broken") == score(
        *(word for n in (1, 2, 3) for word in ("--normal", place / "Train" / f"Train00{n}")), place / "Test"
    )


def test_a_normal_set_that_is_too_short_says_how_much_is_missing(place):
    short = _folder(place / "short", _walk(1, 25))
    outcome = run("--models", "models", "--normal", short, place / "Test")
    assert isinstance(outcome.exception, ConfigurationError)
    assert "16 windows that last 2.5 s, expected at least 20 that last 8 s; add 5.5 s" in str(outcome.exception)


def test_a_normal_set_that_is_empty_is_refused(place):
    (place / "empty").mkdir()
    outcome = run("--models", "models", "--normal", place / "empty", place / "Test")
    assert isinstance(outcome.exception, ConfigurationError)
    assert f"{place / 'empty'} holds no recording" in str(outcome.exception)
    outcome = run("--models", "models", "--normal", place / "nowhere", place / "Test")
    assert "does not exist" in str(outcome.exception)


@pytest.mark.parametrize("name", ["cut.mp4", "text.wav"])
def test_a_clip_that_cannot_be_read_is_named(place, name):
    (place / name).write_bytes(b"no media at all")
    outcome = run("--models", "models", "--normal", place / "Train", place / name)
    assert isinstance(outcome.exception, MediaError)
    assert name in str(outcome.exception)


def test_a_picture_that_cannot_be_read_is_named(place):
    (place / "Test" / "Test001" / "17.tif").write_bytes(b"no picture")
    outcome = run("--models", "models", "--normal", place / "Train", place / "Test")
    assert isinstance(outcome.exception, MediaError)
    assert "17.tif" in str(outcome.exception)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--hop", "2s"], "longer than"),
        (["--window", "soon"], "such as 100ms or 1s"),
        (["--fps", "0"], "frames per second"),
        (["--triton", "localhost:8001"], "give one of them"),
        (["--explain"], "with --json only"),
    ],
)
def test_options_that_make_no_sense_are_refused(place, words, told):
    outcome = run("--models", "models", "--normal", place / "Train", place / "Test", *words)
    assert outcome.exit_code == 2
    assert told in " ".join(outcome.output.split()).replace("│ ", "")


def test_p_values_of_a_recording_that_goes_on_beyond_the_warm_up_are_compared(tmp_path, monkeypatch):
    long, short = (_folder(tmp_path / f"{count}", _walk(1, count=count)) for count in (260, 50))
    words = ["evaluate", "pvalues", "--json", "--clip"]
    named = CliRunner().invoke(command_line(), [*words, str(long), "--clip", str(short), "--models", "models"])
    monkeypatch.setenv("BRAID_MODELS__REPOSITORY", "models")
    outcome = CliRunner().invoke(command_line(), [*words, str(long), "--clip", str(short)])
    assert outcome.stdout == named.stdout
    report = json.loads(outcome.stdout)
    assert set(report) == {"seeds", str(long)}
    assert 0 < report[str(long)]["windows"] < 60
    with pytest.raises(ConfigurationError, match="warm-up"):
        CliRunner().invoke(command_line(), [*words, str(short)], catch_exceptions=False)
