from itertools import islice

import pytest

from processors.modality import Modality
from streams.errors import MediaError
from streams.ingest import Playlist, ReadOptions, open_media
from streams.ingest.envelope import Envelope

OPTIONS = ReadOptions(fps=None)


def test_the_next_file_begins_where_the_one_before_ends(make):
    files = [open_media(make("a.mkv", frames=5, sound_s=1)), open_media(make("b.mkv", frames=5, sound_s=1.5))]
    playlist = Playlist(files, OPTIONS)
    chunks = [r for r in playlist.records() if r.modality is Modality.AUDIO and not r.is_heartbeat]
    assert [(chunk.start_ms, chunk.due_ms) for chunk in chunks] == [(0, 1000), (1000, 2000), (2000, 2500)]
    assert playlist.files_read == 2
    assert playlist.duration_ms == 2500


def test_time_goes_on_when_files_repeat(make):
    playlist = Playlist([open_media(make(frames=5, sound_s=1))], OPTIONS, loop=True)
    records = list(islice(playlist.records(), 50))
    dues_ms = [record.due_ms for record in records]
    assert dues_ms == sorted(dues_ms)
    frames_ms = [r.start_ms for r in records if r.modality is Modality.VIDEO and not r.is_heartbeat]
    assert frames_ms[:12] == list(range(0, 2400, 200))


def test_a_file_without_sound_beats_for_it_when_another_has_some(make):
    files = [open_media(make("a.mkv", frames=15, sound_s=0)), open_media(make("b.mkv", frames=5, sound_s=1))]
    playlist = Playlist(files, OPTIONS)
    sound = [r for r in playlist.records() if r.modality is Modality.AUDIO]
    assert playlist.modalities == {Modality.VIDEO, Modality.AUDIO}
    assert [r.start_ms for r in sound if r.is_heartbeat][:2] == [2000, 3000]


def test_nothing_cannot_be_repeated(tmp_path):
    path = tmp_path / "silent.vtt"
    path.write_text("WEBVTT\n")
    with pytest.raises(MediaError, match="lasts 0 ms and cannot be repeated"):
        list(Playlist([open_media(path)], OPTIONS, loop=True).records())


def test_ids_are_unique_over_repetitions_and_the_same_when_read_again(make):
    def ids():
        playlist = Playlist([open_media(make(cues=[(100, 300, "hi")]))], OPTIONS, loop=True)
        envelope = Envelope("dock-1", 1_700_000_000_000, "a clip, näive")
        return [dict(envelope.seal(record).headers)["ce_id"] for record in islice(playlist.records(), 60)]

    first = ids()
    assert len(set(first)) == 60
    assert first == ids()
    assert first[0] == b"a_clip_n_ive-1700000000000-frame-0"
