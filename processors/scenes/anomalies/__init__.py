"""Sources with anomalies of known kind, begin and end, composed of clips and sounds: what a baseline is judged by.

A clip whose camera stands still is a place. Parts of it are looped as the normal that is learned; other parts are held
out, and anomalies befall those alone. What intrudes is cut out of other clips, or comes from sounds that are held out:
nothing that is learned is met again.
"""

from processors.scenes.anomalies.hearing import Hearing, read_hearings
from processors.scenes.anomalies.kinds import Kind
from processors.scenes.anomalies.places import Place, read_places
from processors.scenes.anomalies.playing import FPS, can_befall
from processors.scenes.anomalies.stretches import Source, Stretch, compose_held_out, compose_learned

__all__ = [
    "FPS",
    "Hearing",
    "Kind",
    "Place",
    "Source",
    "Stretch",
    "can_befall",
    "compose_held_out",
    "compose_learned",
    "read_hearings",
    "read_places",
]
