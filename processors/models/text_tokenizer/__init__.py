"""The Triton model `text_tokenizer`: Triton runs a copy of `model.py`; nothing here imports it."""
