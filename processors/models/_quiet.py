"""Libraries that talk about their own insides, held to errors for as long as a call takes."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet"]


@contextmanager
def quiet(logger_name: str | None, *ignored: tuple[str, type[Warning]]) -> Iterator[None]:
    """Let a library log errors only.

    Args:
        logger_name: of its logger; None for the root.
        ignored: beginning of a warning's text, as a regular expression, and its category.
    """
    logger = logging.getLogger(logger_name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for message, category in ignored:
                warnings.filterwarnings("ignore", message, category)
            yield
    finally:
        logger.setLevel(level)
