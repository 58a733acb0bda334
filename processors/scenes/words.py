"""What people say in a scene: lines that belong to an event, lines that only mention one, and ordinary talk."""

import numpy as np

from processors.scenes.settings import LineShare

__all__ = ["CHATTER", "EVENT_LINES", "MENTIONS", "choose_line", "speaking_time_ms"]

_HOLD_OUT_EVERY = 5
_MS_PER_WORD = 290
_MS_PER_LINE = 350

EVENT_LINES: dict[str, tuple[str, ...]] = {
    "fire_alarm": (
        "fire alarm, leave the building",
        "that is the fire alarm, everyone out",
        "I can smell smoke, get out now",
        "there is smoke in the hall, evacuate",
        "something is burning, call the fire brigade",
        "it's a fire, take the stairs",
        "the alarm is ringing, go to the assembly point",
        "smoke is coming out of the store room",
        "please evacuate, this is not a drill",
        "fire, fire, get everybody outside",
        "the sprinklers are on, leave everything and go",
        "I see flames behind the pallets",
    ),
    "collision": (
        "that van just hit the rack",
        "he drove straight into the gate",
        "there's been a crash at the dock",
        "watch out, he's going to hit it",
        "the truck ran into the pillar",
        "what a bang, two cars have crashed",
        "the forklift knocked the shelf over",
        "someone got hit, call an ambulance",
        "it smashed right into the wall",
        "they collided at the corner",
        "he couldn't brake, he crashed into the van",
        "oh no, the lorry rammed the barrier",
    ),
    "break_in": (
        "someone is breaking the window",
        "there's a man climbing through the window",
        "somebody just smashed the glass",
        "he's forcing the door open",
        "there is a burglar in the yard",
        "I heard glass break, someone is inside",
        "they are breaking into the office",
        "who is that with the torch, call the police",
        "a stranger has broken the lock",
        "intruder at the back door",
        "thieves, they are in the warehouse",
        "he's got a crowbar at the door",
    ),
    "crowd_panic": (
        "everybody run",
        "run, get away from here",
        "people are screaming and running",
        "stop pushing, someone has fallen",
        "they are all running for the exit",
        "oh my god, run, run",
        "the crowd is panicking",
        "get down, get out of the way",
        "help, we are being crushed",
        "everyone is fleeing down the street",
        "let me through, let me out",
        "don't trample her, move back",
    ),
}

MENTIONS: tuple[str, ...] = (
    "the fire alarm test is tomorrow",
    "did you watch the film with the car crash",
    "they repaired the window that was broken last year",
    "I run every morning before work",
    "the insurance covers theft and fire",
    "the new glass door arrives on monday",
    "the smoke detector needs a new battery",
    "the crowd at the concert was lovely",
    "we should practise the evacuation in spring",
    "the police visited the school for a talk",
    "no accident for two hundred days now",
    "he used to drive a fire engine",
)

CHATTER: tuple[str, ...] = (
    "the delivery is due at four",
    "could you sign here please",
    "we need two more boxes on that shelf",
    "it looks like rain again",
    "lunch is at half past twelve",
    "I'll take the next pallet",
    "have you seen my gloves",
    "the printer is out of paper",
    "thank you, have a good day",
    "the meeting was moved to thursday",
    "put the blue ones on the left",
    "how was your weekend",
    "let me check the order number",
    "the lift is working again",
    "three more parcels for the second floor",
    "can you hold the door for a moment",
    "the coffee machine is fixed",
    "we are waiting for the driver",
    "it should fit in the small van",
    "I parked on the other side",
    "please ring the bell when you arrive",
    "the invoice is on your desk",
    "turn the radio down a bit",
    "they are painting the corridor this week",
    "good morning, how can I help",
    "that colour suits the room",
    "we close at six today",
    "the bikes go over there",
    "she will be back in five minutes",
    "is this seat taken",
)


def choose_line(lines: tuple[str, ...], rng: np.random.Generator, share: LineShare) -> str:
    """One of `lines`, out of the share that may be spoken; every fifth line is held out."""
    allowed = [
        line
        for index, line in enumerate(lines)
        if share is LineShare.ALL or (index % _HOLD_OUT_EVERY == _HOLD_OUT_EVERY - 1) == (share is LineShare.HELD_OUT)
    ]
    return allowed[int(rng.integers(len(allowed)))]


def speaking_time_ms(text: str) -> int:
    """How long it takes to say `text`."""
    return _MS_PER_LINE + _MS_PER_WORD * len(text.split())
