"""How an amount of bytes is said to a person."""


def size_text(size: float) -> str:
    """Return bytes in the unit that suits them.

    >>> size_text(12), size_text(34_500), size_text(6_700_000_000)
    ('12 B', '34.5 kB', '6.7 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
