"""Models: their typed spec, the Triton model repository made from it, and the networks behind it.

`spec` and `config_pbtxt` need numpy alone; `encoders`, `export`, `build` and everything about training need the extra
`train` (PyTorch).
"""
