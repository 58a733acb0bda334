"""Braid's moving half: everything that touches Kafka, Triton, Redis, a clock or a socket."""
