"""One frozen, typed tree of settings: command line > environment > YAML file > default."""

from streams.settings.baseline import BaselineSettings
from streams.settings.bounds import LimitSettings, OverloadSettings, RetentionSettings
from streams.settings.load import load_settings
from streams.settings.models import EncoderSettings, ModelSettings, RawSettings
from streams.settings.servers import KafkaSettings, RedisSettings, TopicSettings, TritonSettings
from streams.settings.tree import Settings, SourceView
from streams.settings.windows import ModalitySettings, WindowSettings

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
