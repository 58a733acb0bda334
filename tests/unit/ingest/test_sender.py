import socket

import pytest

from processors.modality import Modality
from streams.errors import ConfigurationError, DependencyUnavailable, MediaError
from streams.ingest import ReadOptions, ingest
from streams.ingest.sender import Sender
from streams.settings import KafkaSettings, Settings


def settings_for(brokers):
    return Settings(kafka=KafkaSettings(brokers=brokers, request_timeout_s=2))


def test_settings_without_a_broker_are_refused():
    with pytest.raises(ConfigurationError, match=r"kafka\.brokers is not set"):
        Sender(settings_for(None), frozenset({Modality.VIDEO}))


async def test_a_broker_that_does_not_answer_is_said_to_be_unavailable():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(DependencyUnavailable, match=f"Kafka at {address} does not answer"):
        async with Sender(settings_for(address), frozenset({Modality.VIDEO})):
            pass


@pytest.mark.parametrize("source_id", ["", "-dock", "dock 1", "däck", "x" * 129])
async def test_an_illegal_source_id_is_refused_before_anything_is_read(source_id, tmp_path):
    with pytest.raises(MediaError, match="the source id cannot be used"):
        await ingest([tmp_path / "absent.mp4"], source_id, settings_for("127.0.0.1:9"))


async def test_files_without_what_was_asked_for_are_refused(make):
    options = ReadOptions(modalities=frozenset({Modality.TRANSCRIPT}))
    with pytest.raises(MediaError, match="nothing is left to send"):
        await ingest([make()], "dock-1", settings_for("127.0.0.1:9"), options)
