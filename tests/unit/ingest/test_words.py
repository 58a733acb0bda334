import orjson
import pytest

from processors.modality import Modality
from streams.errors import MediaError
from streams.ingest import ReadOptions, open_media

CUES = [(1001, 2345, "first"), (2345, 3000, "second"), (3_600_123, 3_601_999, "after an hour")]


def lines_of(result):
    return [
        (segment.start_ms, segment.due_ms, orjson.loads(segment.payload)["text"])
        for segment in result.contents(Modality.TRANSCRIPT)
    ]


@pytest.mark.parametrize("name", ["talk.vtt", "talk.srt"])
def test_times_are_exact_to_the_millisecond(make_subtitles, read, name):
    assert lines_of(read(make_subtitles(name, CUES))) == CUES


def test_the_files_own_track_gives_the_same_lines(make, read):
    assert lines_of(read(make(frames=25, cues=CUES[:2], sound_s=5))) == CUES[:2]


def test_markup_and_line_breaks_are_stripped_and_what_looks_like_it_is_kept(tmp_path, read):
    path = tmp_path / "talk.vtt"
    path.write_text(
        "WEBVTT\n\nNOTE a remark\n\nid\n00:01.000 --> 00:02.000 align:start\n"
        "<v Roger>Hi <c.yellow>th<b>er</b>e</c> &amp; <i>you</i> &lt;3\n- two\n"
    )
    assert lines_of(read(path)) == [(1000, 2000, "Hi there & you <3 - two")]


def test_subrip_markup_is_stripped(tmp_path, read):
    path = tmp_path / "talk.srt"
    path.write_text('1\n00:00:01,000 --> 00:00:02,000\n<font color="#ff0000">Café</font>, {\\an8}<i>now</i>\n')
    assert lines_of(read(path)) == [(1000, 2000, "Café, now")]


def test_a_line_without_words_is_left_out(tmp_path, read):
    path = tmp_path / "talk.srt"
    path.write_text("1\n00:00:01,000 --> 00:00:02,000\n<i> </i>\n\n2\n00:00:03,000 --> 00:00:04,000\nyes\n")
    assert lines_of(read(path)) == [(3000, 4000, "yes")]


def test_a_segment_longer_than_the_limit_is_cut_and_keeps_its_words(make_subtitles, read):
    path = make_subtitles("talk.srt", [(1000, 99_000, "credits")])
    assert lines_of(read(path, ReadOptions(max_segment_ms=60_000))) == [(1000, 61_000, "credits")]


@pytest.mark.parametrize(("language", "told"), [("swe", {"language": "swe"}), ("und", {}), (None, {})])
def test_the_language_is_told_where_the_file_tells_it(make, read, language, told):
    (segment,) = read(make(cues=[(0, 500, "hej")], language=language)).contents(Modality.TRANSCRIPT)
    assert orjson.loads(segment.payload) == {"text": "hej"} | told


def test_subtitles_that_are_not_utf8_are_named_with_the_mend(tmp_path, read):
    path = tmp_path / "talk.srt"
    path.write_bytes("1\n00:00:01,000 --> 00:00:02,000\nCafé\n\n".encode("latin-1"))
    with pytest.raises(MediaError, match=r"at 1000 ms of .*talk\.srt is not UTF-8 text; convert"):
        read(path)


def test_a_vtt_that_is_none_is_refused(make, tmp_path, read):
    path = make()
    (tmp_path / "clip.vtt").write_text("hello\nthis is no subtitle\n")
    with pytest.raises(MediaError, match=r"clip\.vtt holds no subtitle and does not begin with WEBVTT"):
        read(path)


def test_a_vtt_without_a_line_is_a_silent_recogniser(make, tmp_path, read):
    path = make()
    (tmp_path / "clip.vtt").write_text("WEBVTT\n")
    result = read(path)
    assert Modality.TRANSCRIPT in open_media(path).modalities
    assert result.heartbeats(Modality.TRANSCRIPT) == [(1000, 1000), (2000, 2000)]
