"""An output root → a report that people read: static pages that open from disk.

``write_report(output_root, options, on_video, on_checked)`` is the one door, a coroutine. It raises
UsageError for a root or a destination that cannot be meant, and OutputError when the disk refuses
(both exit code 2); a damaged folder of a video is never an error but a line and a page that say so.
"""

from three_stage.report.destination import default_destination
from three_stage.report.values import Language, ReportOptions, VideoRow, WrittenReport
from three_stage.report.write import write_report

__all__ = [
    "Language",
    "ReportOptions",
    "VideoRow",
    "WrittenReport",
    "default_destination",
    "write_report",
]
