"""What holds for every test: one thread for each process, and no deadline for examples.

The networks of these tests are tiny: with a thread for every core each operation waits until all of them are awake, and
beside the servers of a stack, which want the same cores, that is most of the time. Workers do likewise in production.
How long an example takes says more of what else the machine does.
"""

import os

from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("braid", deadline=None)
settings.load_profile("braid")
