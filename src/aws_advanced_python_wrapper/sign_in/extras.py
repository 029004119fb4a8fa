"""Tells which extra to install where a library is missing, without importing it."""

from __future__ import annotations

from importlib.util import find_spec

from aws_advanced_python_wrapper.errors import AwsWrapperError


def require(plugin: str, extra: str, *libraries: str) -> None:
    """Raise `AwsWrapperError` if one of the libraries that a plugin uses is not installed."""
    missing = [library for library in libraries if find_spec(library) is None]
    if missing:
        raise AwsWrapperError(
            f"The plugin {plugin} needs {' and '.join(missing)}: pip install 'aws-advanced-python-driver[{extra}]'"
        )
