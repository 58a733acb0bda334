import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from processors.modality import Modality
from streams.errors import MediaError
from streams.ingest import open_media

CUES = [(100, 900, "hello there")]


def test_a_file_with_all_three_tells_them_all(make):
    media = open_media(make(cues=CUES))
    assert media.modalities == frozenset(Modality)
    assert (media.video.width_px, media.video.height_px, media.video.fps) == (32, 24, 5)
    assert (media.sound.rate_hz, media.sound.channels) == (16_000, 1)
    assert media.duration_ms == 2000
    assert media.states_duration


def test_a_file_without_sound_is_no_error(make):
    assert open_media(make(sound_s=0)).modalities == {Modality.VIDEO}


def test_a_file_without_picture_is_no_error(make):
    assert open_media(make(frames=0)).modalities == {Modality.AUDIO}


def test_a_subtitle_file_alone_is_a_source_of_words(make_subtitles):
    media = open_media(make_subtitles("talk.vtt", CUES))
    assert media.modalities == {Modality.TRANSCRIPT}
    assert media.duration_ms == 900


def test_tracks_that_are_not_asked_for_are_left_out_but_keep_the_origin(make):
    path = make(sound_delay_s=Fraction(1, 2))
    sound_alone = open_media(path, modalities=frozenset({Modality.AUDIO}))
    assert sound_alone.modalities == {Modality.AUDIO}
    assert sound_alone.origin_s == open_media(path).origin_s == 0


@pytest.mark.parametrize("suffix", ["vtt", "srt"])
def test_subtitles_beside_the_file_are_found(make, make_subtitles, suffix):
    beside = make_subtitles(f"clip.{suffix}", CUES)
    assert open_media(make()).words.path == beside


def test_the_files_own_subtitles_win_over_those_beside_it(make, make_subtitles):
    make_subtitles("clip.vtt", CUES)
    path = make(cues=CUES)
    assert open_media(path).words.path == path


def test_the_video_stream_with_the_most_pixels_is_read_unless_another_is_named(tmp_path):
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        tracks = []
        for width_px in (32, 64):
            track = container.add_stream("mpeg4", rate=5)
            track.width, track.height, track.pix_fmt = width_px, 48, "yuv420p"
            tracks.append(track)
        for track in tracks:
            frame = av.VideoFrame.from_ndarray(np.zeros((48, track.width, 3), np.uint8), format="rgb24")
            container.mux(track.encode(frame))
            container.mux(track.encode(None))
    assert open_media(path).video.width_px == 64
    assert open_media(path, video_stream=0).video.width_px == 32
    with pytest.raises(MediaError, match=r"no video stream 7; it has: 0 \(32x48\), 1 \(64x48\)"):
        open_media(path, video_stream=7)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(MediaError, match=r"nowhere\.mp4 does not exist") as caught:
        open_media(tmp_path / "nowhere.mp4")
    assert caught.value.exit_code == 2


def test_a_directory_is_refused_with_the_media_in_it(make, tmp_path):
    make("b.mp4")
    make("a.mkv")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(MediaError, match=r"is a directory; name the files in it that are meant: a.mkv, b.mp4$"):
        open_media(tmp_path)


def test_a_directory_without_media_is_refused(tmp_path):
    with pytest.raises(MediaError, match="is a directory; it holds no media file"):
        open_media(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.mp4", b""),
        ("zeros.mp4", bytes(500)),
        ("notes.txt", b"hello\nworld\n" * 50),
        ("settings.toml", b'[ti:a]\nname = "x"\n' * 20),
        ("page.md", b"# title\n"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n"),
    ],
)
def test_what_is_not_media_is_refused(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MediaError, match=name):
        open_media(path)


def test_an_mp4_whose_index_was_cut_off_is_refused_with_the_reason(make):
    path = make("clip.mp4")
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"moov")])
    with pytest.raises(MediaError, match="cut short"):
        open_media(path)


def test_a_broken_subtitle_file_is_named_and_harmless_when_words_are_not_wanted(make, tmp_path):
    path = make()
    (tmp_path / "clip.srt").write_bytes(bytes(range(256)) * 4)
    with pytest.raises(MediaError, match=r"subtitle file .*clip\.srt cannot be read.*--no-transcript"):
        open_media(path)
    assert Modality.TRANSCRIPT not in open_media(path, modalities=frozenset({Modality.VIDEO})).modalities


def test_a_file_that_may_not_be_opened_is_refused(make, tmp_path):
    path = tmp_path / "loop.mp4"
    path.symlink_to(path)
    with pytest.raises(MediaError, match=r"loop\.mp4"):
        open_media(path)


def test_a_stream_without_a_stated_duration_is_measured(tmp_path, make):
    source = make("clip.mkv", sound_s=0)
    raw = tmp_path / "clip.m4v"
    with av.open(str(source)) as container, raw.open("wb") as file:
        for packet in container.demux(video=0):
            file.write(bytes(packet))
    media = open_media(Path(shutil.copy(raw, tmp_path / "copy.m4v")))
    assert media.duration_ms > 0
    assert not media.states_duration
