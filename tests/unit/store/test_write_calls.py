from streams.records import AudioCoverage, Coverage, TranscriptCoverage, VideoCoverage
from streams.store.write_calls import coverage_counters

# What the model took in of what is there, and what was left out: they may change either way.
NOT_COVERAGE = {"used", "shed"}


def test_every_count_of_items_samples_and_milliseconds_is_guarded():
    expected = {
        f"{modality}_{name}"
        for modality, part in (
            ("video", VideoCoverage()),
            ("audio", AudioCoverage()),
            ("transcript", TranscriptCoverage()),
        )
        for name in type(part).model_fields
        if name not in NOT_COVERAGE
    }
    assert set(coverage_counters(Coverage())) == expected


def test_counters_are_those_of_their_modality():
    coverage = Coverage(
        video=VideoCoverage(items=1, used=9, shed=9),
        audio=AudioCoverage(items=2, used=9, shed=9, samples=3, covered_ms=4),
        transcript=TranscriptCoverage(items=5, used=9, shed=9),
    )
    assert coverage_counters(coverage) == {
        "video_items": 1,
        "audio_items": 2,
        "audio_samples": 3,
        "audio_covered_ms": 4,
        "transcript_items": 5,
    }
