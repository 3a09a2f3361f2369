"""How a length of time is said to a person."""


def duration(seconds: float) -> str:
    """Return a length in hours, minutes or seconds.

    >>> duration(5400), duration(90), duration(1.5)
    ('1.50 h', '1.5 min', '1.5 s')
    """
    if seconds >= 3600:
        return f"{seconds / 3600:.2f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.1f} s"
