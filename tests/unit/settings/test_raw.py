"""What the fusion model takes raw: which settings make which plan."""

import pytest

from processors.modality import Modality
from streams.errors import ConfigurationError
from streams.settings import ModelSettings, RawSettings, load_settings


def test_without_the_setting_all_is_embedded():
    assert ModelSettings().plan.raw == {}


def test_what_is_raw_is_part_of_the_plan_and_of_its_identity():
    settings = ModelSettings(raw=RawSettings(video=8))
    assert settings.plan.raw == {Modality.VIDEO: 8}
    both = ModelSettings(raw=RawSettings(video=8, audio=4)).plan
    assert both.raw == {Modality.VIDEO: 8, Modality.AUDIO: 4}
    assert len({str(plan.identity()) for plan in (ModelSettings().plan, settings.plan, both)}) == 3


@pytest.mark.parametrize("raw", ["{video: -1}", "{audio: 65}", "{transcript: 4}"])
def test_words_and_counts_out_of_range_are_refused_with_their_line(tmp_path, raw):
    path = tmp_path / "braid.yaml"
    path.write_text(f"models:\n  raw: {raw}\n")
    with pytest.raises(ConfigurationError, match=r"braid.yaml:2: models.raw"):
        load_settings(path)
