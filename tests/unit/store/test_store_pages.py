"""The reference pages say what the code does."""

import json
import re
from importlib import resources
from pathlib import Path

import pytest

from streams.records import AudioCoverage, Detection, TranscriptCoverage, VideoCoverage
from streams.records.detections import DETECTION_SCHEMA
from streams.store.baseline_documents import BaselineAbout
from streams.store.keys import Keys
from streams.store.verdicts import Verdict
from streams.store.write_calls import coverage_counters

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
DETECTION_PAGE = (REFERENCE / "detection.md").read_text(encoding="utf-8")
REDIS_PAGE = (REFERENCE / "redis.md").read_text(encoding="utf-8")
SCRIPTS = sorted(
    path.name.removesuffix(".lua") for path in resources.files("streams.store.scripts").iterdir() if ".lua" in path.name
)


def example():
    return re.search(r"```json\n(.*?)```", DETECTION_PAGE, re.DOTALL)[1]


def test_the_example_is_a_detection_with_every_field_in_its_own_order():
    detection = Detection.from_json(example())
    assert detection.schema_ == DETECTION_SCHEMA
    assert json.loads(detection.to_json()) == json.loads(example())
    assert list(json.loads(example())) == list(json.loads(detection.to_json()))


def test_the_table_names_every_field_once_and_no_other():
    fields = [field.alias or name for name, field in Detection.model_fields.items()]
    table = DETECTION_PAGE.split("`coverage` has one object")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == fields


def test_the_coverage_table_names_every_counter():
    table = DETECTION_PAGE.split("`coverage` has one object")[1].split("## ")[0]
    named = set(re.findall(r"^\|[^|]*\| `(\w+)` \|", table, re.MULTILINE))
    parts = (VideoCoverage, AudioCoverage, TranscriptCoverage)
    assert named == {name for part in parts for name in part.model_fields}


def test_the_redis_page_names_every_key():
    keys = Keys()
    every = {
        keys.detection("SOURCE", 0, 1).replace("0/1", "START/SIZE"),
        keys.timeline("SOURCE"),
        keys.expiry("SOURCE"),
        keys.final_through("SOURCE"),
        keys.verdicts("SOURCE"),
        keys.verdict_expiry("SOURCE"),
        keys.judged,
        keys.baseline("SOURCE"),
        keys.lessons("SOURCE"),
        keys.baseline_changes,
        keys.sources,
        keys.generation,
        keys.windows("GROUP"),
        keys.models("GROUP"),
        keys.comparison("GROUP", "MODEL", 1, 2).replace("1/2", "LIVE/SHADOW"),
        keys.fence("GROUP", 0).replace("/0", "/PARTITION"),
        keys.position("GROUP", 0).replace("/0", "/PARTITION"),
    }
    assert set(re.findall(r"^\| `(braid:[^`]*)` \|", REDIS_PAGE, re.MULTILINE)) == every


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_redis_page_names_every_script(name):
    assert f"| `{name}` |" in REDIS_PAGE


def test_the_redis_page_names_every_field_of_a_verdict():
    table = REDIS_PAGE.split("## A verdict")[1].split("## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(Verdict.model_fields)


def test_the_redis_page_names_every_field_of_what_is_known_of_a_baseline():
    table = REDIS_PAGE.split("field of `about`")[1].split("## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(BaselineAbout.model_fields)


def test_the_redis_page_names_every_field_of_the_hash():
    put = (resources.files("streams.store.scripts") / "put.lua").read_text(encoding="utf-8")
    finalise = (resources.files("streams.store.scripts") / "finalise.lua").read_text(encoding="utf-8")
    written = set(coverage_counters(Detection.from_json(example()).coverage))
    for text in (put, finalise):
        for command in re.findall(r"'HSET', KEYS\[1\],(.*?)\n\s*(?:redis|end|else|if)", text, re.DOTALL):
            written |= set(re.findall(r"'([a-z_]+)'", command))
    table = REDIS_PAGE.split("## A detection's hash")[1].split("## ")[0]
    documented = {
        name for row in re.findall(r"^\| ([^|]*) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert documented == written
