"""Settings: who outranks whom, and what a fault says."""

import pytest

from streams.errors import ConfigurationError
from streams.settings import load_settings


@pytest.fixture(autouse=True)
def no_outer_settings(monkeypatch):
    for name in ("BRAID_CONFIG", "BRAID_WINDOWS__SIZE_MS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "braid.yaml"
        path.write_text(text)
        return path

    return write


def faults_of(path):
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path)
    return str(caught.value)


def test_without_any_source_the_documented_defaults_hold():
    windows = load_settings().windows
    assert (windows.size_ms, windows.hop_ms, windows.out_of_orderness_ms, windows.allowed_lateness_ms) == (
        4_000,
        2_000,
        500,
        10_000,
    )
    assert (windows.idle_timeout_s, windows.max_open_s) == (5, 30)


def test_the_file_outranks_the_default(write):
    assert load_settings(write("windows: {size_ms: 3000}")).windows.size_ms == 3_000


def test_the_environment_outranks_the_file(write, monkeypatch):
    monkeypatch.setenv("BRAID_WINDOWS__SIZE_MS", "2500")
    settings = load_settings(write("windows: {size_ms: 3000, hop_ms: 500}"))
    assert (settings.windows.size_ms, settings.windows.hop_ms) == (2_500, 500)


def test_the_command_line_outranks_the_environment(monkeypatch):
    monkeypatch.setenv("BRAID_WINDOWS__SIZE_MS", "2500")
    assert load_settings(overrides={"windows": {"size_ms": 2_000}}).windows.size_ms == 2_000


def test_the_environment_can_name_the_file(write, monkeypatch):
    monkeypatch.setenv("BRAID_CONFIG", str(write("windows: {size_ms: 3000}")))
    assert load_settings().windows.size_ms == 3_000


def test_a_source_overrides_single_keys(write):
    settings = load_settings(
        write("windows: {hop_ms: 1000}\nsources:\n  mic-1: {windows: {size_ms: 8000}, modalities: {video: absent}}\n")
    )
    view = settings.for_source("mic-1")
    assert (view.windows.size_ms, view.windows.hop_ms) == (8_000, 1_000)
    assert (view.modalities.video, view.modalities.audio) == ("absent", "required")
    assert settings.for_source("other").windows.size_ms == 4_000


def test_every_fault_is_reported_at_once_with_its_line(write):
    text = faults_of(write("kafka:\n  brokrs: x\nwindows:\n  size_ms: ten\n  hop_ms: 0\n"))
    assert ":2: kafka.brokrs: no such setting; did you mean brokers?" in text
    assert ":4: windows.size_ms: got 'ten'" in text
    assert ":5: windows.hop_ms: got 0" in text


def test_a_misspelt_key_of_a_source_is_found(write):
    text = faults_of(write("sources:\n  dock-1:\n    windows: {siz_ms: 3}\n"))
    assert ":3: sources.dock-1.windows.siz_ms: no such setting; did you mean size_ms?" in text


def test_a_fault_from_the_environment_names_the_variable(monkeypatch):
    monkeypatch.setenv("BRAID_WINDOWS__SIZE_MS", "2x")
    assert "environment BRAID_WINDOWS__SIZE_MS: windows.size_ms: got '2x'" in faults_of(None)


def test_an_unknown_variable_is_a_fault(monkeypatch):
    monkeypatch.setenv("BRAID_WINDOW__SIZE_MS", "2")
    assert "did you mean BRAID_WINDOWS?" in faults_of(None)


def test_windows_that_close_before_silence_counts_are_refused(write):
    assert "max_open_s is 9; it must exceed" in faults_of(write("windows: {max_open_s: 9}"))


def test_a_hop_beyond_the_size_is_refused(write):
    assert "more than size_ms" in faults_of(write("windows: {size_ms: 1000, hop_ms: 1001}"))


def test_the_moment_of_a_change_of_the_windows_is_one_for_all_sources(write):
    settings = load_settings(write("windows: {effective_from_ms: 6000}\nsources:\n  a: {windows: {size_ms: 8000}}\n"))
    assert settings.for_source("a").windows.effective_from_ms == 6_000
    text = faults_of(write("sources:\n  a:\n    windows: {effective_from_ms: 6000}\n"))
    assert ":3: sources.a.windows: " in text
    assert "effective_from_ms holds for all sources; set it in the section `windows`" in text


def test_a_source_may_have_no_baseline_or_another_budget_but_shares_the_memory(write):
    settings = load_settings(
        write("sources:\n  a: {baseline: {enabled: false}}\n  b: {baseline: {alarms_per_day: 1}}\n")
    )
    assert [settings.for_source(source_id).baseline.enabled for source_id in ("a", "b", "c")] == [False, True, True]
    assert settings.for_source("b").baseline.alarms_per_day == 1
    text = faults_of(write("sources:\n  a:\n    baseline: {max_bytes: 9}\n"))
    assert "max_bytes holds for all sources; set it in the section `baseline`" in text


@pytest.mark.parametrize(("text", "expected"), [("baseline: {enabled: false}", False), ("{}", True)])
def test_cells_are_asked_for_only_where_some_source_has_a_baseline(write, text, expected):
    assert load_settings(write(text)).judges_any_source is expected
    other = "baseline: {enabled: false}\nsources: {a: {baseline: {enabled: true}}}"
    assert load_settings(write(other)).judges_any_source


def test_no_modality_at_all_is_refused(write):
    assert "all modalities are absent" in faults_of(
        write("modalities: {video: absent, audio: absent, transcript: absent}")
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("windows: [", "not valid YAML"),
        ("- a\n- b\n", "expected a mapping"),
        ("windows: {size_ms: 1000}\nwindows: {}\n", ":2: windows is given twice"),
    ],
)
def test_a_document_that_is_no_mapping_of_sections_is_refused(write, text, expected):
    assert expected in faults_of(write(text))


def test_a_missing_file_is_named(tmp_path):
    assert "nowhere.yaml" in faults_of(tmp_path / "nowhere.yaml")


def test_secrets_are_masked_in_faults_and_print_outs(write):
    settings = load_settings(write("redis: {url: 'redis://:hunter2@localhost:6379/0'}"))
    assert "hunter2" not in settings.model_dump_json()
    assert "hunter2" not in faults_of(write("redis: {url: [hunter2]}"))
