from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from processors.modality import Modality
from streams.ingest import ReadOptions
from streams.ingest.picture import encode_jpeg


def pixels_of(jpeg):
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


def test_every_frame_is_read_when_none_is_thinned_out(make, read):
    frames = read(make(frames=10, fps=5, sound_s=0)).contents(Modality.VIDEO)
    assert [frame.start_ms for frame in frames] == list(range(0, 2000, 200))
    assert all(frame.due_ms == frame.start_ms for frame in frames)


def test_times_are_floored_to_milliseconds(make, read):
    frames = read(make("clip.mp4", frames=4, fps=Fraction(30000, 1001), sound_s=0)).contents(Modality.VIDEO)
    assert [frame.start_ms for frame in frames] == [index * 1001 * 1000 // 30000 for index in range(4)]


@pytest.mark.parametrize("container", ["mkv", "mp4"])
def test_thinning_takes_one_frame_per_point_of_the_grid(make, read, container):
    path = make(f"clip.{container}", frames=60, fps=30, sound_s=0)
    frames = read(path, ReadOptions(fps=Fraction(5))).contents(Modality.VIDEO)
    assert [round(frame.start_ms / 200) for frame in frames] == list(range(10))
    assert all(abs(frame.start_ms - 200 * index) <= 1 for index, frame in enumerate(frames))


def test_thinning_to_the_files_own_rate_loses_nothing_though_matroska_rounds_times(make, read):
    path = make(frames=60, fps=30, sound_s=0)
    assert len(read(path, ReadOptions(fps=Fraction(30))).contents(Modality.VIDEO)) == 60


def test_thinning_to_a_higher_rate_doubles_nothing(make, read):
    path = make(frames=10, fps=5, sound_s=0)
    assert len(read(path, ReadOptions(fps=Fraction(25))).contents(Modality.VIDEO)) == 10


def test_each_point_of_the_grid_takes_its_nearest_frame(make, read):
    path = make("clip.mp4", frames=25, fps=Fraction(25, 2), sound_s=0)
    frames = read(path, ReadOptions(fps=Fraction(5))).contents(Modality.VIDEO)
    assert all(abs(frame.start_ms - 200 * index) <= 40 for index, frame in enumerate(frames))
    assert len(frames) == 10


@pytest.mark.parametrize(
    ("box_px", "expected"),
    [((40, 40), (40, 30)), ((640, 640), (80, 60)), (None, (80, 60)), ((80, 15), (20, 15))],
)
def test_a_frame_is_shrunk_into_the_box_and_keeps_its_shape(make, read, box_px, expected):
    path = make(frames=1, size=(80, 60), sound_s=0)
    (frame,) = read(path, ReadOptions(box_px=box_px)).contents(Modality.VIDEO)
    height_px, width_px = pixels_of(frame.payload).shape[:2]
    assert (width_px, height_px) == expected


def test_colours_survive(make, read):
    (frame,) = read(make(frames=1, colour=(220, 30, 60), sound_s=0)).contents(Modality.VIDEO)
    blue, green, red = pixels_of(frame.payload).mean(axis=(0, 1))
    assert red == pytest.approx(220, abs=12)
    assert green == pytest.approx(30, abs=12)
    assert blue == pytest.approx(60, abs=12)


def test_a_lower_quality_makes_a_smaller_jpeg():
    noise = np.random.default_rng(5).integers(0, 255, (48, 64, 3), np.uint8)
    frame = av.VideoFrame.from_ndarray(noise, format="rgb24")
    assert len(encode_jpeg(frame, ReadOptions(jpeg_quality=20))) < len(encode_jpeg(frame, ReadOptions(jpeg_quality=95)))


def test_a_picture_taken_sideways_is_turned_upright(tmp_path, read):
    path = tmp_path / "phone.mp4"
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[:, :48] = 255  # bright on the left of the sensor
    with av.open(str(path), "w") as container:
        track = container.add_stream("mpeg4", rate=5)
        track.width, track.height, track.pix_fmt = 96, 64, "yuv420p"
        track.set_display_rotation(-90)  # to be shown a quarter turn clockwise
        container.mux(track.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(track.encode(None))
    (frame,) = read(path, ReadOptions(box_px=(32, 96))).contents(Modality.VIDEO)
    upright = pixels_of(frame.payload)
    assert upright.shape[:2] == (48, 32)
    assert upright[:20].mean() > 200  # what was left is on top
    assert upright[28:].mean() < 50
