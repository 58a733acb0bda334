"""`braid baseline` against a real Redis, while nobody owns the source."""

import asyncio
import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import typer
from tritonclient.grpc import service_pb2, service_pb2_grpc
from typer.testing import CliRunner

from processors.normality import Part, PartFeatures, SourceBaseline, WindowFeatures
from streams.cli import baseline
from streams.errors import ConfigurationError
from streams.settings import Settings
from streams.store import MAX_LESSONS, BaselineAbout, BaselineWrite, Put, Store, StoredBaseline

NOW_MS = 1_700_000_000_000
MODELS = {"video_encoder": "1"}


def features_of(start_ms):
    vectors = np.random.default_rng(start_ms).normal(size=(4, 3)).astype(np.float32)
    return WindowFeatures(start_ms, start_ms + 4000, {Part.MOTION: PartFeatures(vectors, (2, 2))})


@pytest.fixture
def braid(redis_server, monkeypatch, tmp_path):
    """Run a command line; faults come out as the errors that they are."""
    monkeypatch.setenv("BRAID_REDIS__URL", redis_server.url)
    monkeypatch.setenv("BRAID_DATA_DIR", str(tmp_path / "nothing-runs-here"))
    app = typer.Typer()
    baseline.register(app)

    def run(*arguments):
        result = CliRunner().invoke(app, ["baseline", *map(str, arguments)])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def in_store(redis_server):
    def run(deed):
        async def call():
            async with Store.connect(Settings(redis={"url": redis_server.url}), lambda: NOW_MS) as store:
                return await deed(store)

        return asyncio.run(call())

    return run


@pytest.fixture
def learned(in_store):
    """Stores a baseline that learned a few windows of a source; gives the source."""

    def learn(through_ms=NOW_MS, models=MODELS, count=3):
        source_id = f"source-{uuid.uuid4().hex}"
        normal = SourceBaseline()
        for number in range(count):
            normal.learn(f"{source_id}/{2000 * number}/4000", features_of(2000 * number))
        about = BaselineAbout(version=count, learned=count, through_ms=through_ms, models=models, written_ms=NOW_MS)

        async def write(store):
            fence = await store.take_token(source_id, 0)
            stored = StoredBaseline(0, about, normal.to_bytes())
            assert await store.baselines.write(BaselineWrite(source_id, fence, stored, ())) == "written"

        in_store(write)
        return source_id

    return learn


@pytest.fixture
def window(in_store, make_detection):
    """Stores a window with features; gives its id."""

    def put(source_id, features=b"features", **fields):
        detection = make_detection(NOW_MS, source_id=source_id, **fields)

        async def store_it(store):
            fence = await store.take_token(source_id, 0)
            await store.put_many([Put(detection, fence, features)])

        in_store(store_it)
        return detection.id

    return put


def test_show_says_what_was_learned_and_taught(braid, learned, window):
    source_id = learned()
    window_id = window(source_id)
    assert braid("teach", window_id, "normal", "--author", "night-shift").exit_code == 0
    shown = braid("show", source_id).stdout
    assert "3 windows learned" in shown
    assert "taught as normal by night-shift" in shown
    assert "not taken up yet" in shown
    document = json.loads(braid("show", source_id, "--json").stdout)
    assert (document["learned"], document["models"], document["lessons"][0]["id"]) == (3, MODELS, window_id)


def test_show_of_a_source_of_which_nothing_is_known_exits_1(braid):
    result = braid("show", f"nothing-{uuid.uuid4().hex}")
    assert result.exit_code == 1
    assert "Nothing was learned" in result.stderr


def test_a_lesson_keeps_the_features_of_its_window_and_is_taken_back(braid, in_store, learned, window):
    window_id = window(source_id := learned())
    braid("teach", window_id, "anomalous")
    [stored] = in_store(lambda store: store.baselines.lessons(source_id))
    assert (stored.lesson.taught_as, stored.features) == ("anomalous", b"features")
    assert braid("teach", window_id, "normal", "--undo").exit_code == 1
    assert braid("teach", window_id, "anomalous", "--undo").exit_code == 0
    assert json.loads(braid("show", source_id, "--json").stdout)["lessons"] == []


def test_a_lesson_on_a_window_that_is_not_stored_is_refused(braid):
    with pytest.raises(ConfigurationError, match="no window gate/0/4000 is stored"):
        braid("teach", "gate/0/4000", "normal")
    with pytest.raises(ConfigurationError, match="expected SOURCE/START_MS/SIZE_MS"):
        braid("teach", "gate", "normal")


def test_one_lesson_too_many_names_the_mend(braid, in_store, learned, window):
    from streams.store import Lesson  # noqa: PLC0415

    window_id = window(source_id := learned())

    async def fill(store):
        for number in range(MAX_LESSONS):
            await store.baselines.teach(f"{source_id}/{number}/4000", Lesson(taught_as="normal", at_ms=1), b"x")

    in_store(fill)
    with pytest.raises(ConfigurationError, match="take one back first"):
        braid("teach", window_id, "normal")


def test_an_export_read_back_at_its_source_changes_nothing_but_the_epoch(braid, in_store, learned, tmp_path):
    source_id = learned()
    before = in_store(lambda store: store.baselines.read(source_id))
    braid("export", source_id, tmp_path / "b.baseline")
    braid("import", source_id, tmp_path / "b.baseline")
    after = in_store(lambda store: store.baselines.read(source_id))
    assert (after.epoch, after.state) == (before.epoch + 1, before.state)
    assert after.about.through_ms == before.about.through_ms
    assert after.about.learned == before.about.learned


def test_an_import_elsewhere_goes_on_where_that_source_is(braid, in_store, learned, tmp_path):
    here, there = learned(through_ms=NOW_MS + 10_000), learned(through_ms=NOW_MS, count=7)
    braid("export", here, tmp_path / "b")
    assert "goes on from 3 windows" in braid("import", there, tmp_path / "b").stdout
    found = in_store(lambda store: store.baselines.read(there))
    assert (found.about.learned, found.about.through_ms) == (3, NOW_MS)
    fresh = f"fresh-{uuid.uuid4().hex}"
    braid("import", fresh, tmp_path / "b")
    assert in_store(lambda store: store.baselines.read(fresh)).about.through_ms is None


def test_a_baseline_of_other_encoders_is_refused_with_both_or_begun_anew(braid, in_store, learned, tmp_path):
    here, there = learned(models={"video_encoder": "2"}), learned()
    braid("export", here, tmp_path / "b")
    with pytest.raises(ConfigurationError, match=r"learned from video_encoder 2, .* has video_encoder 1"):
        braid("import", there, tmp_path / "b")
    assert in_store(lambda store: store.baselines.read(there)).about.learned == 3
    assert "begins anew" in braid("import", there, tmp_path / "b", "--relearn").stdout
    found = in_store(lambda store: store.baselines.read(there))
    assert (found.state, found.about.learned, found.about.through_ms) == (b"", 0, NOW_MS)


def test_the_encoders_of_a_source_that_has_learned_nothing_are_those_of_its_answers(braid, learned, window, tmp_path):
    braid("export", learned(models={"video_encoder": "2"}), tmp_path / "b")
    fresh = f"fresh-{uuid.uuid4().hex}"
    window(fresh, models={"video_encoder": "1", "fusion": "4"})
    with pytest.raises(ConfigurationError, match="video_encoder 2"):
        braid("import", fresh, tmp_path / "b")


@pytest.fixture
def triton(monkeypatch):
    """Serves an index of models over a real gRPC connection."""

    class Servicer(service_pb2_grpc.GRPCInferenceServiceServicer):
        def RepositoryIndex(self, request, context):  # noqa: N802 - the protocol's name
            entry = service_pb2.RepositoryIndexResponse.ModelIndex
            versions = [("video_encoder", "1", "READY"), ("video_encoder", "2", "READY"), ("video_encoder", "3", "")]
            return service_pb2.RepositoryIndexResponse(
                models=[entry(name=name, version=version, state=state) for name, version, state in versions]
            )

    server = grpc.server(ThreadPoolExecutor(1))
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Servicer(), server)
    monkeypatch.setenv("BRAID_TRITON__GRPC", f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
    server.start()
    yield
    server.stop(None).wait()


@pytest.mark.usefixtures("triton")
def test_the_encoders_of_a_source_without_an_answer_are_those_that_are_served(braid, learned, tmp_path):
    fresh = f"fresh-{uuid.uuid4().hex}"
    braid("export", learned(models={"video_encoder": "1"}), tmp_path / "old")
    braid("export", learned(models={"video_encoder": "2"}), tmp_path / "new")
    with pytest.raises(ConfigurationError, match=rf"learned from video_encoder 1, {fresh} has video_encoder 2"):
        braid("import", fresh, tmp_path / "old")
    said = braid("import", fresh, tmp_path / "new").stdout
    assert "goes on from 3 windows" in said
    assert "not compared" not in said


def test_encoders_that_cannot_be_compared_are_named(braid, learned, tmp_path, monkeypatch):
    monkeypatch.setenv("BRAID_TRITON__GRPC", "127.0.0.1:9")
    braid("export", learned(), tmp_path / "b")
    said = braid("import", f"fresh-{uuid.uuid4().hex}", tmp_path / "b").stdout
    assert "not compared: whether video_encoder 1" in said


def test_a_baseline_that_is_too_large_is_refused_with_both_sizes(braid, learned, in_store, tmp_path):
    source_id, path = learned(), tmp_path / "b"
    braid("export", source_id, path)
    large = SourceBaseline(capacity=100)
    large.learn(f"{source_id}/0/4000", features_of(0))
    path.write_bytes(b"\n".join([*path.read_bytes().split(b"\n", 3)[:3], large.to_bytes()]))
    with pytest.raises(ConfigurationError, match=rf"has {len(large.to_bytes())} bytes, expected at most {64 * 1024}"):
        braid("import", source_id, path)
    assert in_store(lambda store: store.baselines.read(source_id)).about.learned == 3


def test_show_says_whether_a_source_is_warm_or_how_much_is_missing(braid, learned):
    young, warm = learned(count=3), learned(count=300)
    assert "warming up: at least 226 more windows" in braid("show", young).stdout
    document = json.loads(braid("show", young, "--json").stdout)
    assert (document["is_warm"], document["windows_missing"]) == (False, 226)
    assert "warm: its windows are judged" in braid("show", warm).stdout
    document = json.loads(braid("show", warm, "--json").stdout)
    assert (document["is_warm"], document["windows_missing"]) == (True, 0)


@pytest.mark.parametrize("spoil", [lambda _: b"", lambda data: data[:-7], lambda data: b"x" + data])
def test_a_file_that_is_no_baseline_is_refused(braid, learned, tmp_path, spoil):
    source_id = learned()
    path = tmp_path / "b"
    braid("export", source_id, path)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ConfigurationError, match="is not a baseline that can be read"):
        braid("import", source_id, path)


def test_nothing_learned_is_not_exported(braid, tmp_path):
    with pytest.raises(ConfigurationError, match="nothing was learned of gate"):
        braid("export", "gate", tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_a_reset_forgets_what_was_learned_and_on_demand_the_lessons(braid, in_store, learned, window):
    source_id = learned()
    braid("teach", window(source_id), "normal")
    braid("reset", source_id)
    found = in_store(lambda store: store.baselines.read(source_id))
    assert (found.epoch, found.state, found.about.learned, found.about.through_ms) == (1, b"", 0, NOW_MS)
    assert len(in_store(lambda store: store.baselines.lessons(source_id))) == 1
    braid("reset", source_id, "--lessons")
    assert in_store(lambda store: store.baselines.lessons(source_id)) == []
