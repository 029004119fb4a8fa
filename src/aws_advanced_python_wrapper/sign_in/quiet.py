"""Keeps quiet what the libraries log that talk to AWS and identity providers.

At DEBUG that is strings to sign, passwords, URLs with tokens, and whole answers. Only what they log on behalf of this
driver is left out: a program's own use of them, in its own threads, is logged as ever.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# urllib3 logs URLs in its warnings too. Those of botocore are whole tracebacks of what our errors tell in a sentence.
_LOWEST_LEVEL = {"botocore": logging.ERROR, "boto3": logging.ERROR, "requests": None, "urllib3": None}


class _Here(threading.local):
    """Whether this thread works on behalf of the driver now."""

    depth = 0


_here = _Here()


class _Filter(logging.Filter):
    """Passes what others than the driver have occasioned, and the errors of libraries whose errors tell nothing."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record passes."""
        if not _here.depth:
            return True
        lowest = _LOWEST_LEVEL[_library(record.name)]
        return lowest is not None and record.levelno >= lowest


_FILTER = _Filter()


@contextmanager
def quiet() -> Iterator[None]:
    """Let those libraries log nothing in this thread while the block lasts, but for errors that tell no secret.

    They must have been imported before: only the loggers that there are now are kept quiet.
    """
    # A logger's filter is not asked about what its descendants log, so each has one.
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if _library(name) in _LOWEST_LEVEL and isinstance(logger, logging.Logger):
            logger.addFilter(_FILTER)
    _here.depth += 1
    try:
        yield
    finally:
        _here.depth -= 1


def _library(name: str) -> str:
    return name.partition(".")[0]
