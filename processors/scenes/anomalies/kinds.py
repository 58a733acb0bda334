"""The kinds of anomalies that are composed into a source's stretches.

| kind | what happens |
|---|---|
| `too_fast` | what moves in the scene does so two and a half times as fast |
| `backwards` | what moves in the scene goes back the way that it came |
| `where_nothing_moves` | a thing of the scene moves where nothing ever does |
| `foreign_thing` | a thing that was never there passes by |
| `object_left` | a thing that was never there stands in the picture from now on |
| `object_removed` | a part of the scene that was always there is gone |
| `smoke` | grey clouds rise and thicken |
| `glare` | a light shines into the lens |
| `covered` | something hangs over the lens: a dull colour, a little light at the rim |
| `frozen` | the picture stands still to the bit |
| `dark` | a twelfth of the light |
| `blurred` | out of focus |
| `shaken` | the camera shakes |
| `turned` | the camera looks elsewhere: a quarter of the picture aside, and tilted |
| `unfamiliar_sound` | a sound of a class that the source never brings |
| `odd_sound` | a familiar sound under a light under which it never comes |
| `silence` | no sound where there always is some |
| `unheard_words` | someone says what is never said there |
| `mismatch` | the picture of one light, the sound that belongs to the other |
"""

from enum import StrEnum

from processors.modality import Modality

__all__ = ["Kind"]


class Kind(StrEnum):
    """What is composed into a stretch."""

    TOO_FAST = "too_fast"
    BACKWARDS = "backwards"
    WHERE_NOTHING_MOVES = "where_nothing_moves"
    FOREIGN_THING = "foreign_thing"
    OBJECT_LEFT = "object_left"
    OBJECT_REMOVED = "object_removed"
    SMOKE = "smoke"
    GLARE = "glare"
    COVERED = "covered"
    FROZEN = "frozen"
    DARK = "dark"
    BLURRED = "blurred"
    SHAKEN = "shaken"
    TURNED = "turned"
    UNFAMILIAR_SOUND = "unfamiliar_sound"
    ODD_SOUND = "odd_sound"
    SILENCE = "silence"
    UNHEARD_WORDS = "unheard_words"
    MISMATCH = "mismatch"

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Those in which it shows; of two, only together."""
        if self in {Kind.ODD_SOUND, Kind.MISMATCH}:
            return (Modality.VIDEO, Modality.AUDIO)
        if self in {Kind.UNFAMILIAR_SOUND, Kind.SILENCE}:
            return (Modality.AUDIO,)
        return (Modality.TRANSCRIPT,) if self is Kind.UNHEARD_WORDS else (Modality.VIDEO,)
