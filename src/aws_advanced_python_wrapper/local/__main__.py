"""The command as a module: `python -m aws_advanced_python_wrapper.local`."""

from __future__ import annotations

import sys

from aws_advanced_python_wrapper.local.command import main

sys.exit(main())
