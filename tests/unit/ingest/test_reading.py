from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.modality import Modality
from streams.errors import MediaError
from streams.ingest import ReadOptions, open_media
from streams.ingest.lanes import Lane, segment_lane
from streams.ingest.words import Segment

CUES = [(1500, 4200, "a long one"), (1800, 2100, "inside it"), (6900, 7100, "last")]


def test_records_come_in_the_order_in_which_they_are_over(make, read):
    records = read(make(frames=40, sound_s=8, cues=CUES)).records
    dues_ms = [record.due_ms for record in records]
    assert dues_ms == sorted(dues_ms)


def test_no_heartbeat_of_words_goes_beyond_a_segment_still_to_come(make, read):
    records = read(make(frames=40, sound_s=8, cues=CUES)).records
    for place, record in enumerate(records):
        if record.is_heartbeat:
            later = [r.start_ms for r in records[place:] if r.modality is record.modality and not r.is_heartbeat]
            assert record.start_ms <= min(later, default=record.start_ms)


def test_words_beat_each_second_of_a_pause_and_hold_still_while_a_segment_lasts(make, read):
    result = read(make(frames=40, sound_s=8, cues=CUES))
    assert result.heartbeats(Modality.TRANSCRIPT) == [
        (1000, 1000),
        (1500, 2000),
        # 2100 to 3100: the inner segment was sent
        (1500, 4000),
        (6000, 6000),
        (6900, 7000),
        (8000, 8000),
    ]


def test_a_still_picture_beats_and_moving_ones_do_not(make, read):
    still = read(make(frames=40, sound_s=8, still_s=(1.0, 6.0)))
    assert still.heartbeats(Modality.VIDEO) == [(3000, 3000), (4000, 4000), (5000, 5000), (8000, 8000)]
    moving = read(make(frames=40, sound_s=8))
    assert moving.heartbeats(Modality.VIDEO) == [(8000, 8000)]


def test_a_hole_in_the_sound_beats_but_never_beyond_the_chunk_to_come(make, read):
    result = read(make(frames=30, sound_s=6, hole_s=(1.0, 4.5)))
    assert result.heartbeats(Modality.AUDIO) == [(3000, 3000), (4000, 4000), (4500, 5000), (6000, 6000)]


def test_a_modality_that_the_file_lacks_sends_nothing(make, read):
    no_sound = read(make("a.mkv", sound_s=0))
    no_picture = read(make("b.mkv", frames=0))
    assert {record.modality for record in no_sound.records} == {Modality.VIDEO}
    assert {record.modality for record in no_picture.records} == {Modality.AUDIO}


def test_a_modality_that_the_source_has_elsewhere_beats_throughout(make, read):
    result = read(make(frames=20, sound_s=0), expected=frozenset({Modality.AUDIO, Modality.VIDEO}))
    assert result.heartbeats(Modality.AUDIO) == [(2000, 2000), (3000, 3000), (4000, 4000)]


def test_modalities_that_are_not_wanted_are_not_read(make, read):
    result = read(make(cues=CUES[:1]), ReadOptions(modalities=frozenset({Modality.AUDIO})))
    assert {record.modality for record in result.records} == {Modality.AUDIO}


def test_segments_are_cut_where_picture_and_sound_end_and_later_ones_left_out_and_counted(make, read):
    result = read(make(frames=10, sound_s=2, cues=[(1500, 5000, "cut"), (2000, 3000, "gone")]))
    (segment,) = result.contents(Modality.TRANSCRIPT)
    assert (segment.start_ms, segment.due_ms) == (1500, 2000)
    assert result.reading.segments_after_end == 1
    assert result.reading.end_ms == 2000


def test_what_a_cut_file_still_holds_is_read_and_the_rest_told(make, read):
    path = make("clip.mkv", frames=40, sound_s=8)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    result = read(path)
    frames = result.contents(Modality.VIDEO)
    assert 10 < len(frames) < 40
    assert result.reading.missing_ms == 8000 - result.reading.end_ms > 500


def test_a_cut_mp4_with_its_index_in_front_tells_the_same(make, read):
    path = make("clip.mp4", frames=40, sound_s=8, click_s=1.0, options={"movflags": "faststart"})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 8 // 10])
    result = read(path)
    assert 0 < len(result.contents(Modality.VIDEO)) < 40
    assert result.reading.missing_ms > 500


def test_a_whole_file_misses_nothing(make, read):
    reading = read(make(frames=40, sound_s=8)).reading
    assert (reading.missing_ms, reading.damaged_packets) == (0, 0)


def test_a_part_left_unread_on_purpose_is_not_missing(make, read):
    path = make(frames=5, sound_s=8)
    result = read(open_media(path), ReadOptions(modalities=frozenset({Modality.VIDEO})))
    assert result.reading.end_ms == 1000
    assert result.reading.missing_ms == 0


def test_a_file_of_which_nothing_can_be_decoded_is_refused(make, read):
    path = make("clip.mp4", frames=5, sound_s=0)
    content = bytearray(path.read_bytes())
    begin, end = content.index(b"mdat") + 4, content.index(b"moov") - 4
    content[begin:end] = bytes(end - begin)
    path.write_bytes(content)
    with pytest.raises(MediaError, match="not one frame or sample could be decoded"):
        read(path)


def test_thinning_does_not_shorten_the_time_line(make, read):
    result = read(make(frames=10, fps=5, sound_s=0), ReadOptions(fps=Fraction(1)))
    assert len(result.contents(Modality.VIDEO)) == 2
    assert result.reading.end_ms == 2000


@settings(max_examples=20)
@given(
    st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 9_000)), max_size=12),
    st.integers(0, 30_000),
)
def test_a_lane_never_promises_silence_over_a_segment_to_come(spans, now_ms):
    segments = [Segment(start, start + length, b"{}") for start, length in spans]
    segments.sort(key=lambda segment: segment.end_ms)
    lane = segment_lane(segments)
    while lane.head is not None and lane.head.due_ms < now_ms:
        lane.take()
    beat = lane.heartbeat(now_ms)
    if beat is not None:
        unsent = [segment.start_ms for segment in segments if segment.end_ms >= now_ms]
        assert beat.start_ms == min([now_ms, *unsent])


def test_taking_from_a_lane_at_its_end_is_an_error():
    with pytest.raises(IndexError, match="audio is at its end"):
        Lane(Modality.AUDIO).take()
