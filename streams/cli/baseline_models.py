"""The encoders of a source: which versions what is imported is going to be compared with."""

from collections.abc import Collection

from streams.errors import ConfigurationError, DependencyUnavailable
from streams.inference import TritonControl
from streams.settings import Settings
from streams.store import Store

__all__ = ["models_of"]

_ANSWERS_LOOKED_AT = 20
_LONGEST_S = 5.0


async def models_of(store: Store, settings: Settings, source_id: str, names: Collection[str]) -> dict[str, str]:
    """Version of each encoder, as far as it can be found out.

    Args:
        store: with what was learned of the source and its latest answers, which say it first.
        settings: with the address of the Triton that serves the encoders, which is asked for the others.
        source_id: of the source.
        names: of the encoders that matter.
    """
    stored = await store.baselines.read(source_id)
    models = dict(stored.about.models) if stored is not None else {}
    for detection in await store.list_detections(source_id, limit=_ANSWERS_LOOKED_AT, newest=True):
        models |= detection.models
    unknown = set(names) - set(models)
    return models | (await _served(settings, unknown) if unknown else {})


async def _served(settings: Settings, names: Collection[str]) -> dict[str, str]:
    """The newest version that answers of each model; nothing where no Triton is known, or it does not say."""
    address = settings.triton.grpc
    if not address:
        return {}
    timeout_s = min(settings.triton.timeout_s, _LONGEST_S)
    try:
        async with TritonControl(address, timeout_s=timeout_s) as control:
            index = await control.index()
    except (DependencyUnavailable, ConfigurationError):
        return {}
    newest: dict[str, int] = {}
    for each in index:
        if each.model in names and each.is_ready and each.version is not None:
            newest[each.model] = max(each.version, newest.get(each.model, 0))
    return {name: str(version) for name, version in newest.items()}
