"""When what is rare is no longer held back but normal: the same for vectors, words and what states are told from."""

from typing import Final

__all__ = ["GONE_MS", "LASTING_SPELLS", "RARE_SHARE", "SPELL_MS"]

RARE_SHARE: Final = 0.06
"""What together makes up no more of what was seen waits; above the 5 % that a baseline withstands."""
LASTING_SPELLS: Final = 6
"""What came in so many different hours is normal, however rare."""
SPELL_MS: Final = 3_600_000
GONE_MS: Final = 15 * 86_400_000
"""What was not seen for so long has to come back as often as something new."""
