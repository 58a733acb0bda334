"""Event classes as texts, in settings."""

import pytest
from pydantic import ValidationError

from streams.settings import ModelSettings


def test_without_prompts_the_plan_has_none():
    assert ModelSettings().plan.prompts is None


def test_prompts_are_part_of_the_plan_and_of_its_identity():
    settings = ModelSettings(prompts={"smoke": ["a photo of smoke"]}, prompt_background=["a photo"])
    other = ModelSettings(prompts={"smoke": ["smoke in the street"]}, prompt_background=["a photo"])

    assert settings.plan.prompts is not None
    assert settings.plan.prompts.classes == {"smoke": ("a photo of smoke",)}
    assert settings.plan.identity() != other.plan.identity()
    assert settings.plan.identity() != settings.model_copy(update={"prompt_threshold": 0.7}).plan.identity()


def test_a_trained_fusion_model_and_prompts_exclude_each_other():
    with pytest.raises(ValidationError, match=r"fusion_file is best\.safetensors and prompts name smoke: only one"):
        ModelSettings(fusion_file="best.safetensors", prompts={"smoke": ["a photo of smoke"]})


@pytest.mark.parametrize("change", [{"prompts": {"smoke": []}}, {"prompt_background": []}, {"prompt_threshold": 1.0}])
def test_an_empty_list_of_texts_or_a_threshold_that_is_never_reached_is_refused(change):
    with pytest.raises(ValidationError):
        ModelSettings(**change)
