"""The tree of settings. Every field says what it is for; units stand in the names."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Self

from pydantic import StringConstraints, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from streams.settings.baseline import FOR_ALL_SOURCES, BaselineSettings
from streams.settings.bounds import LimitSettings, OverloadSettings, RetentionSettings
from streams.settings.document import DocumentSource
from streams.settings.models import ModelSettings
from streams.settings.section import Section
from streams.settings.servers import KafkaSettings, RedisSettings, TritonSettings
from streams.settings.windows import ModalitySettings, RoleName, WindowSettings

__all__ = ["Settings", "SourceSettings", "SourceView"]

SourceId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]


class SourceSettings(Section):
    """What differs for one source. `windows`, `modalities` and `baseline` take the keys of the global sections."""

    group: str | None = None
    """Sources of one group are told under one key on the detections topic."""
    windows: dict[str, int | float] = {}
    """Keys of `windows` that differ."""
    modalities: dict[str, RoleName] = {}
    """Keys of `modalities` that differ."""
    baseline: dict[str, bool | float] = {}
    """Keys of `baseline` that differ."""

    @field_validator("baseline")
    @classmethod
    def _one_memory_for_all(cls, baseline: dict[str, bool | float]) -> dict[str, bool | float]:
        for name in FOR_ALL_SOURCES:
            if name in baseline:
                raise ValueError(f"{name} holds for all sources; set it in the section `baseline`")
        return baseline

    @field_validator("windows")
    @classmethod
    def _one_moment_for_all(cls, windows: dict[str, int | float]) -> dict[str, int | float]:
        if "effective_from_ms" in windows:
            raise ValueError("effective_from_ms holds for all sources; set it in the section `windows`")
        return windows


class SourceView(Section):
    """The settings in force for one source."""

    source_id: str
    group: str | None
    windows: WindowSettings
    modalities: ModalitySettings
    baseline: BaselineSettings


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="BRAID_",
        env_nested_delimiter="__",
        use_attribute_docstrings=True,
        validate_default=True,
    )

    data_dir: Path = Path(".braid")
    """Data, logs and addresses of the servers that `braid up` runs."""
    kafka: KafkaSettings = KafkaSettings()
    redis: RedisSettings = RedisSettings()
    triton: TritonSettings = TritonSettings()
    models: ModelSettings = ModelSettings()
    limits: LimitSettings = LimitSettings()
    retention: RetentionSettings = RetentionSettings()
    overload: OverloadSettings = OverloadSettings()
    windows: WindowSettings = WindowSettings()
    modalities: ModalitySettings = ModalitySettings()
    baseline: BaselineSettings = BaselineSettings()
    sources: dict[SourceId, SourceSettings] = {}
    """Per source: what differs from `windows`, `modalities` and `baseline`, and its group."""

    @model_validator(mode="after")
    def _sources_valid(self) -> Self:
        for source_id in self.sources:
            self.for_source(source_id)
        return self

    def for_source(self, source_id: str) -> SourceView:
        """The settings in force for a source, whether it is named under `sources` or not."""
        view = self._views.get(source_id)
        if view is None:
            own = self.sources.get(source_id)
            if own is None:
                return SourceView(
                    source_id=source_id,
                    group=None,
                    windows=self.windows,
                    modalities=self.modalities,
                    baseline=self.baseline,
                )
            view = self._views[source_id] = SourceView(
                source_id=source_id,
                group=own.group,
                windows=WindowSettings(**(self.windows.model_dump() | own.windows)),
                modalities=ModalitySettings(**(self.modalities.model_dump() | own.modalities)),
                baseline=BaselineSettings(**(self.baseline.model_dump() | own.baseline)),
            )
        return view

    @property
    def judges_any_source(self) -> bool:
        """Whether some source, named or not, has a baseline."""
        return self.baseline.enabled or any(self.for_source(source_id).baseline.enabled for source_id in self.sources)

    @cached_property
    def _views(self) -> dict[str, SourceView]:
        return {}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - not read: one file configures everything
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - not read either
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line first, then the environment, then the YAML document."""
        return init_settings, env_settings, DocumentSource(settings_cls)
