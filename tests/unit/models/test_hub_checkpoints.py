"""A checkpoint that cannot be used is refused in words that say why; one of the hub is downloaded once."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import safetensors.torch
import torch
import transformers

sys.path.insert(0, str(Path(__file__).parent))

from tiny_checkpoints import WRITERS

from processors.errors import ModelError
from processors.modality import Modality
from processors.models.hub.encoders import load_encoder
from processors.models.hub.pairs import load_pair

VIDEO, AUDIO, TRANSCRIPT = Modality.VIDEO, Modality.AUDIO, Modality.TRANSCRIPT
REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    WRITERS["clip"](tmp_path)
    return tmp_path


def change_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def change_tensors(folder: Path, *, without: Sequence[str] = (), **more: torch.Tensor) -> None:
    path = folder / "model.safetensors"
    tensors = safetensors.torch.load_file(path)
    tensors = {name: tensor for name, tensor in tensors.items() if name not in without} | more
    safetensors.torch.save_file(tensors, path, metadata={"format": "pt"})


def test_where_a_checkpoint_lies_is_found_without_a_deep_learning_framework() -> None:
    probe = "import sys, processors.models.hub.checkpoint\nprint({'torch', 'transformers'} & set(sys.modules))"

    answer = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60)

    assert answer.stdout.strip() == "set()"


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelError, match=r"./nowhere/at/all: there is no such folder, nor is it an id"):
        load_encoder("./nowhere/at/all", VIDEO)


def test_a_folder_without_a_configuration_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json cannot be read.*save_pretrained"):
        load_encoder(str(tmp_path), VIDEO)


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_configuration_that_says_no_kind_is_refused(clip: Path, text: str) -> None:
    (clip / "config.json").write_text(text)

    with pytest.raises(ModelError, match=r"config\.json"):
        load_encoder(str(clip), VIDEO)


def test_a_language_model_does_not_encode_frames(clip: Path) -> None:
    change_json(clip / "config.json", model_type="gpt2")

    with pytest.raises(ModelError, match=r"'gpt2', which does not encode video; expected one of CLIP .*SigLIP"):
        load_encoder(str(clip), VIDEO)


def test_a_kind_is_refused_for_a_modality_that_it_does_not_encode(clip: Path) -> None:
    with pytest.raises(ModelError, match=r"'clip', which does not encode audio; expected one of AST .*CLAP"):
        load_encoder(str(clip), AUDIO)


def test_pickled_weights_are_refused_unread(clip: Path) -> None:
    (clip / "model.safetensors").rename(clip / "pytorch_model.bin")

    with pytest.raises(ModelError, match=r"pytorch_model\.bin, and pickles run code"):
        load_encoder(str(clip), VIDEO)


def test_weights_in_several_files_are_read_and_all_of_them_are_needed(clip: Path) -> None:
    frames = torch.zeros(1, 224, 224, 3, dtype=torch.uint8)
    whole = load_encoder(str(clip), VIDEO)(frames)
    model = transformers.CLIPModel.from_pretrained(clip)
    (clip / "model.safetensors").unlink()
    model.save_pretrained(clip, max_shard_size="100KB")
    parts = sorted(clip.glob("model-*.safetensors"))

    assert len(parts) > 1
    torch.testing.assert_close(load_encoder(str(clip), VIDEO)(frames)[0], whole[0])
    parts[-1].unlink()
    with pytest.raises(ModelError, match=r"all the files that model\.safetensors\.index\.json names; they are missing"):
        load_encoder(str(clip), VIDEO)


@pytest.mark.parametrize("size", [0, 100, 20_000])
def test_a_truncated_file_is_refused(clip: Path, size: int) -> None:
    weights = clip / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:size])

    with pytest.raises(ModelError, match="is the file whole"):
        load_encoder(str(clip), VIDEO)


def test_missing_tensors_are_named(clip: Path) -> None:
    change_tensors(clip, without=["visual_projection.weight"])

    with pytest.raises(ModelError, match=r"missing visual_projection\.weight; unexpected none"):
        load_encoder(str(clip), VIDEO)


def test_unexpected_tensors_are_named(clip: Path) -> None:
    change_tensors(clip, **{"vision_model.encoder.layers.7.mlp.fc1.weight": torch.zeros(2)})

    with pytest.raises(ModelError, match=r"missing none; unexpected vision_model\.encoder\.layers\.7"):
        load_encoder(str(clip), VIDEO)


def test_tensors_of_another_shape_are_refused(clip: Path) -> None:
    change_tensors(clip, **{"visual_projection.weight": torch.zeros(24, 31)})

    with pytest.raises(ModelError, match=r"does not load as CLIPModel|of another shape .*visual_projection"):
        load_encoder(str(clip), VIDEO)


def test_the_head_of_a_training_task_is_left_out(tmp_path: Path) -> None:
    WRITERS["bert"](tmp_path)
    change_tensors(tmp_path, **{"cls.predictions.bias": torch.zeros(1000)})

    assert load_encoder(str(tmp_path), TRANSCRIPT).dim == 32


def test_constants_that_other_versions_of_the_library_write_or_leave_out_do_not_matter(tmp_path: Path) -> None:
    WRITERS["clap"](tmp_path)
    tokens, mask = torch.full((1, 6), 7), torch.ones(1, 6, dtype=torch.int64)
    sounds = torch.rand(1, 16_000, generator=torch.Generator().manual_seed(1))
    before = [load_encoder(str(tmp_path), TRANSCRIPT)(tokens, mask), load_encoder(str(tmp_path), AUDIO)(sounds)]
    constants = ("position_ids", "token_type_ids", "relative_position_index")
    names = safetensors.torch.load_file(tmp_path / "model.safetensors")
    change_tensors(
        tmp_path, without=[name for name in names if name.endswith(constants)], **{"x.position_ids": torch.ones(2)}
    )

    after = [load_encoder(str(tmp_path), TRANSCRIPT)(tokens, mask), load_encoder(str(tmp_path), AUDIO)(sounds)]

    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one, other)


def test_how_pictures_are_scaled_must_be_said(clip: Path) -> None:
    (clip / "preprocessor_config.json").unlink()

    with pytest.raises(ModelError, match=r"neither preprocessor_config\.json nor processor_config\.json"):
        load_encoder(str(clip), VIDEO)


def test_pictures_of_another_size_than_the_network_takes_are_refused(clip: Path) -> None:
    change_json(clip / "preprocessor_config.json", crop_size={"height": 40, "width": 40})

    with pytest.raises(ModelError, match="makes pictures of 40 px, its network takes 48 px"):
        load_encoder(str(clip), VIDEO)


def test_an_unknown_resampling_filter_is_refused(clip: Path) -> None:
    change_json(clip / "preprocessor_config.json", resample=1)

    with pytest.raises(ModelError, match=r"resampled by filter .*1.*; expected 2 \(bilinear\) or 3 \(bicubic\)"):
        load_encoder(str(clip), VIDEO)


def test_spectrograms_of_another_size_than_the_network_takes_are_refused(tmp_path: Path) -> None:
    WRITERS["ast"](tmp_path)
    change_json(tmp_path / "preprocessor_config.json", max_length=100)

    with pytest.raises(ModelError, match="makes 100 frames of 32 bands, its network takes 128 of 32"):
        load_encoder(str(tmp_path), AUDIO)


def test_another_way_of_pooling_sentences_is_refused(tmp_path: Path) -> None:
    WRITERS["bert"](tmp_path)
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text('{"pooling_mode_max_tokens": true}')

    with pytest.raises(ModelError, match="pools tokens by max_tokens; expected"):
        load_encoder(str(tmp_path), TRANSCRIPT)


def test_what_was_trained_without_texts_cannot_be_asked_by_texts(tmp_path: Path) -> None:
    WRITERS["ast"](tmp_path)

    with pytest.raises(ModelError, match="does not compare audio with texts; expected one of: CLAP"):
        load_pair(str(tmp_path), AUDIO)


def test_texts_need_the_tokenizer_of_the_checkpoint(clip: Path) -> None:
    (clip / "tokenizer.json").unlink()

    with pytest.raises(ModelError, match=r"has no tokenizer\.json"):
        load_pair(str(clip), VIDEO)


def test_a_text_that_is_too_long_is_refused_not_cut(clip: Path) -> None:
    pair = load_pair(str(clip), VIDEO)

    assert pair.encode(["a photo of smoke " * 5]).shape == (1, 24)
    with pytest.raises(ModelError, match=r"has 26 tokens; checkpoint .* reads 24 at most"):
        pair.encode(["a photo of smoke " * 6])


class Hub(ThreadingHTTPServer):
    """As much of the hub's protocol as a download takes, over the files of one folder."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.folder = folder
        self.asked: list[str] = []


class _Answer(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        files = {path.name: path for path in self.server.folder.iterdir()}
        match self.path.split("?")[0].split("/")[1:]:
            case ["api", "models", "tiny", "clip", *rest] if rest in ([], ["revision", "v1"], ["revision", "main"]):
                names = [{"rfilename": name} for name in (*files, "pytorch_model.bin")]
                self._send(json.dumps({"id": "tiny/clip", "sha": REVISION, "siblings": names}).encode())
            case ["tiny", "clip", "resolve", revision, name] if revision in {"v1", REVISION} and name in files:
                self._send(files[name].read_bytes())
            case _:
                self._send(b"{}", 404, {"X-Error-Code": "RepoNotFound"})

    def _send(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        sent = {"Content-Length": str(len(body)), "ETag": f'"{len(body)}"', "X-Repo-Commit": REVISION}
        for name, value in (sent | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: what was asked is kept."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    (tmp_path / "kept").mkdir()
    WRITERS["clip"](tmp_path / "kept")
    with Hub(tmp_path / "kept") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def find_in_a_fresh_process(hub: Hub, name: str, cache: Path) -> str:
    """What another process finds; the library reads its address when it is imported."""
    code = (
        "import sys\nfrom processors.errors import ModelError\nfrom processors.models.hub.checkpoint import *\n"
        "try:\n    found = find_checkpoint(sys.argv[1])\n"
        "    print(found.kind, *sorted(path.name for path in found.folder.iterdir()))\n"
        "except ModelError as error:\n    print(error)"
    )
    environment = {"HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}", "HF_HOME": str(cache), "PATH": ""}
    answer = subprocess.run(
        [sys.executable, "-c", code, name],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=environment | {"HF_HUB_DISABLE_TELEMETRY": "1", "PYTHONPATH": str(Path.cwd())},
    )
    return answer.stdout.strip()


def test_a_pinned_revision_is_downloaded_once_and_without_pickles(hub: Hub, tmp_path: Path) -> None:
    expected = "clip config.json model.safetensors preprocessor_config.json tokenizer.json"

    assert find_in_a_fresh_process(hub, "tiny/clip@v1", tmp_path / "cache") == expected
    assert any("v1" in asked for asked in hub.asked)
    assert not any("pytorch_model.bin" in asked for asked in hub.asked)
    hub.asked.clear()
    assert find_in_a_fresh_process(hub, "tiny/clip@v1", tmp_path / "cache") == expected
    assert hub.asked == []


def test_an_unknown_id_says_what_the_hub_answered(hub: Hub, tmp_path: Path) -> None:
    answer = find_in_a_fresh_process(hub, "tiny/unknown", tmp_path / "cache")

    assert "cannot be had from the Hugging Face hub" in answer
    assert "404" in answer
