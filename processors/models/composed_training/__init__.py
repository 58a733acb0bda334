"""Training of the model of composed event streams.

    braid models build --target models/
    python -m processors.models.composed_training --models models/ --data $BRAID_DATA --cache cache/ \
        --out processors/models/weights/
    braid evaluate composed --seed 0 --json

`cache/` keeps the embeddings of each stream, by the encoder that made them. The same command gives the same network on
the same machine.
"""
