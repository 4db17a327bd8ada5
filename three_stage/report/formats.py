"""Figures as people read them; the same in every language."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """Return a place in a video: 0:06.70, 1:02:03.40."""
    hundredths = round(seconds * 100)
    whole, fraction = divmod(hundredths, 100)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    start = f"{hours}:{minute:02d}" if hours else f"{minute}"
    return f"{start}:{second:02d}.{fraction:02d}"


def lasting(seconds: float | None) -> str:
    """Return how long something takes: 0.4 s, 46.9 s, 3 min 20 s, 2 h 05 min."""
    if seconds is None:
        return "–"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def figure(number: int | None) -> str:
    """Return a number with its thousands apart."""
    return "–" if number is None else f"{number:,}"


def money(cost: float | None) -> str:
    """Return a sum, in the currency of the price file."""
    return "–" if cost is None else f"{cost:.4f}"


def moment(time_utc: str) -> str:
    """Return an ISO 8601 time as people read it, to the second."""
    return f"{time_utc[:19].replace('T', ' ')} UTC"


def size(number_of_bytes: int | None) -> str:
    """Return a size in decimal units."""
    if number_of_bytes is None:
        return "–"
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number_of_bytes >= factor:
            return f"{number_of_bytes / factor:.1f} {unit}"
    return f"{number_of_bytes} B"


def share(part: float, whole: float) -> float:
    """Return a part in percent of the whole, within 0 and 100."""
    return round(min(100.0, max(0.0, 100 * part / whole)), 4) if whole > 0 else 0.0
