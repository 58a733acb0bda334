"""What a fusion model's configuration says of classes and thresholds, and what is refused."""

import json

import pytest

from processors.errors import ModelError
from processors.models.labels import load_thresholds
from processors.models.served import ServedFacts, read_parameters, shipped_facts
from processors.models.spec import EMBEDDING_DIMS, EVENT_CLASSES, SPECS

GOOD = {"classes": '["leak", "steam"]', "thresholds": '{"leak": 0.4, "steam": 1}'}


def test_what_is_written_is_read_again():
    facts = ServedFacts(EMBEDDING_DIMS, ("leak", "mood.good"), {"leak": 0.4})
    assert read_parameters({**facts.parameters, "intra_op_thread_count": "1"}, EMBEDDING_DIMS) == facts


def test_what_is_shipped_has_the_shipped_sizes_classes_and_thresholds():
    facts = shipped_facts()
    assert (facts.classes, facts.thresholds) == (EVENT_CLASSES, load_thresholds())
    for name, spec in facts.make_specs().items():
        assert (spec.inputs, spec.outputs) == (SPECS[name].inputs, SPECS[name].outputs)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"classes": None}, "the parameter `classes` is missing; expected a JSON list"),
        ({"thresholds": None}, "the parameter `thresholds` is missing; expected a JSON object"),
        ({"classes": "leak, steam"}, "the parameter `classes` is 'leak, steam'; expected a JSON list"),
        ({"classes": '{"leak": 1}'}, "expected a JSON list of classes"),
        ({"classes": "[1, 2]"}, r"`classes` is \[1, 2\]; expected a JSON list of texts"),
        ({"classes": "[]"}, r"the classes are \[\]; expected at least one"),
        ({"classes": '["leak", "leak"]'}, "all different"),
        ({"classes": '["leak", ""]'}, "each a line of text"),
        ({"classes": json.dumps(["leak", "st\neam"])}, "each a line of text"),
        ({"thresholds": "{"}, "expected a JSON object of numbers by class"),
        ({"thresholds": '{"leak": "high"}'}, "expected a number for each class"),
        ({"thresholds": '{"leak": true}'}, "expected a number for each class"),
        ({"thresholds": '{"leak": 1.5}'}, r"the thresholds are \{'leak': 1.5\}; expected .*between 0 and 1"),
        ({"thresholds": '{"leak": NaN}'}, "between 0 and 1"),
        ({"thresholds": '{"smoke": 0.5}'}, "of the classes leak, steam"),
        ({"thresholds": "{}"}, "expected at least one"),
    ],
)
def test_a_parameter_that_is_missing_or_at_fault_is_refused_by_name(change, said):
    parameters = {key: value for key, value in {**GOOD, **change}.items() if value is not None}
    assert read_parameters(GOOD, EMBEDDING_DIMS).thresholds == {"leak": 0.4, "steam": 1}
    with pytest.raises(ModelError, match=said):
        read_parameters(parameters, EMBEDDING_DIMS)
