"""Python reads this as it starts, in every process that tests start.

What it imports it looks through less often, and it waits for no disk: what is killed loses nothing that the kernel has.
"""

import gc
import os

gc.set_threshold(20_000, 20, 20)
os.fsync = lambda _: None
