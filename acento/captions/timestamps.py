"""Times as the formats of captions write them."""


def timestamp(seconds: float, separator: str = ".") -> str:
    """Return hours, minutes, seconds and milliseconds.

    >>> timestamp(3661.5), timestamp(0.0625, ","), timestamp(360000)
    ('01:01:01.500', '00:00:00,062', '100:00:00.000')
    """
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{separator}{rest % 1000:03}"
