"""Smaller and faster versions of models: pruned, in eight-bit integers, and what that costs and gains."""
