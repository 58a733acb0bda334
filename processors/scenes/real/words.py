"""What people say on a stream: lines that belong to an event as it happens, and lines that only mention one."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import numpy as np

__all__ = ["EVENT_CLASSES", "EVENT_LINES", "MENTIONS", "LinePart", "choose_part_line"]


class LinePart(StrEnum):
    """Which of the lines a stream may speak; no line is in two parts."""

    TRAINING = "training"
    VALIDATION = "validation"
    TEST = "test"


_PARTS_IN_TURN: Final = (
    LinePart.TRAINING,
    LinePart.TRAINING,
    LinePart.TRAINING,
    LinePart.VALIDATION,
    LinePart.TEST,
)

EVENT_LINES: Final[dict[str, tuple[str, ...]]] = {
    "baby_cry": (
        "the baby is crying",
        "listen, the baby just woke up and cries",
        "the little one is screaming in the cot",
        "our baby is crying its heart out right now",
        "somebody please pick up the crying baby",
        "the infant is wailing",
        "he's crying again, he must be hungry",
        "that baby is howling",
        "the newborn started to cry",
        "she is crying, bring the bottle and a nappy",
        "the baby is sobbing in the pram",
        "there, now the baby is screaming",
        "the toddler is bawling next door",
        "hush, little one, don't cry",
        "the baby won't stop crying",
        "can you hear it, a baby is crying",
        "the child is weeping in its bed",
        "rock the cradle, the baby cries",
        "the baby is upset and crying loudly",
        "go to the nursery, the baby is crying",
    ),
    "chainsaw": (
        "someone is running a chainsaw",
        "he has started the chainsaw",
        "they are sawing through the trunk now",
        "the chainsaw is cutting into the tree",
        "watch out, he's got a chainsaw running",
        "they are felling the oak with a power saw",
        "the saw is howling through the wood",
        "a chainsaw is going over there",
        "he is cutting the logs with the motor saw",
        "stand back, the chainsaw is on",
        "they're cutting the branches off with a chainsaw",
        "now the lumberjack is sawing",
        "that chainsaw is roaring",
        "the timber is being cut right now",
        "somebody is cutting down the tree",
        "there goes the chainsaw again",
        "the gardener is sawing up the fallen tree",
        "hear that, a petrol saw at full throttle",
        "he revs the chainsaw and cuts",
        "someone is sawing firewood with a chainsaw",
    ),
    "dog_bark": (
        "the dog is barking",
        "a dog barks at the gate",
        "listen to that dog, it won't stop barking",
        "the neighbour's dog is barking at somebody",
        "the hound is barking at the fence",
        "our dog just started to bark",
        "there's a dog barking outside",
        "quiet, rex, stop barking",
        "the puppy is yapping",
        "that big dog is growling and barking",
        "the guard dog has noticed someone",
        "down, boy, down, no barking",
        "woof, the dog is at the door",
        "the terrier is barking like mad",
        "the dogs are barking in the yard",
        "hold the dog, it is barking at him",
        "the shepherd dog barks right now",
        "somebody is there, the dog barks",
        "hear the dog, it is barking again",
        "he's barking, put him on the leash",
    ),
    "fire_crackling": (
        "the fire is crackling",
        "look, the logs are burning",
        "the campfire is blazing now",
        "flames are coming up, it's burning",
        "the wood has caught fire",
        "something is on fire over there",
        "the fire is burning and spitting sparks",
        "sparks are flying out of the fire",
        "it burns, the flames are getting higher",
        "the bonfire is lit",
        "there's a fire in the fireplace, it crackles",
        "the dry branches are going up in flames",
        "the stove is burning nicely now",
        "careful, the flames are near the straw",
        "that fire is growing",
        "I can feel the heat of the flames",
        "the embers are glowing and popping",
        "it's burning, fetch some water",
        "the hay is on fire",
        "the fire flares up again",
    ),
    "helicopter": (
        "a helicopter is flying over us",
        "the helicopter is coming in to land",
        "there's a chopper right above the house",
        "look up, a helicopter",
        "the rescue helicopter is here",
        "the police helicopter is circling",
        "a chopper is hovering over the field",
        "hear the rotor, it's a helicopter",
        "the helicopter is taking off now",
        "that helicopter is very low",
        "the air ambulance is landing",
        "here comes the helicopter",
        "a military chopper is passing",
        "the rotor blades are whipping up the dust",
        "the helicopter hangs over the roof",
        "they are being flown out by helicopter",
        "it's a helicopter, it is turning round",
        "the chopper is touching down",
        "watch your hat, the helicopter is landing",
        "a helicopter is approaching from the north",
    ),
    "rooster": (
        "the rooster is crowing",
        "there, the cock crows",
        "cock-a-doodle-doo, he's awake",
        "the rooster is at it again",
        "that cockerel is crowing on the fence",
        "listen, the rooster crows",
        "the cock is crowing on the dung heap",
        "our rooster is calling the hens",
        "the old rooster crows at the top of his voice",
        "the cockerel has just crowed",
        "it's dawn, the rooster is crowing",
        "hear the cock crow in the yard",
        "the rooster is waking everybody",
        "the cock in the henhouse is crowing",
        "a rooster is crowing next door",
        "now the rooster starts",
        "the red rooster is crowing loudly",
        "he crows and crows, that rooster",
        "the farmyard cock is crowing",
        "there goes the rooster",
    ),
}
"""Class -> lines that are only said while the event happens."""

EVENT_CLASSES: Final = tuple(EVENT_LINES)
"""What can happen on a stream, in the order of the model's outputs."""

MENTIONS: Final[dict[str, tuple[str, ...]]] = {
    "baby_cry": (
        "her baby is due in march",
        "they bought a cot for the baby last week",
        "did the baby sleep well last night",
        "my nephew cried at the wedding last year",
        "she wrote a book about babies that cry",
        "the baby will be one year old on sunday",
        "when you were a baby you never cried",
        "we talked about baby names yesterday",
        "he cried a lot as a child, he told me",
        "the pram is for sale",
    ),
    "chainsaw": (
        "I sold my chainsaw last spring",
        "he wants a chainsaw for his birthday",
        "the chainsaw is in the shed, without its chain",
        "they cut down that tree two years ago",
        "we watched a film about a chainsaw",
        "tomorrow a man with a chainsaw will come for the oak",
        "a new saw costs three hundred",
        "he took a course in using a chainsaw",
        "remember to order chain oil for the saw",
        "my uncle was a lumberjack",
    ),
    "dog_bark": (
        "we had a dog when I was small",
        "she wants to get a dog next year",
        "did you feed the dog this morning",
        "their dog barked all night last summer",
        "dogs are not allowed in the shop",
        "he wrote an essay about dogs that bark",
        "I have to buy dog food tomorrow",
        "the dog is at the vet until friday",
        "my cousin trains dogs for the police",
        "that dog never barks, he says",
    ),
    "fire_crackling": (
        "the fire insurance went up again",
        "we will light the campfire next saturday",
        "there was a fire in the mill a hundred years ago",
        "the fireplace was never used",
        "he got fired from his job",
        "the firewood is to be delivered on monday",
        "she told us about the great fire of london",
        "we should buy a new fire extinguisher",
        "the stove was cold when we came",
        "no open fire is allowed in the park",
    ),
    "helicopter": (
        "he built a toy helicopter for his son",
        "a helicopter flight costs two hundred",
        "she learned to fly a helicopter in the army",
        "the helicopter was sent to the museum",
        "last year they had to call a helicopter",
        "we saw a film about helicopter pilots",
        "the helicopter will not fly tomorrow, says the forecast",
        "my brother repairs helicopters",
        "they sold the chopper to a farmer",
        "the new airport will have a place for helicopters",
    ),
    "rooster": (
        "we ate rooster in wine on sunday",
        "they used to have a rooster and ten hens",
        "the rooster on the church tower was gilded",
        "he painted a rooster on the wall",
        "the rooster is for sale, like the hens",
        "my grandmother's rooster died in winter",
        "the pub is called the red rooster",
        "we got up before the cock crowed yesterday",
        "she bought a weathercock",
        "a rooster was stolen from the farm last week",
    ),
}
"""Class -> lines that speak of such a thing while nothing of the kind happens."""


def choose_part_line(lines: Sequence[str], rng: np.random.Generator, part: LinePart) -> str:
    """One of `lines`, out of a part of them."""
    own = [line for index, line in enumerate(lines) if _PARTS_IN_TURN[index % len(_PARTS_IN_TURN)] is part]
    return own[int(rng.integers(len(own)))]
