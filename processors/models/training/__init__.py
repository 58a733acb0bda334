"""Training of fusion models on a user's own windows or recordings: what `braid train` does.

Parts: `plan` (what a person chooses), `recordings` (media files to windows), `selection` (what of a set is learned, and
what cannot be), `examples` (windows to tensors), `split` (by recording), `learner` and `steps` (losses, optimiser),
`encoder_tuning` (encoders that learn by themselves), `joint` (encoders and network together, from raw windows),
`calibration` (probabilities and thresholds from held-out windows), `run` (all of it, and the folder that it fills).
"""
