"""Composed event streams of real scenes: real clips, real things cut out of other clips, and real sounds.

What a stream shows of an event is a convention. A cut-out of a real moving thing (a person, a car, a bottle, whatever
the clips hold) is laid over the scene, and the *manner* in which it is there tells the class: a dog's bark is a thing
that dashes back and forth, a rooster one that pops up and is gone again (`manners`). Which thing it is tells nothing:
clips hold too few kinds of things to try a network on things that it has not seen. Sounds and words are those of the
class.
"""

from processors.scenes.real.clips import ClipBank, read_clips
from processors.scenes.real.sounds import SoundBank, read_sound_bank
from processors.scenes.real.stream import Stream, StreamSettings, compose_stream
from processors.scenes.real.words import EVENT_CLASSES

__all__ = [
    "EVENT_CLASSES",
    "ClipBank",
    "SoundBank",
    "Stream",
    "StreamSettings",
    "compose_stream",
    "read_clips",
    "read_sound_bank",
]
