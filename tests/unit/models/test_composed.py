import numpy as np
import pytest
import torch

from processors.datasets.recordings import TimedEvent
from processors.modality import Modality
from processors.models.composed.answering import answer_stream, moments_ms
from processors.models.composed.decoding import DecodeSettings, decode_events
from processors.models.composed.encoding import EncodedStream
from processors.models.composed.windows import SIZE_MS, evidence_at, pack_window, place_items, window_starts_ms
from processors.models.evaluation.composed import judge_composed, score_streams
from processors.models.evaluation.composed_page import render_composed
from processors.models.evaluation.composed_spread import ComposedSpread
from processors.models.fusion import FusionModel, FusionShape, Task, make_fusion
from processors.models.fusion_training.scenes import Items
from processors.models.spec import CONTRIBUTION_ORDER, EMBEDDING_DIMS
from processors.scenes.schedule import Happening

_CLASSES = ("bark", "crow")
_DECODE = DecodeSettings(begin=0.7, stay=0.4, shortest_ms=800, gap_ms=600)
_MOMENTS = np.arange(500, 20_000, 500, dtype=np.int64)


def _told(values: dict[int, float], decode: DecodeSettings = _DECODE) -> list[tuple[int, int]]:
    probabilities = np.zeros((len(_MOMENTS), 2), np.float32)
    for moment_ms, value in values.items():
        probabilities[np.flatnonzero(moment_ms == _MOMENTS)[0], 0] = value
    return [(event.start_ms, event.end_ms) for event in decode_events(probabilities, _MOMENTS, _CLASSES, decode)]


def test_an_event_begins_and_ends_where_the_probability_crosses() -> None:
    [span] = _told({2000: 0.8, 2500: 0.8, 3000: 0.8})
    assert span == pytest.approx((1750, 3250), abs=1)


def test_what_never_reaches_the_beginning_is_not_told() -> None:
    assert _told({2000: 0.6, 2500: 0.6, 3000: 0.6}) == []


def test_an_event_reaches_as_far_as_the_probability_stays() -> None:
    [(start_ms, end_ms)] = _told({2000: 0.45, 2500: 0.8, 3000: 0.45})
    assert start_ms < 2000
    assert end_ms > 3000


def test_short_events_are_not_told_and_short_gaps_are_closed() -> None:
    assert _told({2000: 0.8}) == []
    assert len(_told({2000: 0.8, 2500: 0.8, 3500: 0.8, 4000: 0.8})) == 1
    assert len(_told({2000: 0.8, 2500: 0.8, 3000: 0.8, 5000: 0.8, 5500: 0.8, 6000: 0.8})) == 2


def test_an_event_at_the_edge_of_a_stream_stays_inside() -> None:
    [(_, end_ms)] = _told({18_500: 0.9, 19_000: 0.9, 19_500: 0.9})
    assert end_ms == 19_500


def _stream(events: tuple[Happening, ...] = (), seconds: int = 20) -> EncodedStream:
    rng = np.random.default_rng(7)
    times_ms = np.arange(0, seconds * 1000, 200, dtype=np.int64)
    chunks_ms = np.arange(0, seconds * 1000, 1000, dtype=np.int64)
    spans = {
        Modality.VIDEO: np.stack([times_ms, times_ms], axis=1),
        Modality.AUDIO: np.stack([chunks_ms, chunks_ms + 1000], axis=1),
        Modality.TRANSCRIPT: np.array([[3000, 5500], [9000, 10_000]], np.int64),
    }
    items = {}
    for modality, spans_ms in spans.items():
        embeddings = rng.standard_normal((len(spans_ms), EMBEDDING_DIMS[modality])).astype(np.float32)
        items[modality] = Items(embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True), spans_ms)
    return EncodedStream("yard", seconds * 1000, items, events)


_BARK = Happening("bark", 4000, 8000, (Modality.VIDEO, Modality.AUDIO), 0)
_CROW = Happening("crow", 12_000, 15_000, (Modality.TRANSCRIPT,), 0)


def test_every_moment_of_a_stream_is_asked_about_once() -> None:
    middles = moments_ms(20_000)
    assert middles[0] == 500
    assert middles[-1] == 19_500
    assert set(np.diff(middles)) == {500}


def test_places_of_items_are_those_that_windows_are_packed_with() -> None:
    stream = _stream()
    for start_ms in window_starts_ms(stream.duration_ms):
        packed = pack_window(stream, int(start_ms))
        for row, modality in enumerate(CONTRIBUTION_ORDER):
            places, times, weights = place_items(stream, modality, int(start_ms))
            items = stream.items[modality].embeddings[places] * (weights > 0)[:, None]
            np.testing.assert_array_equal(items, packed[3 * row] * (packed[3 * row + 2] > 0)[:, None])
            np.testing.assert_array_equal(times, packed[3 * row + 1])
            np.testing.assert_array_equal(weights, packed[3 * row + 2])


def test_a_class_is_carried_where_it_fills_half_of_the_moment() -> None:
    stream = _stream((_BARK,))
    before, filled = evidence_at(stream, 4000 - 600 - SIZE_MS // 2, _CLASSES)
    assert not before.any()
    assert filled[0] == 0.0
    inside, filled = evidence_at(stream, 4100 - SIZE_MS // 2, _CLASSES)
    assert inside[:, 0].tolist() == [1.0, 1.0, 0.0]
    assert filled[0] == pytest.approx(0.6)


def test_what_is_told_of_events_that_the_others_do_not_carry_counts_neither_way() -> None:
    stream = _stream((_BARK, _CROW))
    middles = moments_ms(stream.duration_ms)
    perfect = np.zeros((len(middles), 2), np.float32)
    perfect[(middles >= 4000) & (middles <= 8000), 0] = 1.0
    perfect[(middles >= 12_000) & (middles <= 15_000), 1] = 1.0
    all_events = score_streams([stream], [perfect], _CLASSES, _DECODE)
    assert all_events.event.f1 == 1.0
    seen = score_streams([stream], [perfect], _CLASSES, _DECODE, {Modality.VIDEO})
    assert (seen.event.overall.true, seen.event.overall.told, seen.event.f1) == (1, 1, 1.0)


def test_another_class_told_at_an_event_that_the_others_do_not_carry_is_false_only_strictly() -> None:
    stream = _stream((_BARK, _CROW))
    middles = moments_ms(stream.duration_ms)
    mistaken = np.zeros((len(middles), 2), np.float32)
    mistaken[(middles >= 4000) & (middles <= 8000), 0] = 1.0
    mistaken[(middles >= 12_000) & (middles <= 15_000), 0] = 1.0
    for strictly, told in ((False, 1), (True, 2)):
        seen = score_streams([stream], [mistaken], _CLASSES, _DECODE, {Modality.VIDEO}, strictly=strictly)
        assert (seen.event.overall.true, seen.event.overall.told) == (1, told)


def _model() -> FusionModel:
    torch.manual_seed(0)
    shape = FusionShape(
        modalities={modality.value: EMBEDDING_DIMS[modality] for modality in CONTRIBUTION_ORDER},
        tasks=(Task("event", _CLASSES, is_exclusive=False),),
        width=8,
        moment=SIZE_MS / 2000,
        rhythms=("video",),
    )
    return make_fusion("concat", shape).eval()


def test_only_the_rhythm_of_the_picture_counts() -> None:
    """Turning all embeddings of frames the same way leaves what they have in common, and the answer."""
    stream = _stream()
    turned = _stream()
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((1280, 1280)))[0].astype(np.float32)
    frames = stream.items[Modality.VIDEO]
    turned.items[Modality.VIDEO] = Items(frames.embeddings @ turn, frames.spans_ms)
    model = _model()
    [first], [second] = (answer_stream(model, each, [frozenset(Modality)]) for each in (stream, turned))
    np.testing.assert_allclose(first, second, atol=2e-4)
    still = np.repeat(stream.items[Modality.VIDEO].embeddings[:1], 100, axis=0)
    turned.items[Modality.VIDEO] = Items(still, stream.items[Modality.VIDEO].spans_ms)
    [third] = answer_stream(model, turned, [frozenset(Modality)])
    assert np.abs(first - third).max() > 1e-4


def test_a_report_names_the_best_single_modality_and_every_loss() -> None:
    stream = _stream((_BARK, _CROW))
    report = judge_composed(3, {10.0: [stream], 0.0: [stream]}, _model(), _DECODE)
    document = report.as_json()
    assert set(document["alone"]) == set(document["left_out"]) == {"video", "audio", "transcript"}
    assert set(document["snr"]) == {"10", "0"}
    assert document["best_single"] in document["alone"]
    assert document["left_out"]["video"]["events_that_another_carries"] == 2
    assert document["left_out"]["transcript"]["events_that_others_carry"] == 1
    assert "without audio" in report.as_markdown()


def test_only_who_hears_answers_otherwise_at_another_ratio() -> None:
    clear, quiet = _stream((_BARK, _CROW)), _stream((_BARK, _CROW))
    model = _model()
    [stated] = answer_stream(model, clear, [{Modality.AUDIO}])
    # So that half of what is heard is told.
    model.calibrate(torch.ones(2), -torch.logit(torch.from_numpy(np.median(stated, axis=0))))
    heard = quiet.items[Modality.AUDIO]
    quiet.items[Modality.AUDIO] = Items(-heard.embeddings, heard.spans_ms)
    easily = DecodeSettings(begin=0.5, stay=0.5, shortest_ms=0, gap_ms=0)
    report = judge_composed(3, {10.0: [clear], 0.0: [quiet]}, model, easily)
    alone = report.alone_by_snr
    assert report.alone == {name: scores[10.0] for name, scores in alone.items()}
    assert alone["video"][0.0] == alone["video"][10.0]
    assert alone["audio"][0.0] != alone["audio"][10.0]
    assert report.as_json()["snr"]["0"]["alone"]["audio"]["segment_f1"] == round(alone["audio"][0.0].segment.f1, 4)


def test_truth_and_told_are_timed_events() -> None:
    told = decode_events(np.ones((3, 1), np.float32), _MOMENTS[:3], ("bark",), _DECODE)
    assert told == [TimedEvent("bark", 500, 1500)]


def _spread(seeds: int) -> ComposedSpread:
    stream, model = _stream((_BARK, _CROW)), _model()
    easily = DecodeSettings(begin=0.5, stay=0.5, shortest_ms=0, gap_ms=0)
    [stated] = answer_stream(model, stream, [frozenset(Modality)])
    reports = []
    for seed in range(3, 3 + seeds):
        # So that the first tells nearly nothing, and the next nearly everything.
        usual = torch.from_numpy(np.quantile(stated, 0.9 - 0.8 * (seed - 3), axis=0))
        model.calibrate(torch.ones(2), -torch.logit(usual))
        reports.append(judge_composed(seed, {10.0: [stream], -5.0: [stream]}, model, easily))
    return ComposedSpread(tuple(reports))


def test_several_seeds_give_mean_and_spread_of_every_figure_and_each_seeds_own() -> None:
    spread = _spread(2)
    one, two = spread.reports
    document = spread.as_json()
    assert document["seeds"] == [3, 4]
    assert document["runs"] == [one.as_json(), two.as_json()]
    over = document["over_seeds"]
    figures = [one.scores.segment.f1, two.scores.segment.f1]
    assert figures[0] != figures[1]
    assert over["segment_f1"]["mean"] == pytest.approx(np.mean(figures), abs=1e-4)
    assert over["segment_f1"]["deviation"] == pytest.approx(np.std(figures, ddof=1), abs=1e-4)
    assert over["snr"]["-5"]["alone"]["video"]["event_f1"]["values"] == [
        round(each.alone["video"].event.f1, 4) for each in (one, two)
    ]
    assert set(over["left_out"]["audio"]) == set(one.as_json()["left_out"]["audio"])
    assert set(over["classes"]) == set(_CLASSES)
    text = spread.as_markdown()
    assert f"| segment F1, 10 dB | {figures[0]:.3f} | {figures[1]:.3f} | {spread.segment_f1.as_share()} |" in text
    assert "| video alone |" in text
    columns = {line.count("|") for line in text.split("\n\n")[2].splitlines()}
    assert len(columns) == 1


@pytest.mark.parametrize("seeds", [1, 2])
def test_the_page_draws_the_ratios_the_modalities_the_classes_and_the_calibration(seeds: int) -> None:
    page = render_composed(_spread(seeds), {"scenes": "<yard>"})
    assert page.count("<svg") == 5
    assert "&lt;yard&gt;" in page
    assert "<td>without audio</td>" in page
    assert ("mean ± standard deviation" in page) == (seeds > 1)
    # Bars of the deviation, a path of their own per ratio and line, stand for several seeds alone.
    assert ("LineCollection" in page) == (seeds > 1)
