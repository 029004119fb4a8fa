"""The plugin `host_monitoring`."""

from __future__ import annotations

from typing import Final

from aws_advanced_python_wrapper.converters import TRUTH, WHOLE_NUMBER, Parameter

FAILURE_DETECTION_ENABLED: Final[Parameter[bool]] = Parameter(
    "failure_detection_enabled", TRUTH, True, "host monitoring", "Watch the host while a call waits for it."
)

FAILURE_DETECTION_TIME_MS: Final[Parameter[int]] = Parameter(
    "failure_detection_time_ms",
    WHOLE_NUMBER,
    30_000,
    "host monitoring",
    "Time that a call may last before its host is checked.",
    unit="milliseconds",
    minimum=0,
)

FAILURE_DETECTION_INTERVAL_MS: Final[Parameter[int]] = Parameter(
    "failure_detection_interval_ms",
    WHOLE_NUMBER,
    5_000,
    "host monitoring",
    "Time between two checks of a host, and the time that the host has to answer one.",
    unit="milliseconds",
    minimum=1,
)

FAILURE_DETECTION_COUNT: Final[Parameter[int]] = Parameter(
    "failure_detection_count",
    WHOLE_NUMBER,
    3,
    "host monitoring",
    "Checks in a row without any answer after which a host is given up.",
    minimum=1,
)

MONITOR_DISPOSAL_TIME_MS: Final[Parameter[int]] = Parameter(
    "monitor_disposal_time_ms",
    WHOLE_NUMBER,
    60_000,
    "host monitoring",
    "Time that the thread for a host stays after the last connection to it is gone.",
    unit="milliseconds",
    minimum=0,
)
