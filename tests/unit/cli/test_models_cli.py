"""`braid models`: what is refused before anything is asked, and how versions are shown."""

import json

import pytest
from typer.testing import CliRunner

from streams.cli import model_reports
from streams.cli.app import command_line
from streams.cli.terminal import make_console
from streams.errors import ConfigurationError
from streams.inference import ServedVersion
from streams.store import Comparison, DifferingWindow, ModelVersions
from streams.versions import ComparedVersions, VersionDesk
from streams.versions.overview import overview_of

NOWHERE = {"BRAID_TRITON__GRPC": "127.0.0.1:1", "BRAID_REDIS__URL": "redis://127.0.0.1:1/0"}
SERVED = [ServedVersion("fusion", 1, "READY", ""), ServedVersion("fusion", 3, "UNAVAILABLE", "no memory")]
USUAL = {"crash": 0.5, "glass_break": 0.5}
VERSIONS = (
    ModelVersions(live=1, highest=3)
    .deployed(2, USUAL)
    .promoted(2)
    .promoted(1)
    .deployed(3, {"crash": 0.4, "glass_break": 0.65})
    .shadowed(3)
)
DIFFERING = DifferingWindow(
    window_id="dock-1/0/4000",
    event_class="crash",
    live_probability=0.125,
    shadow_probability=0.875,
    live_event=None,
    shadow_event="crash",
)
TOTAL = Comparison(
    answers=200,
    other_event=5,
    difference_sum=2.5,
    difference_max=0.75,
    most_different="dock-1/0/4000",
    differing=(DIFFERING,),
)


def run(tmp_path, *arguments):
    data_dir = ["--data-dir", str(tmp_path)]
    return CliRunner().invoke(command_line(), ["models", *arguments, *data_dir], env=NOWHERE)


@pytest.fixture
def standing(monkeypatch):
    """How things stand, without a Triton."""
    compared = ComparedVersions.of(1, 3, TOTAL)
    models = [
        overview_of(
            "audio_encoder", [1], [ServedVersion("audio_encoder", 1, "READY", "")], None, None, {}, swappable=False
        ),
        overview_of("fusion", [1, 2, 3], SERVED, VERSIONS, compared, USUAL, swappable=True),
    ]

    async def overview(_desk):
        return models

    monkeypatch.setattr(VersionDesk, "overview", overview)


@pytest.mark.parametrize(
    "arguments",
    [
        ("deploy", "audio_encoder", "better.onnx"),
        ("shadow", "audio_encoder", "2"),
        ("shadow", "audio_encoder", "2", "--off"),
        ("promote", "audio_encoder", "2"),
        ("rollback", "audio_encoder"),
        ("remove", "audio_encoder", "2"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_an_encoder_is_not_swapped_and_the_reason_is_said(tmp_path, arguments):
    refused = run(tmp_path, *arguments).exception
    assert isinstance(refused, ConfigurationError)
    assert "audio_encoder is an encoder" in str(refused)
    assert "Only fusion can be swapped" in str(refused)


def test_a_model_that_nobody_knows_is_refused(tmp_path):
    assert "expected fusion (models.fusion)" in str(run(tmp_path, "promote", "fusoin", "2").exception)


def test_a_repository_that_is_not_there_is_refused_with_the_setting_that_names_it(tmp_path, monkeypatch):
    monkeypatch.delenv("BRAID_MODELS__REPOSITORY", raising=False)
    refused = str(run(tmp_path, "deploy", "fusion", "better.onnx").exception)
    assert str(tmp_path / "models" / "fusion") in refused
    assert "BRAID_MODELS__REPOSITORY" in refused


@pytest.mark.parametrize("arguments", [("promote", "fusion", "0"), ("promote", "fusion", "two"), ("deploy", "fusion")])
def test_arguments_that_make_no_sense_end_with_code_2(tmp_path, arguments):
    assert run(tmp_path, *arguments).exit_code == 2


@pytest.mark.usefixtures("standing")
def test_the_list_is_one_json_document_with_every_version(tmp_path):
    document = json.loads(run(tmp_path, "list", "--json").stdout)

    encoder, fusion = document["models"]
    assert (encoder["swappable"], fusion["swappable"]) == (False, True)
    assert [(each["version"], each["loaded"], each["role"]) for each in fusion["versions"]] == [
        (1, True, "live"),
        (2, False, "previous"),
        (3, False, "shadow"),
    ]
    assert fusion["versions"][2]["reason"] == "no memory"
    assert fusion["comparison"] == {
        "live": 1,
        "shadow": 3,
        "answers": 200,
        "mean_difference": 0.0125,
        "max_difference": 0.75,
        "most_different": "dock-1/0/4000",
        "other_event_share": 0.025,
        "failed": 0,
        "skipped": 0,
        "differences": [DIFFERING.model_dump()],
    }
    assert [each["thresholds"] for each in fusion["versions"]] == [None, None, {"crash": 0.4, "glass_break": 0.65}]


@pytest.mark.usefixtures("standing")
def test_people_see_roles_reasons_and_how_the_shadow_differs(tmp_path):
    lines = [line.split() for line in run(tmp_path, "list").stdout.splitlines()]

    assert ["fusion", "1", "yes", "yes", "live"] in lines
    assert ["fusion", "3", "yes", "no", "no", "memory", "shadow"] in lines
    assert "0.0125 on average, 0.7500 at most (dock-1/0/4000); another event in 2.5%" in " ".join(lines[-1])


@pytest.mark.usefixtures("standing")
def test_people_see_the_thresholds_of_a_version_that_are_not_those_of_the_repository(tmp_path):
    said = [line for line in run(tmp_path, "list").stdout.splitlines() if "thresholds" in line]
    assert said == ["fusion 3 has thresholds of its own: crash from 0.4 on, glass_break from 0.65 on"]


@pytest.mark.usefixtures("standing")
def test_the_windows_that_differ_are_listed_on_request_with_what_each_version_told(tmp_path):
    lines = [line.split() for line in run(tmp_path, "list", "--differences").stdout.splitlines()]
    assert lines[-1] == ["dock-1/0/4000", "crash", "0.1250", "0.8750", "-", "crash"]
    assert not any("0.8750" in line for line in run(tmp_path, "list").stdout.splitlines())


def test_an_id_is_shown_whole_however_narrow_the_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    window = DIFFERING.model_copy(update={"window_id": f"{'s' * 100}/1700000000000/4000"})
    compared = ComparedVersions.of(1, 3, Comparison(answers=1, differing=(window,)))
    make_console().print(model_reports._differences(compared))
    assert window.window_id in capsys.readouterr().out


def test_a_shadow_that_has_answered_nothing_yet_has_no_differences():
    compared = ComparedVersions.of(1, 3, Comparison(failed=2))
    assert (compared.mean_difference, compared.max_difference, compared.other_event_share) == (None, None, None)
    assert "0 answers compared; 2 failed" in model_reports._comparison_line("fusion", compared)


def test_a_version_that_was_removed_is_not_shown_though_triton_goes_on_listing_it():
    served = [*SERVED, ServedVersion("fusion", 4, "UNAVAILABLE", "unloaded")]
    versions = overview_of("fusion", [1, 3], served, None, None, {}, swappable=True).versions
    assert [version.version for version in versions] == [1, 3]


def test_a_repository_out_of_reach_is_not_taken_for_an_empty_one():
    [version, *_] = overview_of("fusion", None, SERVED, None, None, {}, swappable=True).versions
    assert version.in_repository is None
