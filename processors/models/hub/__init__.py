"""Encoders out of Hugging Face checkpoints: CLIP, SigLIP, AST, CLAP and BERT kinds, from a folder or from the hub.

`checkpoint` finds the files and says what they are, without a deep-learning framework; `encoders` makes a network out
of them that takes and gives what the packaged encoder of that modality does; `pairs` compares with texts. Weights are
read from safetensors alone: a pickle runs code when it is loaded.
"""
