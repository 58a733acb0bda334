"""The Python-based Triton backend `onnxruntime`: Triton runs a copy of `model.py`; nothing here imports it."""
