"""Scores of who speaks: DER and JER of turns, and word errors that count a word of the wrong speaker as wrong."""
