"""Other processes of this machine."""

import os


def alive(pid: int) -> bool:
    """Tell whether a process of this machine lives; one of another user does too."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
