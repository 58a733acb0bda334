"""Fusion of ready features: sets of utterances and sequences to trained kinds of fusion, and ensembles of them."""
