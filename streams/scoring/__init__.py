"""Scoring recordings against normal ones, offline: files and folders in, one line per window out.

`clips` (what the paths hold, with what lies `beside` them) -> `processors.models.observing` (encoded once) ->
`processors.normality` (learned and judged) -> `explaining` (by recordings and their own times) -> `run` (in order, with
what could not be scored counted).
"""
