"""Encoded streams to learn from, kept in a folder for the next run."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from processors.modality import Modality
from processors.models.composed.encoding import EncodedStream, encode_items
from processors.models.composed.material import Material
from processors.models.fusion_training.scenes import Items
from processors.models.local_encoders import Encoders
from processors.models.spec import AUDIO_ENCODER, TEXT_ENCODER_ONNX, VIDEO_ENCODER
from processors.scenes.real import (
    ClipBank,
    SoundBank,
    Stream,
    StreamSettings,
    compose_stream,
    read_clips,
    read_sound_bank,
)
from processors.scenes.real.words import LinePart
from processors.scenes.sounds import SOUNDS, calm_speech
from processors.scenes.synthesis import SOUND_RATE_HZ, Signal

__all__ = ["StreamSource"]

_SNR_DB: Final = (-2.0, 20.0)
_SPEEDS: Final = (0.87, 1.15)
_SYNTHESISED: Final = ("knock", "beep", "horn", "door", "keys")
_SYNTHESISED_EACH: Final = 3
_MODELS: Final = {
    Modality.VIDEO: VIDEO_ENCODER.name,
    Modality.AUDIO: AUDIO_ENCODER.name,
    Modality.TRANSCRIPT: TEXT_ENCODER_ONNX.name,
}


@dataclass(frozen=True, slots=True, eq=False)
class StreamSource:
    """Makes streams of one part of the material.

    Attributes:
        part: its name.
        clips: of it.
        sounds: of it.
        lines: which may be spoken.
        encoders: with what to encode.
        digests: modality -> of the encoder's graph.
        cache: folder of embeddings.
    """

    part: str
    clips: ClipBank
    sounds: SoundBank
    lines: LinePart
    encoders: Encoders
    digests: dict[Modality, str]
    cache: Path

    @classmethod
    def open(cls, part: str, material: Material, models: Path, cache: Path, lines: LinePart) -> "StreamSource":
        """Read the material of a part; sounds to learn from are also played slower and faster."""
        sounds = read_sound_bank(material.sounds)
        if part == "training":
            sounds = _vary(sounds)
        digests = {
            modality: hashlib.sha256((models / name / "1" / "model.onnx").read_bytes()).hexdigest()[:12]
            for modality, name in _MODELS.items()
        }
        return cls(part, read_clips(material.clips), sounds, lines, Encoders(models), digests, cache)

    def make(self, seed: int, versions: int) -> list[EncodedStream]:
        """A stream in versions that differ in the ratio of signal to noise."""
        rng = np.random.default_rng((seed, 21))
        scene = list(self.clips.scenes)[seed % len(self.clips.scenes)]
        streams = [
            compose_stream(
                StreamSettings(seed=seed, snr_db=float(rng.uniform(*_SNR_DB)), lines=self.lines),
                self.clips,
                self.sounds,
                scene,
            )
            for _ in range(versions)
        ]
        encoded = [self._encode(stream) for stream in streams[:1]]
        for stream in streams[1:]:
            sound = self._items(stream, Modality.AUDIO)
            encoded.append(replace(encoded[0], items={**encoded[0].items, Modality.AUDIO: sound}))
        return encoded

    def _encode(self, stream: Stream) -> EncodedStream:
        items = {modality: self._items(stream, modality) for modality in Modality}
        name = f"{self.part}-{stream.settings.seed}"
        return EncodedStream(name, round(stream.settings.duration_s * 1000), items, stream.events)

    def _items(self, stream: Stream, modality: Modality) -> Items:
        ratio = f"-{stream.settings.snr_db:.3f}" if modality is Modality.AUDIO else ""
        path = self.cache / f"{self.part}-{stream.settings.seed}{ratio}-{modality}-{self.digests[modality]}.npz"
        if not path.is_file():
            items = encode_items(stream, modality, self.encoders)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                np.savez(file, embeddings=items.embeddings.astype(np.float16), spans_ms=items.spans_ms)
        with np.load(path, allow_pickle=False) as stored:
            return Items(stored["embeddings"].astype(np.float32), stored["spans_ms"])


def _vary(sounds: SoundBank) -> SoundBank:
    rng = np.random.default_rng(0)
    second = SOUND_RATE_HZ
    synthesised = [
        SOUNDS[name](rng, second + int(rng.integers(second))) for name in _SYNTHESISED for _ in range(_SYNTHESISED_EACH)
    ]
    synthesised += [calm_speech(rng, 3 * second) for _ in range(4 * _SYNTHESISED_EACH)]
    return replace(
        sounds,
        events={name: _at_speeds(own) for name, own in sounds.events.items()},
        harmless=(*_at_speeds(sounds.harmless), *synthesised),
    )


def _at_speeds(sounds: Sequence[Signal]) -> tuple[Signal, ...]:
    changed = [
        np.interp(np.arange(0, len(sound), speed), np.arange(len(sound)), sound).astype(np.float32)
        for sound in sounds
        for speed in _SPEEDS
    ]
    return (*sounds, *changed)
