"""When words were said: from frames, from attention, and as words of a text."""
