r"""Training of the sound classifier on folders of sounds by class.

The committed weights come from

    python -m processors.models.sound_training --data $BRAID_DATA/esc10 --out processors/models/weights

with the seeds that `--help` shows and `weights/audio.json` records. It takes about a quarter of an hour on one core:
first the leave-one-fold-out figures, once per seed, then the network that learns from all clips. On another machine the
last digits may differ, because sums are taken in another order. `--skip-folds` trains the network alone, and leaves its
probabilities as cautious as the mean of several answers is. `--transfer frozen | last_n | full | lora` says how much of
the network learns; all but the last four blocks have to see the pictures themselves, which takes longer.

Parts: `augmentation` (what else a clip could have sounded like), `views` (many versions of each clip, through the part
of the network that stays as it is), `fitting` (the classes first, then the upper blocks), `folds` (who learns, who
judges).
"""

from processors.models.sound_training.fitting import RECIPE_TRANSFER
from processors.models.sound_training.fold_spread import FoldSpread
from processors.models.sound_training.folds import judge_sound_folds

__all__ = ["RECIPE_TRANSFER", "FoldSpread", "judge_sound_folds"]
