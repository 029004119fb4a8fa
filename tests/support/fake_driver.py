"""The fake driver under its old name; it lives in `aws_advanced_python_wrapper.testing`."""

from __future__ import annotations

from aws_advanced_python_wrapper.testing import *  # noqa: F403 - every name of it
