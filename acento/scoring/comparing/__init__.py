"""Two systems or two runs on the same clips: what differs, and whether that is more than chance."""
