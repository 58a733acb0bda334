"""Feature files: what is read, and what each refusal says."""

import numpy as np
import pytest

from processors.datasets.features import read_sequences, read_utterances
from processors.errors import DatasetError

COUNT = 6


def utterances(**changes):
    rng = np.random.default_rng(0)
    arrays = {
        "text": rng.normal(size=(COUNT, 4)).astype(np.float32),
        "audio": rng.normal(size=(COUNT, 3)).astype(np.float32),
        "video": rng.normal(size=(COUNT, 2)).astype(np.float32),
        "y": np.array([0, 1, 1, 0, 1, 0], np.int8),
        "vid": np.array(["a", "a", "a", "b", "b", "b"]),
        "utt": np.array([1, 2, 3, 1, 2, 3]),
        "transcript": np.array(["so", "it", "was", "all", "very", "good"]),
    }
    arrays.update(changes)
    return {name: array for name, array in arrays.items() if array is not None}


def sequences(**changes):
    rng = np.random.default_rng(0)
    arrays = {
        "audio_train": rng.normal(size=(4, 5, 3)),
        "video_train": rng.normal(size=(4, 5, 2)),
        "audio_valid": rng.normal(size=(3, 5, 3)),
        "video_valid": rng.normal(size=(3, 5, 2)),
        "text_valid_emb": rng.normal(size=(3, 5, 4)),
        "y_train": np.array([1.0, 3.0, 3.5, 5.0]),
        "y_valid": np.array([1.5, 4.0, 5.0]),
    }
    arrays.update(changes)
    return {name: array for name, array in arrays.items() if array is not None}


@pytest.fixture
def written(tmp_path):
    def write(arrays):
        path = tmp_path / "set.npz"
        np.savez(path, **arrays)
        return path

    return write


def test_utterances_are_read_as_they_were_written(written):
    arrays = utterances()
    found = read_utterances(written({**arrays, "notes": np.zeros(1)}))
    for modality, items in found.items.items():
        np.testing.assert_array_equal(items, arrays[modality])
    assert found.labels.tolist() == arrays["y"].tolist()
    assert found.recordings.tolist() == arrays["vid"].tolist()
    assert found.places.tolist() == arrays["utt"].tolist()
    assert found.transcripts == tuple(arrays["transcript"].tolist())


@pytest.mark.parametrize("transcript", [None, np.array(["so"] * COUNT, dtype=object)], ids=["missing", "pickled"])
def test_words_that_are_missing_or_pickled_are_left_out(written, transcript):
    assert read_utterances(written(utterances(transcript=transcript))).transcripts is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"audio": None}, r"no array `audio`; the file holds `text`, .*`y`"),
        ({"text": np.zeros((COUNT, 4)) * np.nan}, r"`text` row 0 holds NaN or infinity \(6 such rows\)"),
        ({"video": np.array([[1, 1]] * 4 + [[1, np.inf]] * 2)}, r"`video` row 4 holds NaN or infinity \(2 such"),
        ({"audio": np.ones((COUNT - 1, 3))}, r"`audio` has 5 rows; expected 6"),
        ({"audio": np.ones(COUNT)}, r"`audio` has shape \[6\]; expected 2 dimensions"),
        ({"utt": np.arange(COUNT - 1)}, r"`utt` has 5 rows; expected 6"),
        ({"utt": np.arange(COUNT) / 2}, r"`utt` is float64; expected whole numbers"),
        ({"utt": np.array([1, 2, 2, 1, 2, 3])}, r"rows 1 and 2 are both utterance 2 of 'a'"),
        ({"y": np.array([0, 1, 2, 0, 1, 7])}, r"`y` row 2 is 2 \(2 such rows\); expected 0 \(negative\) or 1"),
        ({"y": np.array([0, 1, np.nan, 0, 1, 0])}, r"`y` row 2 is nan"),
        ({"y": np.zeros(0)}, r"no utterance in it"),
        ({"video": np.zeros((COUNT, 2))}, r"`video` is 0 in all 6 rows, so the modality is absent from the whole set"),
        ({"video": np.array([[b"x", b"y"]] * COUNT)}, r"`video` is \|S1 \[6, 2\]; expected numbers"),
        ({"vid": np.array(["a"] * COUNT, dtype=object)}, r"`vid` cannot be read .*pickled arrays are never loaded"),
        ({"text": np.full((COUNT, 4), None)}, r"`text` cannot be read .*pickled arrays are never loaded"),
    ],
)
def test_utterances_that_cannot_be_used_are_refused_with_array_and_row(written, changes, said):
    path = written(utterances(**changes))
    with pytest.raises(DatasetError, match=said) as refused:
        read_utterances(path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("reader", [read_utterances, read_sequences])
def test_a_file_that_is_missing_empty_cut_or_something_else_is_refused(tmp_path, reader):
    path = tmp_path / "set.npz"
    with pytest.raises(DatasetError, match=r"set\.npz: no such file"):
        reader(path)
    np.savez(path, **utterances())
    whole = path.read_bytes()
    for content in (b"", b"a,b\n1,2\n", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(DatasetError, match=r"set\.npz: not an \.npz file"):
            reader(path)
    np.savez(path)
    with pytest.raises(DatasetError, match=r"no array `y.*holds no array"):
        reader(path)


def test_a_damaged_array_is_refused_by_name(written):
    path = written(utterances())
    content = bytearray(path.read_bytes())
    first = content.find(b"text.npy") + 200
    content[first : first + 8] = bytes(8)
    path.write_bytes(bytes(content))
    with pytest.raises(DatasetError, match="`text` cannot be read"):
        read_utterances(path)


def test_sequences_are_read_by_part_and_a_part_may_lack_a_modality(written):
    found = read_sequences(written(sequences()))
    assert found.dims == {"text": 4, "audio": 3, "video": 2}
    assert set(found.parts["train"].items) == {"audio", "video"}
    assert set(found.parts["valid"].items) == {"text", "audio", "video"}
    assert found.parts["train"].labels.tolist() == [0, 0, 1, 1]
    assert found.classes == ("negative", "positive")


def test_sequences_may_have_one_class_of_several(written):
    found = read_sequences(written(sequences(y_train=np.eye(3)[[0, 1, 2, 2]], y_valid=np.eye(3)[[2, 1, 0]])))
    assert found.parts["valid"].labels.tolist() == [2, 1, 0]
    assert len(found.classes) == 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"y_valid": None}, r"no array `y_valid`; the file holds `audio_train`"),
        ({"y_train": np.array([1.0, 3.0, 9.0, 5.0])}, r"`y_train` row 2 is 9\.0; expected a score from 1 to 5"),
        ({"y_train": np.array([1.0, 3.0, np.nan, 5.0])}, r"`y_train` row 2 is nan"),
        ({"y_train": np.zeros((4, 3))}, r"`y_train` row 0 is .*expected a single 1, else 0"),
        ({"y_train": np.eye(4)}, r"labels of its parts have different shapes"),
        ({"y_train": np.ones((4, 2, 2))}, r"`y_train` has shape \[4, 2, 2\]; expected \[N\] scores or"),
        ({"y_valid": np.zeros(0)}, r"no sequence in it; expected at least one row in `y_valid`"),
        ({"text_valid_emb": None}, r"`text` is absent from the whole set"),
        ({"audio_train": None, "video_train": None}, r"part `train` has no modality"),
        ({"audio_train": np.ones((4, 5, 2))}, r"items of `audio` have lengths \[2, 3\] in different parts"),
        ({"audio_valid": np.ones((2, 5, 3))}, r"`audio_valid` has 2 rows; expected 3"),
        ({"audio_valid": np.full((3, 5, 3), np.inf)}, r"`audio_valid` row 0 holds NaN or infinity"),
    ],
)
def test_sequences_that_cannot_be_used_are_refused_with_array_and_row(written, changes, said):
    path = written(sequences(**changes))
    with pytest.raises(DatasetError, match=said) as refused:
        read_sequences(path)
    assert str(path) in str(refused.value)
