"""Faults on the real stack, as data, and what must hold after each of them."""
