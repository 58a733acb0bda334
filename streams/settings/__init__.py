"""One frozen, typed tree of settings: command line > environment > YAML file > default."""

from streams.settings.baseline import BaselineSettings
from streams.settings.load import load_settings
from streams.settings.tree import (
    EncoderSettings,
    KafkaSettings,
    LimitSettings,
    ModalitySettings,
    ModelSettings,
    OverloadSettings,
    RawSettings,
    RedisSettings,
    RetentionSettings,
    Settings,
    SourceView,
    TopicSettings,
    TritonSettings,
    WindowSettings,
)

__all__ = [
    "BaselineSettings",
    "EncoderSettings",
    "KafkaSettings",
    "LimitSettings",
    "ModalitySettings",
    "ModelSettings",
    "OverloadSettings",
    "RawSettings",
    "RedisSettings",
    "RetentionSettings",
    "Settings",
    "SourceView",
    "TopicSettings",
    "TritonSettings",
    "WindowSettings",
    "load_settings",
]
