"""Every object that the pipeline reads or writes."""

OWNER = "three-stage"
"""three_stage checks this name at import, so that another package called schemas is noticed."""
