"""Lines to learn from, made of parts: the same things and doings are said to be there now, or at another time.

Written lines are few; a model that learns from them alone learns their words. Of these only the tense, and who says it,
tell whether something happens.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

__all__ = ["make_event_line", "make_mention"]


@dataclass(frozen=True, slots=True)
class _Parts:
    """What lines of a class are made of.

    Attributes:
        things: that do something.
    many: the like, more than one.
        doing: what they do, as it goes on.
        do: the same, each in the form that follows "will".
        done: the same in the past tense.
        places: where.
    """

    things: tuple[str, ...]
    many: tuple[str, ...]
    doing: tuple[str, ...]
    do: tuple[str, ...]
    done: tuple[str, ...]
    places: tuple[str, ...]


_PARTS: Final[Mapping[str, _Parts]] = {
    "baby_cry": _Parts(
        ("baby", "young baby", "newborn", "toddler", "little girl", "little boy", "small child", "tiny baby"),
        ("babies", "newborns", "toddlers", "small children"),
        ("crying", "wailing", "sobbing", "bawling", "whimpering", "crying loudly", "screaming for its mother"),
        ("cry", "wail", "sob", "bawl", "whimper", "cry loudly", "scream for its mother"),
        ("cried", "wailed", "sobbed", "bawled", "whimpered", "cried loudly", "screamed for its mother"),
        ("upstairs", "in its bed", "in the carriage", "in the other room", "on her arm", "behind that door"),
    ),
    "chainsaw": _Parts(
        ("chainsaw", "power saw", "motor saw", "petrol saw", "big saw", "rusty chainsaw"),
        ("chainsaws", "motor saws", "big saws"),
        ("running", "cutting wood", "roaring", "eating through a log", "buzzing", "screeching", "idling"),
        ("run", "cut wood", "roar", "eat through a log", "buzz", "screech", "idle"),
        ("ran", "cut wood", "roared", "ate through a log", "buzzed", "screeched", "idled"),
        ("in the forest", "behind the barn", "at the edge of the wood", "on the slope", "in the neighbour's garden"),
    ),
    "dog_bark": _Parts(
        ("dog", "puppy", "hound", "poodle", "watchdog", "little dog", "black dog", "sheepdog"),
        ("dogs", "puppies", "hounds", "watchdogs"),
        ("barking", "yelping", "growling", "snarling", "barking at the postman", "barking loudly", "woofing"),
        ("bark", "yelp", "growl", "snarl", "bark at the postman", "bark loudly", "woof"),
        ("barked", "yelped", "growled", "snarled", "barked at the postman", "barked loudly", "woofed"),
        ("in the street", "behind the hedge", "in the garden", "at the front door", "down the road", "on the porch"),
    ),
    "fire_crackling": _Parts(
        ("fire", "campfire", "bonfire", "log fire", "wood fire", "grass fire"),
        ("fires", "campfires", "bonfires", "log fires"),
        ("crackling", "burning", "blazing", "throwing sparks", "flaming up", "roaring", "smouldering"),
        ("crackle", "burn", "blaze", "throw sparks", "flame up", "roar", "smoulder"),
        ("crackled", "burned", "blazed", "threw sparks", "flamed up", "roared", "smouldered"),
        ("in the hearth", "on the beach", "in front of the tent", "behind the house", "in the pit", "in the oven"),
    ),
    "helicopter": _Parts(
        ("helicopter", "chopper", "heavy helicopter", "big helicopter", "navy chopper", "coastguard helicopter"),
        ("helicopters", "choppers", "rescue helicopters"),
        ("hovering", "flying low", "landing", "lifting off", "flying past", "coming closer", "going round in circles"),
        ("hover", "fly low", "land", "lift off", "fly past", "come closer", "go round in circles"),
        ("hovered", "flew low", "landed", "lifted off", "flew past", "came closer", "went round in circles"),
        ("above the trees", "over the town", "on the meadow", "over the harbour", "behind the hospital", "over there"),
    ),
    "rooster": _Parts(
        ("rooster", "cock", "cockerel", "young rooster", "white cock", "proud cockerel"),
        ("roosters", "cocks", "cockerels"),
        ("crowing", "crowing away", "calling", "crowing at the sun", "screeching", "crowing without end"),
        ("crow", "crow away", "call", "crow at the sun", "screech", "crow without end"),
        ("crowed", "crowed away", "called", "crowed at the sun", "screeched", "crowed without end"),
        ("on the roof", "in the coop", "behind the stable", "among the hens", "down in the village", "on the wall"),
    ),
}

_NOW: Final = (
    "the {thing} is {doing}",
    "a {thing} is {doing} {place}",
    "I hear a {thing} {doing}",
    "I can see the {thing} {place}, it is {doing}",
    "there's a {thing} {doing} {place}",
    "oh, the {thing} has begun to {do}",
    "that's the {thing} {doing} {place}",
    "do you notice the {thing} {doing}",
    "it is {doing}, the {thing}",
    "at this moment the {thing} is {doing} {place}",
    "still {doing}, that {thing}",
    "what a noise, the {thing} is {doing}",
    "come here, the {thing} is {doing} {place}",
    "someone's {thing} is {doing}",
    "why is that {thing} {doing}",
    "the {thing} keeps {doing}",
    "right {place} a {thing} is {doing}",
    "another {thing} is {doing} now",
    "the {many} are {doing} {place}",
    "we are standing beside a {thing} that is {doing}",
    "do something, the {thing} is {doing}",
    "as I speak, a {thing} is {doing} {place}",
)
_AT_ANOTHER_TIME: Final = (
    "the {thing} {done} all day yesterday",
    "{when} a {thing} {done} {place}",
    "the {thing} will {do} {later}",
    "I wonder if the {thing} will ever {do}",
    "did the {thing} {do} on tuesday",
    "when we lived there, a {thing} {done} every day",
    "in the story a {thing} {done} {place}",
    "{who} kept a picture of a {thing} {place}",
    "{who} said that the {thing} no longer has to {do}",
    "the {thing} did not {do} at easter",
    "{who} never had a {thing}",
    "{who} often talked about the {thing} {place}",
    "you should write about the {thing}",
    "the {thing} was taken away in autumn",
    "how much did {who} pay for the {thing}",
    "{later} {who} will bring a {thing}",
    "it is quiet, the {thing} stopped {doing} hours ago",
    "call me if the {thing} should {do}",
    "a {thing} may not {do} here after ten",
    "{who} dreamed of a {thing} that {done}",
    "there is no {thing} {place} any more",
    "we learned about {many} at school",
    "the {thing} that {done} {place} belonged to my aunt",
    "a {thing} is on the cover of the magazine",
    "{when} {who} {dealt} a {thing}",
    "{who} {dealt} the {thing} {when}",
    "{who} {dealt} {many} {when}",
    "{who} will {deal} a {thing} {later}",
    "{later} {who} is going to {deal} the {thing}",
    "{many} are expensive",
    "not everybody likes {many}",
    "{many} were rare in those days",
    "there is a rule about {many}",
    "are {many} allowed to {do} at night",
    "{who} would love to {deal} some {many}",
)
_WHO: Final = ("I", "we", "they", "she", "my sister", "the neighbours", "an old man", "his boss", "the teacher")
_WHEN: Final = (
    "last month",
    "in spring",
    "on monday",
    "long ago",
    "two weeks ago",
    "years ago",
    "last night",
    "in 1990",
)
_LATER: Final = ("tomorrow", "next year", "in june", "one day", "on friday", "after the holidays", "some time")
_DEAL: Final = ("buy", "sell", "send for", "draw", "film", "look for", "need", "order", "hear about", "get rid of")
_DEALT: Final = (
    "bought",
    "sold",
    "sent for",
    "drew",
    "filmed",
    "looked for",
    "needed",
    "ordered",
    "heard about",
    "got rid of",
)


def make_event_line(kind: str, rng: np.random.Generator) -> str:
    """A line that says that an event of a class happens."""
    return _fill(_NOW, _PARTS[kind], rng)


def make_mention(kind: str, rng: np.random.Generator) -> str:
    """A line that speaks of such a thing while nothing of the kind happens."""
    return _fill(_AT_ANOTHER_TIME, _PARTS[kind], rng)


def _fill(frames: tuple[str, ...], parts: _Parts, rng: np.random.Generator) -> str:
    act = int(rng.integers(len(parts.doing)))
    return _one_of(frames, rng).format(
        thing=_one_of(parts.things, rng),
        many=_one_of(parts.many, rng),
        doing=parts.doing[act],
        do=parts.do[act],
        done=parts.done[act],
        place=_one_of(parts.places, rng),
        who=_one_of(_WHO, rng),
        when=_one_of(_WHEN, rng),
        later=_one_of(_LATER, rng),
        deal=_one_of(_DEAL, rng),
        dealt=_one_of(_DEALT, rng),
    )


def _one_of(choices: tuple[str, ...], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]
