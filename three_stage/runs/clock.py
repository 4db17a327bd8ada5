"""The wall clock, for records."""

from datetime import UTC, datetime


def utc_now() -> str:
    """Return the time as aware UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
