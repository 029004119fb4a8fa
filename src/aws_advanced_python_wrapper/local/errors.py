"""What the local cluster raises."""

from __future__ import annotations


class LocalClusterError(Exception):
    """The local cluster could not do what was asked; the message says why and what to do."""


class NoAnswerError(LocalClusterError):
    """A server gave no answer; the message says which one, and why."""
