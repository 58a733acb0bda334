"""Settings check themselves, and say what to mend."""

import pytest

from processors.modality import Modality
from streams.align import AlignSettings, Role


def test_the_defaults_require_video_and_audio_and_leave_the_transcript_optional():
    assert dict(AlignSettings().roles) == {
        Modality.VIDEO: Role.REQUIRED,
        Modality.AUDIO: Role.REQUIRED,
        Modality.TRANSCRIPT: Role.OPTIONAL,
    }


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"size_ms": 99}, "size_ms is 99, expected a whole number of milliseconds from 100"),
        ({"size_ms": 2000.5}, "size_ms is 2000.5, expected a whole number"),
        ({"hop_ms": 0}, "hop_ms is 0, expected a whole number of milliseconds from 1"),
        ({"hop_ms": 4001}, "hop_ms is 4001, expected at most size_ms, 4000"),
        ({"out_of_orderness_ms": -1}, "out_of_orderness_ms is -1"),
        ({"allowed_lateness_ms": -1}, "allowed_lateness_ms is -1"),
        ({"idle_timeout_ms": 0}, "idle_timeout_ms is 0"),
        ({"max_open_ms": 9500}, "max_open_ms is 9500, expected more than .* 9500"),
        ({"roles": {Modality.VIDEO: Role.ABSENT}}, "expected at least one modality"),
        ({"roles": {}}, "expected at least one modality"),
    ],
)
def test_a_setting_out_of_range_is_refused_with_what_was_got_and_expected(wrong, expected):
    with pytest.raises(ValueError, match=expected):
        AlignSettings(**wrong)


@pytest.mark.parametrize(
    "right", [{"size_ms": 100, "hop_ms": 100}, {"hop_ms": 1}, {"hop_ms": 4000}, {"max_open_ms": 9501}]
)
def test_bounds_themselves_are_allowed(right):
    settings = AlignSettings(**right)
    assert {name: getattr(settings, name) for name in right} == right


def test_roles_cannot_change_after_they_were_checked():
    roles = {Modality.VIDEO: Role.REQUIRED}
    settings = AlignSettings(roles=roles)
    roles[Modality.VIDEO] = Role.ABSENT
    assert settings.roles[Modality.VIDEO] is Role.REQUIRED
    with pytest.raises(TypeError):
        settings.roles[Modality.VIDEO] = Role.ABSENT
