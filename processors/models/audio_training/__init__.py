r"""Fine-tuning of the audio encoder on a folder of sounds by class.

The committed weights come from

    python -m processors.models.audio_training --data $BRAID_DATA/esc10 --groups "fold 1" "fold 2" \
        --out processors/models/weights

with the seeds that `--help` shows and `weights/audio_encoder.json` records. The groups that are not learned from are
what the encoder is judged on, beside the untuned one. It takes about ten minutes on one core. On another
machine the last digits may differ, because sums are taken in another order.

Parts: `chunks` (a second as streams bring it), `encoding` (many of them, through the part of the network that stays as
it is), `fitting` (the tuning), `probing` (what the embeddings tell).
"""
