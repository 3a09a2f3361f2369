"""The direction in which a text is written."""

import unicodedata


def right_to_left(text: str) -> bool:
    """Tell whether the first character that has a direction goes to the left (rules P2 and P3 of UAX #9).

    >>> right_to_left("- שלום"), right_to_left("Hola, مرحبا"), right_to_left("12")
    (True, False, False)
    """
    for character in text:
        direction = unicodedata.bidirectional(character)
        if direction in ("L", "R", "AL"):
            return direction != "L"
    return False
