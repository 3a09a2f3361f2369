"""Python reads this as it starts, in every process that tests start: what it imports it looks through less often."""

import gc

gc.set_threshold(20_000, 20, 20)
