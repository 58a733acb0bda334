"""Judging recordings as a stream would be: from nothing on, each window before it is learned."""

from collections.abc import Sequence

from processors.models.observing import ItemEncoders, is_finite, windows
from processors.normality import SourceBaseline, extract
from processors.normality.motion import RecentMotion
from streams.scoring.clips import Clip
from streams.scoring.run import Scoring

__all__ = ["judge_online"]


def judge_online(clips: Sequence[Clip], encoders: ItemEncoders, scoring: Scoring) -> dict[str, list[float]]:
    """P-values of each recording, by a baseline of its own.

    Args:
        clips: recordings of nothing unusual.
        encoders: that embed the items.
        scoring: how recordings are cut.

    Returns:
        Name -> the p-value of each window after the warm-up; recordings that end in it are left out.

    Raises:
        MediaError: a recording cannot be read; names it.
    """
    told: dict[str, list[float]] = {}
    for clip in clips:
        baseline, motion_of = SourceBaseline(), RecentMotion()
        for each in windows(clip.observe(encoders, 0), scoring.window_ms, scoring.hop_ms):
            if not is_finite(each):
                continue
            window_id = f"recording/{each.start_ms}/{scoring.window_ms}"
            judgement = baseline.learn(window_id, extract(each, motion_of))
            if not judgement.warming_up:
                told.setdefault(clip.name, []).append(judgement.anomaly_p)
    return told
