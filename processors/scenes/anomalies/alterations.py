"""What an anomaly does to the picture, frame by frame."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.scenes.anomalies.kinds import Kind
from processors.scenes.anomalies.places import HEIGHT_PX, WIDTH_PX, Place
from processors.scenes.real.manners import Place as Spot
from processors.scenes.real.stream import lay_thing
from processors.scenes.real.things import Thing

__all__ = ["Alteration", "choose_furniture", "make_alteration"]

Picture = NDArray[np.uint8]

Alteration = Callable[[Picture, float], Picture]
"""uint8 [H, W, 3] RGB and seconds since it began -> the altered frame; it may be the same array."""

_SHAPE: Final = (HEIGHT_PX, WIDTH_PX)
_THING_FPS: Final = 4.0
_BOX_SHARES: Final = (0.3, 0.18)
_FURNITURE_BELOW: Final = 0.45


def make_alteration(kind: Kind, place: Place, rng: np.random.Generator) -> Alteration | None:
    """What a kind does to frames; None where it changes only which frames are played, or no picture at all.

    Args:
        kind: of the anomaly.
        place: that it befalls.
        rng: decides all that varies; used here only.
    """
    if kind in _OF_PLACE:
        return _OF_PLACE[kind](place, rng)
    return _OF_FRAME[kind](rng) if kind in _OF_FRAME else None


def choose_furniture(place: Place, rng: np.random.Generator) -> Alteration:
    """A foreign thing that always stands at the place, in every normal stretch, where least moves.

    Args:
        place: that it is put into.
        rng: decides which thing.
    """
    cut_out = _choose(place.foreign_things, rng).frames[0]
    top, left = _quietest(place.activity, lowest=_FURNITURE_BELOW)
    return _still(cut_out, Spot(left + _BOX_SHARES[1] / 2, top + _BOX_SHARES[0] / 2, _BOX_SHARES[0]))


def _still(cut_out: NDArray[np.uint8], spot: Spot) -> Alteration:
    """A thing that does not move is laid once: over black and over white, which tells how solid it is."""
    black = np.zeros((*_SHAPE, 3), np.uint8)
    white = np.full((*_SHAPE, 3), 255, np.uint8)
    for background in (black, white):
        lay_thing(background, cut_out, spot)
    shows = ((white.astype(np.float32) - black) / 255).clip(0, 1)
    rows, columns = (np.flatnonzero((shows < 1).any(axis=(axis, 2))) for axis in (1, 0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))

    def stand(frame: Picture, _: float) -> Picture:
        frame[box] = black[box] + (frame[box] * shows[box]).astype(np.uint8)
        return frame

    return stand


def _choose(things: Sequence[Thing], rng: np.random.Generator) -> Thing:
    """By clip first: a clip of many things does not crowd out one of few."""
    names = sorted({thing.clip for thing in things})
    name = names[int(rng.integers(len(names)))]
    own = [thing for thing in things if thing.clip == name]
    return own[int(rng.integers(len(own)))]


def _quietest(activity: NDArray[np.float32], *, lowest: float = 0.1) -> tuple[float, float]:
    """Top and left, as shares, of the box of least activity below `lowest` and off the borders."""
    rows, columns = _BOX_SHARES
    small = cv2.resize(activity, (64, 48), interpolation=cv2.INTER_AREA)
    sums = cv2.boxFilter(small, -1, (round(64 * columns), round(48 * rows)), anchor=(0, 0), normalize=True)
    tops = range(round(48 * lowest), round(48 * (0.95 - rows)))
    lefts = range(4, round(64 * (0.95 - columns)))
    top, left = min(((top, left) for top in tops for left in lefts), key=lambda at: float(sums[at]))
    return top / 48, left / 64


def _frame_of(thing: Thing, time_s: float) -> NDArray[np.uint8]:
    last = max(1, len(thing.frames) - 1)
    position = int(time_s * _THING_FPS) % (2 * last)
    return thing.frames[min(position if position <= last else 2 * last - position, len(thing.frames) - 1)]


def _move_where_nothing_does(place: Place, rng: np.random.Generator) -> Alteration:
    thing = _choose(place.own_things or place.foreign_things, rng)
    activity = place.activity.copy()
    height, width = activity.shape
    top, left = _quietest(activity, lowest=_FURNITURE_BELOW)
    rows, columns = slice(round(top * height), round((top + _BOX_SHARES[0]) * height)), round(left * width)
    activity[rows, columns : columns + round(_BOX_SHARES[1] * width)] = 1.0
    top, left = _quietest(activity)
    x, y = left + _BOX_SHARES[1] / 2, top + _BOX_SHARES[0] / 2
    size, phase = rng.uniform(0.24, 0.34), rng.uniform(0, 2 * np.pi)

    def move(frame: Picture, since_s: float) -> Picture:
        sway = 0.07 * np.sin(2 * np.pi * since_s / 2.2 + phase)
        lay_thing(frame, _frame_of(thing, since_s), Spot(x + sway, y, size))
        return frame

    return move


def _pass_by(place: Place, rng: np.random.Generator) -> Alteration:
    thing, goes_right = _choose(place.foreign_things, rng), bool(rng.random() < 0.5)
    y, size, crossing_s = rng.uniform(0.5, 0.7), rng.uniform(0.35, 0.5), rng.uniform(4.5, 5.5)

    def pass_(frame: Picture, since_s: float) -> Picture:
        along = 0.05 + 0.9 * since_s / crossing_s
        spot = Spot(along if goes_right else 1 - along, y, size)
        lay_thing(frame, _frame_of(thing, since_s), spot, is_mirrored=not goes_right)
        return frame

    return pass_


def _leave(place: Place, rng: np.random.Generator) -> Alteration:
    cut_out = _choose(place.foreign_things, rng).frames[0]
    return _still(cut_out, Spot(rng.uniform(0.2, 0.8), rng.uniform(0.6, 0.8), rng.uniform(0.22, 0.32)))


def _clouds(rng: np.random.Generator) -> NDArray[np.float32]:
    """Smooth noise 0-1, twice as high as a frame, that repeats from bottom to top."""
    sum_ = np.zeros((2 * HEIGHT_PX, WIDTH_PX), np.float32)
    for octave in range(3):
        cells = rng.random((6 * 2**octave, 4 * 2**octave), dtype=np.float32)
        cells = np.concatenate([cells, cells[:1]])
        sum_ += cv2.resize(cells, (WIDTH_PX, 2 * HEIGHT_PX), interpolation=cv2.INTER_CUBIC) / 2**octave
    spread = float(sum_.max() - sum_.min())
    return ((sum_ - sum_.min()) / spread).astype(np.float32)


def _smoke(rng: np.random.Generator) -> Alteration:
    clouds, grey, thickest = _clouds(rng), rng.uniform(150, 200), rng.uniform(0.75, 0.95)
    rise_px_s = rng.uniform(25, 45)

    def smoke(frame: Picture, since_s: float) -> Picture:
        rows = (np.arange(HEIGHT_PX) + int(rise_px_s * since_s)) % len(clouds)
        density = min(1.0, 0.35 + since_s / 3) * thickest * clouds[rows][..., None]
        return (frame + density * (grey - frame.astype(np.float32))).astype(np.uint8)

    return smoke


def _glare(rng: np.random.Generator) -> Alteration:
    y, x = np.mgrid[:HEIGHT_PX, :WIDTH_PX].astype(np.float32)
    at = rng.uniform(0.25, 0.75, 2) * _SHAPE
    far = np.hypot(y - at[0], x - at[1]) / HEIGHT_PX
    light = (380 * np.exp(-((far / rng.uniform(0.2, 0.3)) ** 2)) + 60 * np.exp(-far))[..., None]
    return lambda frame, since_s: np.minimum(frame + min(1.0, 0.4 + since_s) * light, 255).astype(np.uint8)


def _cover(rng: np.random.Generator) -> Alteration:
    colour = rng.uniform(10, 70, 3)
    y, x = np.mgrid[-1 : 1 : HEIGHT_PX * 1j, -1 : 1 : WIDTH_PX * 1j]
    side = rng.uniform(-1, 1, 2)
    rim = np.clip(y * side[0] + x * side[1] - rng.uniform(0.7, 0.9), 0, 0.3)[..., None]
    return lambda frame, _: (colour + rim * cv2.blur(frame, (31, 31))).clip(0, 255).astype(np.uint8)


def _freeze(_: np.random.Generator) -> Alteration:
    held: list[Picture] = []

    def freeze(frame: Picture, _: float) -> Picture:
        held.append(frame) if not held else None
        return held[0].copy()

    return freeze


def _darken(rng: np.random.Generator) -> Alteration:
    gain = rng.uniform(0.06, 0.1)
    return lambda frame, _: (frame * gain).astype(np.uint8)


def _blur(rng: np.random.Generator) -> Alteration:
    sigma = rng.uniform(4, 6)
    return lambda frame, _: cv2.GaussianBlur(frame, (0, 0), sigma)


def _shift(frame: Picture, x_px: float, y_px: float, angle_deg: float) -> Picture:
    matrix = cv2.getRotationMatrix2D((WIDTH_PX / 2, HEIGHT_PX / 2), angle_deg, 1.0)
    matrix[:, 2] += (x_px, y_px)
    return cv2.warpAffine(frame, matrix, (WIDTH_PX, HEIGHT_PX), borderMode=cv2.BORDER_REFLECT_101).astype(np.uint8)


def _shake(rng: np.random.Generator) -> Alteration:
    speeds, phases = rng.uniform(1.1, 2.4, 3), rng.uniform(0, 2 * np.pi, 3)

    def shake(frame: Picture, since_s: float) -> Picture:
        waves = np.sin(2 * np.pi * speeds * since_s + phases)
        return _shift(frame, 11 * waves[0], 8 * waves[1], 2 * waves[2])

    return shake


def _turn(rng: np.random.Generator) -> Alteration:
    x_px = rng.choice([-1, 1]) * rng.uniform(0.22, 0.32) * WIDTH_PX
    angle_deg = rng.uniform(-6, 6)
    return lambda frame, _: _shift(frame, float(x_px), 0.0, float(angle_deg))


_OF_PLACE: Final[Mapping[Kind, Callable[[Place, np.random.Generator], Alteration]]] = MappingProxyType(
    {
        Kind.WHERE_NOTHING_MOVES: _move_where_nothing_does,
        Kind.FOREIGN_THING: _pass_by,
        Kind.OBJECT_LEFT: _leave,
    }
)
_OF_FRAME: Final[Mapping[Kind, Callable[[np.random.Generator], Alteration]]] = MappingProxyType(
    {
        Kind.SMOKE: _smoke,
        Kind.GLARE: _glare,
        Kind.COVERED: _cover,
        Kind.FROZEN: _freeze,
        Kind.DARK: _darken,
        Kind.BLURRED: _blur,
        Kind.SHAKEN: _shake,
        Kind.TURNED: _turn,
    }
)
