"""`braid label` against a real Redis."""

import asyncio
import json
import uuid

import pytest
import typer
from typer.testing import CliRunner

from streams.cli import label
from streams.errors import ConfigurationError
from streams.settings import Settings
from streams.store import LiveModels, ModelVersions, Put, Store

NOW_MS = 1_700_000_000_000
CLASSES = ("collision", "fire_alarm")


@pytest.fixture
def braid(redis_server, monkeypatch):
    """Run a command line; faults come out as the errors that they are."""
    monkeypatch.setenv("BRAID_REDIS__URL", redis_server.url)
    app = typer.Typer()
    label.register(app)

    def run(*arguments):
        result = CliRunner().invoke(app, ["label", *arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def put(redis_server, make_detection):
    """Stores answers of one source, two seconds apart, and makes all but the last one final. Gives their ids."""
    source_id = f"source-{uuid.uuid4().hex}"

    def put(*answers):
        made = [
            make_detection(NOW_MS + 2000 * k, source_id=source_id, **({"models": {"fusion": "1"}} | answer))
            for k, answer in enumerate(answers)
        ]

        async def store_all():
            async with Store.connect(Settings(redis={"url": redis_server.url}), lambda: NOW_MS) as store:
                fence = await store.take_token(source_id, 0)
                await store.put_many([Put(detection, fence) for detection in made])
                for detection in made[:-1]:
                    await store.finalise(detection.id, "watermark", fence)

        asyncio.run(store_all())
        return [detection.id for detection in made]

    return put


def said(collision, fire_alarm, angle=0.0, **fields):
    """An answer of the model; embeddings of angles that differ by a right angle are far apart."""
    turned = {0: (1.0, 0.0), 90: (0.0, 1.0), 180: (-1.0, 0.0)}[angle]
    return {
        "probabilities": dict(zip(CLASSES, (collision, fire_alarm), strict=True)),
        "embedding": turned,
        **fields,
    }


def listed(braid, window_id):
    source_id = window_id.split("/")[0]
    return json.loads(braid("list", "--source", source_id, "--json").stdout)


def test_a_verdict_speaks_of_every_class_of_the_model_that_answered(braid, put):
    first, second, _ = put(said(0.2, 0.9), said(0.2, 0.9), said(0.2, 0.9))
    assert "fire_alarm" in braid("set", first, "fire_alarm", "--author", "night-shift").stdout
    assert braid("set", second, "none").exit_code == 0
    one, other = listed(braid, first)
    assert one.pop("at_ms") <= other.pop("at_ms")
    place = {"source_id": first.split("/")[0], "asked": list(CLASSES)}
    assert one == place | {
        "id": first,
        "start_ms": NOW_MS,
        "end_ms": NOW_MS + 4000,
        "classes": ["fire_alarm"],
        "author": "night-shift",
    }
    assert other == place | {
        "id": second,
        "start_ms": NOW_MS + 2000,
        "end_ms": NOW_MS + 6000,
        "classes": [],
        "author": None,
    }


def test_the_last_verdict_counts_and_may_be_taken_back(braid, put):
    [window_id] = put(said(0.2, 0.9))
    braid("set", window_id, "none")
    braid("set", window_id, "fire_alarm", "collision")
    assert [one["classes"] for one in listed(braid, window_id)] == [["collision", "fire_alarm"]]
    assert braid("unset", window_id).exit_code == 0
    again = braid("unset", window_id)
    assert (again.exit_code, "No verdict on" in again.stderr) == (1, True)
    assert listed(braid, window_id) == []


def test_a_new_class_is_taken_on_request_and_asked_for_of_the_source_from_then_on(braid, put):
    before, new, after = put(*[said(0.2, 0.9)] * 3)
    braid("set", before, "collision")
    braid("set", new, "smoke", "fire_alarm", "--new")
    braid("set", after, "none")
    verdicts = listed(braid, new)
    assert [one["asked"] for one in verdicts] == [[*CLASSES], [*CLASSES, "smoke"], [*CLASSES, "smoke"]]
    assert [one["classes"] for one in verdicts] == [["collision"], ["fire_alarm", "smoke"], []]


def test_lists_of_all_sources_hold_each_ones(braid, put):
    [window_id] = put(said(0.2, 0.9))
    braid("set", window_id, "collision")
    assert window_id in [one["id"] for one in json.loads(braid("list", "--json").stdout)]
    assert window_id in braid("list").stdout


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["smoke"], "no class smoke; expected one or more of collision, fire_alarm, or none alone"),
        (["none", "collision"], "no class none"),
        (["none", "collision", "--new"], "no class none"),
        (["red smoke", "--new"], "no class red smoke"),
        (["collision", "collision"], "got collision collision"),
        (["collision", "--author", "night\x1b[2J"], "the author is"),
    ],
)
def test_what_cannot_be_a_verdict_is_refused_and_changes_nothing(braid, put, words, fault):
    [window_id] = put(said(0.2, 0.9))
    with pytest.raises(ConfigurationError, match=fault):
        braid("set", window_id, *words)
    assert listed(braid, window_id) == []


@pytest.mark.parametrize(
    ("window_id", "fault"), [("nobody/0/4000", "no window nobody/0/4000 is stored"), ("nobody", "SOURCE/START_MS")]
)
def test_a_window_that_is_not_stored_is_said_with_what_ids_look_like(braid, window_id, fault):
    with pytest.raises(ConfigurationError, match=fault) as refused:
        braid("set", window_id, "none")
    assert "SOURCE/START_MS/SIZE_MS" in str(refused.value)


def test_a_window_that_the_model_failed_on_is_asked_the_classes_of_the_latest_answer(braid, put):
    failed, *_ = put({"failed": "fuse.failed"}, said(0.2, 0.9), {"failed": "fuse.failed"})
    braid("set", failed, "collision")
    assert [one["asked"] for one in listed(braid, failed)] == [list(CLASSES)]


def test_without_any_answer_the_classes_are_not_known(braid, put):
    failed, _ = put({"failed": "fuse.failed"}, {"failed": "fuse.failed"})
    with pytest.raises(ConfigurationError, match="which classes there are is not known"):
        braid("set", failed, "collision")


def suggested(braid, window_id, *arguments):
    source_id = window_id.split("/")[0]
    return json.loads(braid("suggest", "--source", source_id, "--since", "0", "--json", *arguments).stdout)


def test_what_teaches_most_is_suggested_first_with_its_reasons(braid, put):
    torn = {"video": {"collision": 0.5}, "audio": {"collision": -0.4, "fire_alarm": 0.1}}
    sure, unsure, disputed, _ = put(
        said(0.0, 1.0), said(0.0, 0.45, angle=90), said(1.0, 0.0, angle=180, contributions=torn), said(0.0, 0.0)
    )
    found = suggested(braid, sure)
    assert [one["id"] for one in found["windows"]] == [unsure, disputed, sure]
    assert (found["weighed"], found["judged"], found["left_out"]) == (3, 0, 1)
    first, second, third = found["windows"]
    assert (first["uncertain_class"], second["disputed_class"]) == ("fire_alarm", "collision")
    assert first["reasons"][0].startswith("unsure of fire_alarm: 0.45, an event from")
    assert "video speaks for collision (+0.50), audio against it (-0.40)" in second["reasons"]
    assert third["uncertainty"] == 0.0


def test_what_is_near_an_event_is_said_by_the_live_version_s_own_thresholds(braid, put, redis_server, monkeypatch):
    group = f"group-{uuid.uuid4().hex}"
    versions = ModelVersions(live=1, highest=1).deployed(2, {"collision": 0.9, "fire_alarm": 0.25}).promoted(2)

    async def promote():
        async with Store.connect(Settings(redis={"url": redis_server.url}), lambda: NOW_MS) as store:
            await store.agree_on_models(group, None, LiveModels().changed("fusion", versions))

    asyncio.run(promote())
    monkeypatch.setenv("BRAID_KAFKA__GROUP", group)
    window_id, _ = put(said(0.0, 0.25), said(0.0, 0.25))
    [found] = suggested(braid, window_id)["windows"]
    assert found["reasons"][0] == "unsure of fire_alarm: 0.25, an event from 0.25 on"


def test_a_verdict_takes_a_window_and_those_like_it_from_the_top(braid, put):
    judged, alike, other, _ = put(said(0.4, 0.5), said(0.4, 0.5), said(0.4, 0.8, angle=90), said(0.0, 0.0))
    assert suggested(braid, judged, "--limit", "1")["windows"][0]["id"] in (judged, alike)
    braid("set", judged, "none")
    found = suggested(braid, judged)
    assert [one["id"] for one in found["windows"]] == [other, alike]
    assert (found["weighed"], found["judged"]) == (2, 1)
    assert found["windows"][1]["reasons"][-1] == "like one with a verdict or above it (distance 0.00 of 1)"


def test_answers_of_other_models_than_the_newest_are_left_out(braid, put):
    old, new, _ = put(said(0.5, 0.5, models={"fusion": "1"}), said(0.5, 0.5, models={"fusion": "2"}), said(0.5, 0.5))
    found = suggested(braid, old)
    assert [one["id"] for one in found["windows"]] == [new]
    assert found["left_out"] == 2


def test_suggestions_for_people_name_window_and_reasons(braid, put):
    window_id, _ = put(said(0.2, 0.5), said(0.2, 0.5))
    shown = braid("suggest", "--source", window_id.split("/")[0], "--since", "0")
    assert window_id in shown.stdout
    assert "unsure of fire_alarm" in shown.stdout
    assert "1 windows weighed, 0 with a verdict, 1 left out" in shown.stderr


def test_without_a_time_only_windows_are_suggested_whose_records_may_still_be_on_kafka(braid, put):
    window_id, _ = put(said(0.2, 0.5), said(0.2, 0.5))
    found = json.loads(braid("suggest", "--source", window_id.split("/")[0], "--json").stdout)
    assert found == {"windows": [], "weighed": 0, "judged": 0, "left_out": 0}
