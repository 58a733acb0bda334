r"""Training of the fusion network on composed scenes.

The committed weights come from

    braid models build --target models/
    python -m processors.models.fusion_training --models models/ --cache features/ --out processors/models/weights \
        --recordings $BRAID_DATA/clips/{car,bottle,one-by-one-person}-detection.mp4 \
            $BRAID_DATA/clips/grid/{bb,lb,sw}*.mpg $BRAID_DATA/esc10/*/[12]-* \
        --validation-footage $BRAID_DATA/clips/nasa_13013.mp4 $BRAID_DATA/clips/grid/{lr,lw,p}*.mpg \
        --test-recordings $BRAID_DATA/esc10/*/3-*

with the seeds that `--help` shows and `weights/fusion.json` records. Everything is drawn from these seeds; on another
machine the last digits of the weights may differ, because sums are taken in another order. One core is enough: the
embeddings take about ten minutes and are cached, the training itself takes a few.

Parts: `footage` (many clips out of few), `scenes` (seed -> encoded scene), `recordings` (real media without events),
`windows` (encoded scene -> windows and what they show), `fitting` (the loop), `scoring` (what was found and missed).
"""
