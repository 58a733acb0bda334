"""What becomes of an item that the fusion model takes raw: decoded, without a model that is asked."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from processors.modality import Modality
from processors.models.served import ServedFacts
from processors.models.spec import EMBEDDING_DIMS
from streams.errors import PoisonItem
from streams.inference import TritonServer
from streams.records import Item
from streams.settings import ModelSettings, Settings
from streams.worker.encoders import ItemEncoders, encoder_names
from streams.worker.readiness import OneTry

NOBODY = "127.0.0.1:9"


@pytest.fixture
async def encoders():
    served = ServedFacts(
        {Modality.TRANSCRIPT: EMBEDDING_DIMS[Modality.TRANSCRIPT]},
        ("leak",),
        {"leak": 0.5},
        raw={Modality.VIDEO: 8, Modality.AUDIO: 4},
        max_batch=8,
    )
    with ThreadPoolExecutor(1) as executor:
        opened = ItemEncoders(TritonServer(NOBODY), served, Settings(), OneTry(), executor)
        yield opened
        await opened.close()


def item(modality, payload, content_type=None, rate_hz=None):
    return Item("i", "dock-1", modality, 0, 0, 0, False, modality, 0, 0, content_type, rate_hz, None, payload)


async def test_a_raw_frame_is_its_pixels_and_nobody_is_asked(encoders):
    picture = np.full((48, 64, 3), (0, 0, 250), np.uint8)  # BGR
    content = await encoders.encode(item(Modality.VIDEO, cv2.imencode(".png", picture)[1].tobytes()))
    assert content.raw.dtype == np.uint8
    assert content.raw.shape == (1, 224, 224, 3)
    assert content.raw[0, 0, 0].tolist() == [250, 0, 0]
    assert content.model_version == ""
    assert content.held_bytes == 224 * 224 * 3


async def test_a_raw_sound_is_its_seconds_at_sixteen_kilohertz(encoders):
    pcm = np.full(8_000 * 5 // 2, 16_384, "<i2").tobytes()
    content = await encoders.encode(item(Modality.AUDIO, pcm, "audio/pcm", 8_000))
    assert content.raw.dtype == np.float32
    assert content.raw.shape == (3, 16_000)
    assert content.raw[1].mean() == pytest.approx(0.5, abs=0.01)
    assert (content.samples, content.sample_rate_hz) == (20_000, 8_000)
    assert content.held_bytes == 3 * 64_000


async def test_a_raw_item_that_cannot_be_decoded_is_poison_as_any_other(encoders):
    with pytest.raises(PoisonItem) as poison:
        await encoders.encode(item(Modality.VIDEO, b"no picture"))
    assert poison.value.code == "video.format"


async def test_only_words_have_an_encoder_where_all_else_is_raw(encoders):
    assert encoders.names == {Modality.TRANSCRIPT: "text_encoder"}


def test_encoders_are_named_by_the_settings():
    settings = Settings(models=ModelSettings(video_encoder="seer"))
    assert encoder_names(settings)[Modality.VIDEO] == "seer"
    assert encoder_names(settings)[Modality.AUDIO] == "audio_encoder"
