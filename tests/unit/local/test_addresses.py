"""Addresses: the settings' own first, then a running stack's, else an error that names what is missing."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from streams.errors import ConfigurationError
from streams.local import with_local_addresses
from streams.local.state import DataDirectory, StackState
from streams.settings import KafkaSettings, RedisSettings, Settings, TritonSettings


@pytest.fixture
def running(tmp_path: Path, own_mark: str) -> Path:
    DataDirectory(tmp_path).write(
        StackState(os.getpid(), own_mark, "127.0.0.1:1", "redis://127.0.0.1:2/0", "127.0.0.1:3")
    )
    return tmp_path


def test_a_running_stack_fills_in_all_addresses(running: Path) -> None:
    settings = with_local_addresses(Settings(data_dir=running))
    assert settings.kafka.brokers == "127.0.0.1:1"
    assert settings.redis.url is not None
    assert settings.redis.url.get_secret_value() == "redis://127.0.0.1:2/0"
    assert settings.triton.grpc == "127.0.0.1:3"


def test_what_is_set_is_kept(running: Path) -> None:
    own = Settings(
        data_dir=running,
        kafka=KafkaSettings(brokers="kafka:9092", group="g"),
        redis=RedisSettings(url=SecretStr("redis://redis:6379")),
        triton=TritonSettings(grpc="triton:8001"),
    )
    assert with_local_addresses(own) == own


def test_nothing_running_names_what_is_missing_and_how_to_mend_it(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, redis=RedisSettings(url=SecretStr("redis://redis:6379")))
    with pytest.raises(ConfigurationError) as caught:
        with_local_addresses(settings)
    message = str(caught.value)
    assert "no address for Kafka, Triton" in message
    assert "`braid up`" in message
    assert message.endswith("set BRAID_KAFKA__BROKERS, BRAID_TRITON__GRPC")


def test_only_what_is_needed_must_have_an_address(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, kafka=KafkaSettings(brokers="kafka:9092"))
    assert with_local_addresses(settings, {"kafka"}) == settings
    with pytest.raises(ConfigurationError, match="no address for Redis:"):
        with_local_addresses(settings, {"redis"})


def test_a_stack_whose_owner_is_gone_has_no_addresses(running: Path) -> None:
    DataDirectory(running).write(
        StackState(os.getpid(), "another boot:1", "127.0.0.1:1", "redis://127.0.0.1:2/0", "h:3")
    )
    with pytest.raises(ConfigurationError, match="no address for Kafka, Redis, Triton"):
        with_local_addresses(Settings(data_dir=running))
