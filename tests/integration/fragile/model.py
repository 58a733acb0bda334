"""A Triton model that does to its server what a row tells it to; every other row is doubled."""

import os
import signal
import site
import time

site.addsitedir(os.environ["BRAID_SITE_PACKAGES"])

import numpy as np
import triton_python_backend_utils as pb_utils

RAISES, ENDS_ITSELF, KILLS_THE_SERVER, SLEEPS = -1.0, -2.0, -3.0, -4.0
SLEEP_S = 1.2


class TritonPythonModel:
    """One instance, in a process of its own: Triton's stub."""

    def execute(self, requests):
        """Answers a joined batch; what one row does, its neighbours of the batch suffer."""
        batches = [pb_utils.get_input_tensor_by_name(request, "x").as_numpy() for request in requests]
        rows = np.concatenate(batches).reshape(-1)
        if KILLS_THE_SERVER in rows:
            os.kill(os.getppid(), signal.SIGKILL)
            os._exit(1)  # an orphan would wait for the dead server for ever
        if ENDS_ITSELF in rows:
            os._exit(1)
        if RAISES in rows:
            raise ValueError("this row cannot be computed")
        if SLEEPS in rows:
            time.sleep(SLEEP_S)
        answers = [pb_utils.Tensor("y", (batch * 2).astype(np.float32)) for batch in batches]
        return [pb_utils.InferenceResponse(output_tensors=[answer]) for answer in answers]
