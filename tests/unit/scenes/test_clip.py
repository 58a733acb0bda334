from pathlib import Path

import av
import numpy as np
import pytest

from processors.scenes import SceneError, find_packaged_clip, read_clip
from processors.scenes.clip import MAX_CLIP_FRAMES, Backdrop


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds at 10 fps, wider than high, each frame brighter than the one before."""
    path = tmp_path_factory.mktemp("clips") / "ramp.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        for index in range(20):
            pixels = np.full((64, 128, 3), 20 + 10 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path


def test_a_clip_is_thinned_to_the_rate_and_covers_the_size(clip: Path):
    frames = read_clip(clip, width_px=64, height_px=64, fps=5.0)
    assert len(frames) == 10
    assert frames.shape[1:] == (72, 72, 3)
    assert len(frames) <= MAX_CLIP_FRAMES


def test_a_backdrop_plays_back_and_forth_without_a_jump(clip: Path):
    frames = read_clip(clip, width_px=64, height_px=64, fps=10.0)
    backdrop = Backdrop(frames, np.random.default_rng(0), width_px=64, height_px=64, fps=10.0)
    light = [float(backdrop.frame(index / 10).mean()) for index in range(120)]
    assert np.abs(np.diff(light)).max() < 40
    assert max(light) - min(light) > 100


def test_a_single_picture_is_a_backdrop_too():
    backdrop = Backdrop(
        np.full((1, 72, 72, 3), 90, np.uint8), np.random.default_rng(0), width_px=64, height_px=64, fps=5.0
    )
    assert backdrop.frame(3.0).shape == (64, 64, 3)


def test_a_file_that_is_no_video_is_refused_by_name(tmp_path: Path):
    path = tmp_path / "notes.mp4"
    path.write_text("no video in here")
    with pytest.raises(SceneError, match=r"notes\.mp4 cannot be read as video"):
        read_clip(path, width_px=64, height_px=64, fps=5.0)


def test_a_missing_file_is_refused_by_name(tmp_path: Path):
    with pytest.raises(SceneError, match=r"gone\.mp4 cannot be read"):
        read_clip(tmp_path / "gone.mp4", width_px=64, height_px=64, fps=5.0)


def test_a_clip_that_the_package_does_not_ship_is_refused_with_the_mend():
    with pytest.raises(SceneError, match="install it with"):
        find_packaged_clip("no-such-clip.mp4")
