"""Training of the fusion network on composed scenes.

The committed weights come from

    braid models build --out models/
    python -m processors.models.fusion_training --models models/ --cache features/ --out processors/models/weights

with the seeds that `--help` shows and `weights/fusion.json` records. Everything is drawn from these seeds; on another
machine the last digits of the weights may differ, because sums are taken in another order. One core is enough: the
features of all scenes take about ten minutes and are cached, the training itself takes a few.

Parts: `scenes` (seed -> encoded scene), `windows` (encoded scene -> windows and what they show), `fitting` (the loop),
`scoring` (what was found, what was missed).
"""
