"""Braid's thinking half: pure functions and networks; imports nothing from `streams`."""
