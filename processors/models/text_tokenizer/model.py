"""Turns texts into token ids on the server, so that a change of the text model needs no change of its callers.

Runs in Triton's Python backend with the library `tokenizers`; `tokenizer.json` is beside this file.

Environment:
    BRAID_SITE_PACKAGES: where numpy and tokenizers are installed, if Triton's own Python does not have them.
"""

import json
import os
import site
from itertools import islice
from pathlib import Path
from typing import Any

if _site_packages := os.environ.get("BRAID_SITE_PACKAGES"):
    site.addsitedir(_site_packages)

import numpy as np
import triton_python_backend_utils as pb_utils
from tokenizers import Tokenizer

__all__ = ["TritonPythonModel"]

_SHORTEST = 16
"""Sequences are padded to this length or the next doubling of it: requests of equal lengths can share a batch, and a
text is padded alike whatever it shares one with."""


class TritonPythonModel:
    """One tokenizer, in a process of its own. Triton calls it from one thread."""

    def initialize(self, args: dict[str, str]) -> None:
        """Loads `tokenizer.json` of the version.

        Args:
            args: Triton's description of the instance.
        """
        parameters = json.loads(args["model_config"])["parameters"]
        self._max_tokens = int(parameters["max_tokens"]["string_value"])
        path = Path(args["model_repository"], args["model_version"], "tokenizer.json")
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.enable_truncation(self._max_tokens)
        self._tokenizer.no_padding()
        pad_token = self._tokenizer.token_to_id("[PAD]")
        self._pad_id = 0 if pad_token is None else pad_token

    def execute(self, requests: list[Any]) -> list[Any]:
        """Tokenizes a joined batch.

        Args:
            requests: each with `text` BYTES [N, 1], UTF-8.

        Returns:
            One response per request, in order; text that is not UTF-8 is an error of its own request alone.
        """
        texts: list[list[str]] = []
        errors: dict[int, str] = {}
        for index, request in enumerate(requests):
            rows = pb_utils.get_input_tensor_by_name(request, "text").as_numpy()
            try:
                texts.append([row.decode("utf-8") for row in rows.reshape(-1)])
            except UnicodeDecodeError as error:
                texts.append([])
                errors[index] = f"text_tokenizer: `text` is not UTF-8: {error}"
        encodings = iter(self._tokenizer.encode_batch([text for rows in texts for text in rows]))
        return [
            pb_utils.InferenceResponse(error=pb_utils.TritonError(errors[index]))
            if index in errors
            else self._respond(request, [encoding.ids for encoding in islice(encodings, len(rows))])
            for index, (request, rows) in enumerate(zip(requests, texts, strict=True))
        ]

    def _respond(self, request: Any, sequences: list[list[int]]) -> Any:
        length = _SHORTEST
        longest = max(len(ids) for ids in sequences)
        while length < longest:
            length *= 2
        length = min(length, self._max_tokens)
        tokens = np.full((len(sequences), length), self._pad_id, dtype=np.int64)
        mask = np.zeros_like(tokens)
        for row, ids in enumerate(sequences):
            tokens[row, : len(ids)] = ids
            mask[row, : len(ids)] = 1
        asked = request.requested_output_names()
        outputs = {"input_ids": tokens, "attention_mask": mask}
        return pb_utils.InferenceResponse(
            output_tensors=[pb_utils.Tensor(name, array) for name, array in outputs.items() if name in asked]
        )
