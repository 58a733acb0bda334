"""One thread for each process of a test run.

The networks of these tests are tiny: with a thread for every core each operation waits until all of them are awake, and
beside the servers of a stack, which want the same cores, that is most of the time. Workers do likewise in production.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
