"""The configuration of a training: what a fault says, and an example that is the tree itself."""

import re
from pathlib import Path

import pytest

from processors.models.training.plan import TrainingPlan
from streams.errors import ConfigurationError
from streams.settings.training import load_plan, render_plan


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "train.yaml"
        path.write_text(text)
        return path

    return write


def test_reading_the_example_gives_the_defaults(write):
    assert load_plan(write(render_plan())) == TrainingPlan(data=Path("windows.npz"), out=Path("runs/first"))


def test_every_key_of_the_example_is_explained():
    lines = render_plan().splitlines()
    keys = [number for number, line in enumerate(lines) if ": " in line and not line.lstrip().startswith("#")]
    assert [lines[number] for number in keys if not lines[number - 1].lstrip().startswith("#")] == []
    assert not any(line.strip() == "# None" for line in lines)


def test_every_fault_is_reported_at_once_with_its_line_and_the_mend(write):
    path = write(
        "data: windows.npz\nlop: {}\nnetwork:\n  drop: 0.2\n  kind: sum\nloop:\n  epochs: none\n"
        "tasks:\n  mood:\n    weights: 2\n"
    )
    with pytest.raises(ConfigurationError) as caught:
        load_plan(path)
    said = str(caught.value)
    assert f"{path}: out: it must be given. Folder of the trained model" in said
    assert f"{path}:2: lop: no such setting; did you mean loop?" in said
    assert f"{path}:4: network.drop: no such setting; did you mean dropout?" in said
    assert f"{path}:5: network.kind: got 'sum'; input should be 'concat', 'weighted', 'attention'" in said
    assert f"{path}:7: loop.epochs: got 'none'" in said
    assert f"{path}:10: tasks.mood.weights: no such setting; did you mean weight?" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recordings: {hop_ms: 5000}", "hop_ms is 5000, more than size_ms, 4000"),
        ("recordings: {least_ms: 5000}", "least_ms is 5000, more than size_ms, 4000"),
        ("classes: [crash, crash]", "name each once"),
        ("modalities: []", "name at least one of video, audio, transcript"),
        ("tasks: {}", "tasks is empty"),
        ("split: {test_share: 0}", "greater than 0"),
        ("network: {width: 30}", "multiple of 4"),
        ("network: {kind: raw}", "raw is not how modalities meet; .*`joint: .*`models.raw`"),
        ("loop: {learning_rate: .nan}", "got nan"),
        ("network: {members: 0}", r"network\.members: got 0; .*greater than or equal to 1"),
        ("network: {members: []}", r"network\.members: got \[\]; .*at least 1 item"),
        ("network: {members: [{kind: raw}]}", r"network\.members\.0\.kind: got 'raw'; raw is not how modalities meet"),
        ("joint: {epochs: 1}", r"joint\.epochs is 1, but every encoder is frozen; say which .* or leave joint out"),
        (
            "joint: {epochs: 1}\nencoders: {audio: {transfer: full}}\nnetwork: {members: 2}",
            r"joint\.epochs is 1, but network\.members are 2; .* leave out members, or joint",
        ),
        ("network: {members: [{}, {knd: concat}]}", r"network\.members\.1\.knd: no such setting; did you mean kind\?"),
        ("network: {members: 2, rule: mean}", r"network\.rule: got 'mean'; input should be 'average' or 'vote'"),
        ("network: {members: 2, weights: [1]}", r"weights are \[1\.0\] for 2 members; give one for each"),
        ("network: {members: [{}, {}], weights: [0, 0]}", r"weights are \[0\.0, 0\.0\] for 2 members; .*not all"),
        ("network: {members: 2, weights: [1, -1]}", "greater than or equal to 0"),
    ],
)
def test_values_that_do_not_fit_are_refused(write, text, said):
    with pytest.raises(ConfigurationError, match=said):
        load_plan(write(f"data: a.npz\nout: b\n{text}\n"))


def test_only_events_may_happen_together_unless_it_is_said():
    tasks = {"event": {}, "mood": {}, "tags": {"is_exclusive": False}}
    plan = TrainingPlan(data=Path("a"), out=Path("b"), tasks=tasks)
    assert [plan.is_exclusive(task) for task in tasks] == [False, True, False]


def test_learning_together_as_the_page_says_it_is_read(write):
    page = (Path(__file__).parents[3] / "docs/how-to/joint-models.md").read_text(encoding="utf-8")
    text = next(block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "joint:" in block)
    plan = load_plan(write(text))
    assert plan.joint.epochs == 3
    assert {each.value: own.transfer for each, own in plan.encoders.learning.items()} == {
        "video": "last_n",
        "audio": "lora",
    }


def test_the_several_networks_of_the_page_are_read(write):
    page = (Path(__file__).parents[3] / "docs/how-to/train.md").read_text(encoding="utf-8")
    text = next(block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "members" in block)
    network = load_plan(write(text)).network
    assert [(each.kind, each.width) for each in network.each] == [
        ("concat", 128),
        ("attention", 64),
        ("transformer", 128),
    ]
    assert (network.rule, network.weights) == ("average", (1, 1, 2))


def test_members_are_as_the_section_around_them_where_they_do_not_say_otherwise(write):
    text = "data: a\nout: b\nnetwork: {kind: concat, width: 16, members: [{}, {kind: attention, width: 64}]}\n"
    network = load_plan(write(text)).network
    assert [(each.kind, each.width, each.dropout) for each in network.each] == [
        ("concat", 16, 0.3),
        ("attention", 64, 0.3),
    ]
    assert [each.members for each in network.each] == [1, 1]
