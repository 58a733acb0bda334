"""Whether window settings are those of the group, and which moments a change of them can have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.align import AlignSettings
from streams.errors import ConfigurationError
from streams.settings import Settings
from streams.store import AgreedWindows, WindowCut, WindowCuts, WindowsBefore
from streams.worker.services import align_settings
from streams.worker.window_change import cuts_of, judge, lead_ms, next_change_ms

NOW_MS = 1_800_000_000_000
OLD = WindowCuts(size_ms=4_000, hop_ms=2_000)
AGREED = AgreedWindows(cuts=OLD)
LEAD_MS = 4_000 + 60_000 + 10_000
SOONEST_MS = NOW_MS + LEAD_MS


def settings_of(**windows):
    sources = windows.pop("sources", {})
    own = {source_id: {"windows": each} for source_id, each in sources.items()}
    return Settings(windows={"size_ms": 4_000, "hop_ms": 2_000} | windows, sources=own)


def wait_reason(stored, settings):
    verdict = judge(stored, settings, NOW_MS)
    assert verdict.wanted is None
    return verdict.reason


small_cuts = st.integers(1, 8).flatmap(
    lambda size_ms: st.builds(WindowCut, size_ms=st.just(size_ms), hop_ms=st.integers(1, size_ms))
)
source_cuts = st.dictionaries(st.sampled_from(["a", "b"]), small_cuts, max_size=2)
small_settings = st.builds(
    lambda cut, sources: WindowCuts(size_ms=cut.size_ms, hop_ms=cut.hop_ms, sources=sources), small_cuts, source_cuts
)


@given(before=small_settings, after=small_settings, not_before_ms=st.integers(-50, 500))
def test_the_next_moment_is_the_first_at_which_every_changed_source_ends_one_window_and_begins_another(
    before, after, not_before_ms
):
    def fits(at_ms):
        pairs = [(before.of(source_id), after.of(source_id)) for source_id in ("a", "b", "any other")]
        return all(
            (at_ms - old.size_ms) % old.hop_ms == 0 and at_ms % new.hop_ms == 0 for old, new in pairs if old != new
        )

    # All hops are at most 8, so whatever repeats does so within the least common multiple of 1 to 8.
    found = next((at_ms for at_ms in range(not_before_ms, not_before_ms + 840) if fits(at_ms)), None)
    assert next_change_ms(before, after, not_before_ms) == found


def test_only_what_differs_from_the_others_is_named():
    settings = settings_of(sources={"same": {"idle_timeout_s": 3}, "long": {"size_ms": 8_000}})
    assert cuts_of(settings) == WindowCuts(
        size_ms=4_000, hop_ms=2_000, sources={"long": WindowCut(size_ms=8_000, hop_ms=2_000)}
    )


def test_the_lead_is_counted_from_the_longest_window():
    long = WindowCuts(size_ms=4_000, hop_ms=2_000, sources={"a": WindowCut(size_ms=9_000, hop_ms=2_000)})
    assert lead_ms(OLD, 60_000) == LEAD_MS
    assert lead_ms(long, 0) == 9_000 + 10_000


def test_equal_windows_agree_whatever_else_differs():
    assert judge(AGREED, settings_of(allowed_lateness_ms=1), NOW_MS).wanted == AGREED


def test_a_moment_without_a_change_means_nothing():
    assert judge(AGREED, settings_of(effective_from_ms=1), NOW_MS).wanted == AGREED


@pytest.mark.parametrize(
    "other",
    [{"size_ms": 6_000}, {"hop_ms": 1_000}, {"sources": {"dock-1": {"hop_ms": 1_000}}}],
)
def test_other_windows_wait_and_say_what_was_got_agreed_and_how_to_mend_it(other):
    settings = settings_of(**other)
    reason = wait_reason(AGREED, settings)
    assert f"these settings make windows of {cuts_of(settings)}; the workers of group braid" in reason
    assert "have agreed on 4000 ms every 2000 ms" in reason
    proposed = next_change_ms(OLD, cuts_of(settings), NOW_MS + 600_000)
    assert f"windows.effective_from_ms to the moment from which on the new ones hold: {proposed} (2027-" in reason
    assert judge(AGREED, settings_of(**other, effective_from_ms=proposed), NOW_MS).wanted is not None


CHANGE_MS = next_change_ms(OLD, WindowCuts(size_ms=3_000, hop_ms=1_500), SOONEST_MS)
CHANGED = AgreedWindows(
    cuts=WindowCuts(size_ms=3_000, hop_ms=1_500),
    effective_from_ms=CHANGE_MS,
    earlier=(WindowsBefore(until_ms=CHANGE_MS, cuts=OLD),),
)


def test_a_change_keeps_what_held_before():
    settings = settings_of(size_ms=3_000, hop_ms=1_500, effective_from_ms=CHANGE_MS)
    assert judge(AGREED, settings, NOW_MS).wanted == CHANGED


@pytest.mark.parametrize("from_ms", [CHANGE_MS, None])
@pytest.mark.parametrize("now_ms", [NOW_MS, CHANGE_MS + 10**9])
def test_after_a_change_the_new_windows_agree_with_its_moment_or_without(from_ms, now_ms):
    settings = settings_of(size_ms=3_000, hop_ms=1_500, effective_from_ms=from_ms)
    assert judge(CHANGED, settings, now_ms).wanted == CHANGED


@pytest.mark.parametrize("from_ms", [None, CHANGE_MS - 6_000, CHANGE_MS])
def test_after_a_change_the_earlier_windows_wait(from_ms):
    reason = wait_reason(CHANGED, settings_of(effective_from_ms=from_ms))
    assert f"have agreed on 3000 ms every 1500 ms from {CHANGE_MS} (" in reason


def test_another_moment_for_an_agreed_change_waits():
    settings = settings_of(size_ms=3_000, hop_ms=1_500, effective_from_ms=CHANGE_MS + 6_000)
    assert f"set it to {CHANGE_MS}, or leave it out" in wait_reason(CHANGED, settings)


@pytest.mark.parametrize("off_ms", [-6_000, -1, 1, 1_500, 2_000])
def test_a_moment_that_does_not_fit_is_an_error_that_names_the_next(off_ms):
    settings = settings_of(size_ms=3_000, hop_ms=1_500, effective_from_ms=CHANGE_MS + off_ms)
    expected = CHANGE_MS if off_ms < 0 else CHANGE_MS + 6_000
    with pytest.raises(ConfigurationError, match=f"effective_from_ms is .*: {expected} .* is one") as caught:
        judge(AGREED, settings, NOW_MS)
    assert caught.value.exit_code == 2


def test_between_two_changes_there_is_room_for_a_window():
    before = AgreedWindows(
        cuts=WindowCuts(size_ms=900_000, hop_ms=1_000),
        effective_from_ms=CHANGE_MS,
        earlier=(WindowsBefore(until_ms=CHANGE_MS, cuts=OLD),),
    )
    settings = settings_of(effective_from_ms=CHANGE_MS + 898_000)
    with pytest.raises(ConfigurationError, match=f": {CHANGE_MS + 900_000} .* is one"):
        judge(before, settings, NOW_MS)
    later = settings_of(effective_from_ms=CHANGE_MS + 900_000)
    assert judge(before, later, NOW_MS).wanted.earlier[-1].until_ms == CHANGE_MS + 900_000


def test_windows_that_no_moment_joins_are_said_to_be_so():
    odd = AgreedWindows(cuts=WindowCuts(size_ms=3_000, hop_ms=2_000))
    assert "at no moment" in wait_reason(odd, settings_of(size_ms=4_000, hop_ms=2_000))
    with pytest.raises(ConfigurationError, match="at no moment"):
        judge(odd, settings_of(size_ms=4_000, hop_ms=2_000, effective_from_ms=SOONEST_MS), NOW_MS)


wide_settings = st.builds(
    lambda common, own: settings_of(**common, sources={"dock-1": own}),
    *[
        st.sampled_from([(4_000, 2_000), (3_000, 1_500), (1_000, 1_000), (700, 200)]).map(
            lambda cut: {"size_ms": cut[0], "hop_ms": cut[1]}
        )
    ]
    * 2,
)


@given(steps=st.lists(wide_settings, min_size=1, max_size=4))
def test_whatever_changes_are_accepted_the_aligner_accepts_them_for_every_source(steps):
    agreed = AgreedWindows(cuts=cuts_of(steps[0]))
    for settings in steps[1:]:
        reach_ms = NOW_MS if not agreed.earlier else agreed.earlier[-1].until_ms
        at_ms = next_change_ms(agreed.cuts, cuts_of(settings), reach_ms + LEAD_MS)
        if at_ms is not None and cuts_of(settings) != agreed.cuts:
            windows = settings.windows.model_copy(update={"effective_from_ms": at_ms})
            agreed = judge(agreed, settings.model_copy(update={"windows": windows}), NOW_MS).wanted
    for source_id in ("dock-1", "dock-2"):
        cut = agreed.cuts.of(source_id)
        final = settings_of(size_ms=cut.size_ms, hop_ms=cut.hop_ms)
        assert isinstance(align_settings(final, agreed, source_id), AlignSettings)
