"""Two normalized texts: aligned, and their errors counted."""
