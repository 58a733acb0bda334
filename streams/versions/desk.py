"""What a person does with the versions of a model while workers run."""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from processors.errors import ModelError
from processors.models.repository import add_version, graph_of, remove_version, versions_of
from processors.models.signature import check_graph, thresholds_of
from processors.models.spec import FUSION, ModelSpec
from streams.errors import BraidError, ConfigurationError
from streams.inference import ModelClient, ServedVersion, TritonControl, TritonServer, read_served
from streams.settings import Settings
from streams.store import LiveModels, ModelVersions, Store, add_up
from streams.versions.overview import ComparedVersions, ModelOverview, overview_of

__all__ = ["VersionDesk", "open_desk"]

T = TypeVar("T")

# As ONNX Runtime, Python and CUDA say it; and as Triton's Python backend does when a model's process was killed.
_NO_MEMORY = re.compile(r"bad_alloc|MemoryError|out of memory|allocate memory|Stub process .* is not healthy")
_OUTPUTS = tuple(tensor.name for tensor in FUSION.outputs)


class VersionDesk:
    """Changes which version of the fusion model answers, and has versions loaded. Made by `open_desk`."""

    def __init__(
        self, settings: Settings, store: Store, control: TritonControl, client: ModelClient, repository: Path
    ) -> None:
        self._settings = settings
        self._store = store
        self._control = control
        self._client = client
        self._repository = repository
        self._group = settings.kafka.group

    async def deploy(self, model: str, source: Path) -> int:
        """Put another version into the repository and have it loaded beside the others; it does not answer yet.

        Where the file carries thresholds of its own, they are kept with its number.

        Args:
            model: name in the repository.
            source: an ONNX file, or a folder with `model.onnx` and what belongs to it.

        Returns:
            Its number.

        Raises:
            ConfigurationError: the model is not one that can be swapped, the file does not fit the live version, or
                Triton cannot load it; what is loaded serves on, and the repository is as it was.
            DependencyUnavailable: Redis or Triton does not answer.
        """
        folder = self._folder(model)
        document = await self._document()
        versions = document.models[model]
        if not await self._control.serves_all_versions(model):
            raise _refusal(
                f"Triton serves the newest version of {model} alone: a new one would take its place at once; "
                f"set `version_policy {{ all {{}} }}` in {folder / 'config.pbtxt'} (`braid models build` writes it), "
                "and restart Triton"
            )
        timeout_s = self._settings.triton.timeout_s
        spec = await self._spec(model)
        async with ModelClient(self._client.server, spec, timeout_s=timeout_s, name=model) as client:
            await client.check(versions.live)
            _as_configuration(partial(check_graph, graph_of(source), await client.signature(versions.live), spec))
            own = _as_configuration(partial(thresholds_of, graph_of(source), spec))
            number = max(versions.highest, *versions_of(folder)) + 1
            _as_configuration(partial(add_version, folder, number, source))
            try:
                await self._control.load(model, timeout_s=self._settings.triton.load_timeout_s)
                await self._have_answered(client, number)
            except asyncio.CancelledError:  # a person waits no longer
                _as_configuration(partial(remove_version, folder, number))
                raise
            except BraidError as error:
                left = await self._take_back(folder, number)
                serves = await self._serves(client, versions.live)
                raise _refusal(
                    f"version {number} of {model} was not deployed: {error}{_mend(error)}; {serves}{left}"
                ) from error
        await self._change(model, lambda now: now.among(versions_of(folder)).deployed(number, own))
        return number

    async def promote(self, model: str, version: int) -> ModelVersions:
        """Make a version live; workers ask it from about a second later on.

        Raises:
            ConfigurationError: it is not loaded, its own thresholds cannot be read, or the model is not one that can be
                swapped.
            DependencyUnavailable: Redis or Triton does not answer.
        """
        await self._refuse_unloaded(model, version)
        known = await self._with_thresholds(model, version)
        return await self._change(model, lambda now: known(now).promoted(version))

    async def roll_back(self, model: str) -> ModelVersions:
        """Make the version live that was so before.

        Raises:
            ConfigurationError: there is none, it is not loaded, or the model is not one that can be swapped.
            DependencyUnavailable: Redis or Triton does not answer.
        """
        self._refuse_unswappable(model)
        document = await self._document()
        await self._refuse_unloaded(model, document.models[model].rolled_back().live)
        return await self._change(model, ModelVersions.rolled_back)

    async def shadow(self, model: str, version: int) -> ModelVersions:
        """Have a version answer the same windows beside the live one.

        Raises:
            ConfigurationError: it is live or not loaded, its own thresholds cannot be read, or the model is not one
                that can be swapped.
            DependencyUnavailable: Redis or Triton does not answer.
        """
        await self._refuse_unloaded(model, version)
        known = await self._with_thresholds(model, version)
        return await self._change(model, lambda now: known(now).shadowed(version))

    async def end_shadow(self, model: str, version: int) -> ModelVersions:
        """Have a version answer no longer beside the live one; what was counted stays.

        Raises:
            ConfigurationError: it is not the shadow, or the model is not one that can be swapped.
            DependencyUnavailable: Redis or Triton does not answer.
        """
        self._refuse_unswappable(model)

        def ended(now: ModelVersions) -> ModelVersions:
            if now.shadow != version:
                raise _refusal(f"version {version} of {model} is no shadow; the shadow is {now.shadow or 'no version'}")
            return now.shadowed(None)

        return await self._change(model, ended)

    async def remove(self, model: str, version: int) -> None:
        """Unload a version and delete its folder.

        Raises:
            ConfigurationError: it is needed or not there, or the model is not one that can be swapped.
            DependencyUnavailable: Redis or Triton does not answer.
        """
        folder = self._folder(model)
        if version not in versions_of(folder):
            raise _refusal(f"{folder / str(version)} is not there; versions: {_listed(versions_of(folder))}")
        await self._change(model, lambda now: now.without(version))
        _as_configuration(partial(remove_version, folder, version))
        await self._control.load(model, timeout_s=self._settings.triton.load_timeout_s)

    async def overview(self) -> list[ModelOverview]:
        """Every model of the repository and of Triton, in order of name.

        Raises:
            DependencyUnavailable: Redis or Triton does not answer.
        """
        index = await self._control.index()
        document = await self._store.read_models(self._group) or LiveModels()
        usual = await self._usual_thresholds()
        is_within_reach = self._repository.is_dir()
        folders = {path.name for path in self._repository.iterdir() if versions_of(path)} if is_within_reach else set()
        return [
            overview_of(
                name,
                versions_of(self._repository / name) if is_within_reach else None,
                [entry for entry in index if entry.model == name],
                document.models.get(name),
                await self._comparison(name, document.models.get(name)),
                usual,
                swappable=name == self._client.name,
            )
            for name in sorted({*folders, *(entry.model for entry in index)})
        ]

    async def _comparison(self, model: str, versions: ModelVersions | None) -> ComparedVersions | None:
        if versions is None or versions.shadow is None:
            return None
        by_worker = await self._store.read_comparisons(self._group, model, versions.live, versions.shadow)
        return ComparedVersions.of(versions.live, versions.shadow, add_up(by_worker.values()))

    async def _with_thresholds(self, model: str, version: int) -> Callable[[ModelVersions], ModelVersions]:
        """What adds a version's own thresholds, where its file is within reach and nobody has kept them yet.

        `deploy` keeps them; a version that was put into the repository by hand, or outlived what Redis held, is read.
        """
        file = graph_of(self._repository / model / str(version))
        if version in (await self._document()).models[model].thresholds or not file.is_file():
            return lambda now: now
        own = _as_configuration(partial(thresholds_of, file, await self._spec(model)))
        return lambda now: now if version in now.thresholds else now.with_thresholds(version, own)

    async def _usual_thresholds(self) -> Mapping[str, float]:
        """The repository's, for versions without their own; none where no version of the model is loaded."""
        try:
            served = await read_served(
                self._client.server, self._client.name, timeout_s=self._settings.triton.timeout_s
            )
        except BraidError:  # how things stand is shown all the more where something is wrong
            return {}
        return served.thresholds

    async def _spec(self, model: str) -> ModelSpec:
        served = await read_served(self._client.server, model, timeout_s=self._settings.triton.timeout_s)
        return served.make_specs()[FUSION.name]

    async def _document(self) -> LiveModels:
        """What is in force; set to the newest version that is loaded where nothing is, as a worker would."""
        name = self._client.name
        stored = await self._store.read_models(self._group)
        while stored is None or name not in stored.models:
            newest = await self._client.newest_version()
            begun = (stored or LiveModels()).changed(name, ModelVersions(live=newest, highest=newest))
            stored = await self._store.agree_on_models(self._group, stored, begun)
        return stored

    async def _change(self, model: str, change: Callable[[ModelVersions], ModelVersions]) -> ModelVersions:
        """Change what is in force, however often somebody else changes it meanwhile."""
        stored = await self._document()
        while True:
            wanted = stored.changed(model, change(stored.models[model]))
            found = await self._store.agree_on_models(self._group, stored, wanted)
            if found == wanted:
                return wanted.models[model]
            stored = found

    async def _have_answered(self, client: ModelClient, version: int) -> None:
        """Have the known-good sample answered by a version that was loaded."""
        served = [entry.version for entry in await self._control.index() if entry.model == client.name]
        if version not in served:
            raise _refusal(
                f"Triton at {self._control.address} does not see it; models.repository is {self._repository}: expected "
                "the folder that it serves"
            )
        await client.check(version)
        await client.infer(client.spec.sample(), _OUTPUTS, version)

    async def _take_back(self, folder: Path, version: int) -> str:
        """Remove a version that does not work, and say what of it is left; that Triton still knows it harms nobody."""
        try:
            remove_version(folder, version)
        except ModelError as error:
            return f"; remove its folder, or Triton loads it when it starts again: {error}"
        try:
            await self._control.load(folder.name, timeout_s=self._settings.triton.timeout_s)
        except BraidError as error:
            return f"; its folder was removed again, but Triton could not be told, restart it before the next: {error}"
        return ""

    async def _serves(self, client: ModelClient, live: int) -> str:
        """Whether the live version answers, asked rather than supposed: a server that runs out of memory may end."""
        try:
            await client.infer(client.spec.sample(), _OUTPUTS, live)
        except BraidError as error:
            return f"version {live} stays live, and answers again as soon as Triton does: {error}"
        return f"version {live} serves on"

    async def _refuse_unloaded(self, model: str, version: int) -> None:
        self._refuse_unswappable(model)
        served = [entry for entry in await self._control.index() if entry.model == model]
        ready = [entry.version for entry in served if entry.is_ready and entry.version is not None]
        if version not in ready:
            raise _refusal(
                f"version {version} of {model} is not loaded{_why_not(served, version)}; loaded: {_listed(ready)}; "
                "put it there with `braid models deploy`"
            )

    def _refuse_unswappable(self, model: str) -> None:
        name = self._client.name
        if model == name:
            return
        models = self._settings.models
        if model in (models.video_encoder, models.audio_encoder, models.text_encoder):
            raise _refusal(
                f"{model} is an encoder: windows that are open would hold embeddings of two versions. Only {name} can "
                "be swapped while workers run; put another encoder into a repository of its own, and restart Triton "
                "and the workers with it"
            )
        raise _refusal(f"{model} is no model that answers windows; expected {name} (models.fusion)")

    def _folder(self, model: str) -> Path:
        self._refuse_unswappable(model)
        folder = self._repository / model
        if not folder.is_dir():
            raise _refusal(
                f"{folder} is not there; set models.repository (BRAID_MODELS__REPOSITORY) to the folder that Triton at "
                f"{self._control.address} serves"
            )
        return folder


@asynccontextmanager
async def open_desk(settings: Settings) -> AsyncGenerator[VersionDesk, None]:
    """Connect to Redis and Triton.

    Args:
        settings: with the addresses of Redis and Triton.

    Raises:
        ConfigurationError: an address is missing.
    """
    if settings.triton.grpc is None:
        raise ConfigurationError("versions of models need the address of Triton; set triton.grpc (BRAID_TRITON__GRPC)")
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(Store.connect(settings, lambda: time.time_ns() // 10**6))
        timeout_s = settings.triton.timeout_s
        control = await stack.enter_async_context(TritonControl(settings.triton.grpc, timeout_s=timeout_s))
        server = TritonServer(settings.triton.grpc)
        client = ModelClient(server, FUSION, timeout_s=timeout_s, name=settings.models.fusion)
        await stack.enter_async_context(client)
        repository = settings.models.repository or settings.data_dir / "models"
        yield VersionDesk(settings, store, control, client, repository)


def _as_configuration(deed: Callable[[], T]) -> T:
    """The only place where the errors of `processors` about versions become a person's to mend."""
    try:
        return deed()
    except ModelError as error:
        raise _refusal(str(error)) from error


def _refusal(message: str) -> ConfigurationError:
    return ConfigurationError(message, code="configuration.model_version")


def _mend(error: BraidError) -> str:
    """What helps where the server was short of memory; nothing for other errors."""
    if not _NO_MEMORY.search(str(error)):
        return ""
    return " (short of memory: give Triton more, or unload a version that is not needed with `braid models remove`)"


def _why_not(served: list[ServedVersion], version: int) -> str:
    reasons = [entry.reason for entry in served if entry.version == version and entry.reason]
    return f" ({reasons[0]})" if reasons else ""


def _listed(versions: list[int]) -> str:
    return ", ".join(map(str, versions)) or "none"
