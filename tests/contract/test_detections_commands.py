"""`braid detections` against a real Redis."""

import asyncio
import json
import uuid

import pytest
import typer
from typer.testing import CliRunner

from streams.cli import detections
from streams.errors import ConfigurationError
from streams.records import Detection
from streams.settings import Settings
from streams.store import Put, Store

NOW_MS = 1_700_000_000_000


@pytest.fixture
def braid(redis_server, monkeypatch):
    """Run a command line; faults come out as the errors that they are."""
    monkeypatch.setenv("BRAID_REDIS__URL", redis_server.url)
    app = typer.Typer()
    detections.register(app)

    def run(*arguments):
        result = CliRunner().invoke(app, arguments)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def stored(redis_server, make_detection):
    """Five detections of a source of its own, two seconds apart, the first one final."""
    source_id = f"source-{uuid.uuid4().hex}"

    async def put():
        async with Store.connect(Settings(redis={"url": redis_server.url}), lambda: NOW_MS) as store:
            fence = await store.take_token(source_id, 0)
            made = [make_detection(NOW_MS + 2000 * k, source_id=source_id, event="collision") for k in range(5)]
            await store.put_many([Put(detection, fence) for detection in made])
            await store.finalise(made[0].id, "watermark", fence)
            return await store.list_detections(source_id)

    return asyncio.run(put())


def test_list_prints_one_array_in_the_documented_shape(braid, stored):
    result = braid("detections", "list", "--source", stored[0].source_id, "--json")
    assert [Detection.model_validate(entry) for entry in json.loads(result.stdout)] == stored
    assert json.loads(result.stdout)[0]["final"] is True


def test_a_span_may_be_given_in_every_way_of_writing_time(braid, stored):
    for begin in (str(NOW_MS + 2000), "2023-11-14T22:13:22Z"):
        for end in (str(NOW_MS + 6000), "2023-11-14T23:13:26+01:00"):
            command = ["detections", "list", "--source", stored[0].source_id, "--from", begin, "--to", end, "--json"]
            assert [entry["id"] for entry in json.loads(braid(*command).stdout)] == [d.id for d in stored[1:3]]
    recent = braid("detections", "list", "--source", stored[0].source_id, "--from", "-10m", "--json")
    assert json.loads(recent.stdout) == []


def test_a_limit_takes_the_newest_or_from_the_start_that_is_given_the_first(braid, stored):
    command = ["detections", "list", "--source", stored[0].source_id, "--limit", "2", "--json"]
    assert [entry["id"] for entry in json.loads(braid(*command).stdout)] == [d.id for d in stored[-2:]]
    command += ["--from", "0"]
    assert [entry["id"] for entry in json.loads(braid(*command).stdout)] == [d.id for d in stored[:2]]


def test_list_prints_a_line_each_for_people(braid, stored):
    lines = braid("detections", "list", "--source", stored[0].source_id).stdout.splitlines()
    assert len(lines) == 5
    assert all(stored[0].source_id in line for line in lines)
    assert [" final" in line for line in lines] == [True, False, False, False, False]


def test_an_unknown_source_is_said_with_those_that_are_known(braid, stored):
    result = braid("detections", "list", "--source", "nobody")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "No detections of nobody" in result.stderr
    assert stored[0].source_id in result.stderr


def test_show_prints_one_detection(braid, stored):
    assert Detection.from_json(braid("detections", "show", stored[0].id, "--json").stdout) == stored[0]
    assert f'"id": "{stored[0].id}"' in braid("detections", "show", stored[0].id).stdout


def test_show_of_what_is_not_stored_exits_1(braid):
    result = braid("detections", "show", "nobody/0/4000", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "No detection nobody/0/4000" in result.stderr


@pytest.mark.parametrize("arguments", [["show", "nobody"], ["list", "--source", "nobody", "--from", "yesterday"]])
def test_what_cannot_be_read_is_a_persons_to_mend(braid, arguments):
    with pytest.raises(ConfigurationError, match="expected"):
        braid("detections", *arguments)
