"""Figures as people read them, without words of any language."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """Return a place in a video: 0:06.70, 1:02:03.40."""
    hundredths = round(seconds * 100)
    whole, fraction = divmod(hundredths, 100)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    start = f"{hours}:{minute:02d}" if hours else f"{minute}"
    return f"{start}:{second:02d}.{fraction:02d}"


def parts_of(seconds: float) -> dict[str, str]:
    """Return what a duration is written with: seconds, then minutes too, then hours and minutes."""
    if seconds < 59.95:
        return {"seconds": f"{seconds:.1f}"}
    whole = round(seconds)
    if whole < 3600:
        return {"minutes": str(whole // 60), "seconds": f"{whole % 60:02d}"}
    return {"hours": str(whole // 3600), "minutes": f"{whole % 3600 // 60:02d}"}


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
