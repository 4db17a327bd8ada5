"""Makes the pictures of docs/report.md: ``python scripts/shoot_report.py``.

The example video is annotated with the embedded model, once whole and once up to stage 2; their
report is photographed in Chromium. Needs the package playwright and Chromium on the PATH.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from shooting import IMAGES, chromium, write_png

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from stages.command import main as run_pipeline  # noqa: E402
from three_stage.report import ReportOptions, WrittenReport, write_report  # noqa: E402

VIDEO = CHECKOUT / "examples" / "videos" / "bakery_table.mp4"


def main() -> int:
    """Run, write the report, take the pictures."""
    place = Path(tempfile.gettempdir()) / "three-stage"
    shutil.rmtree(place, ignore_errors=True)
    report = _report(place)
    with sync_playwright() as playwright:
        browser = chromium(playwright)
        _shoot(browser, report)
        browser.close()
    shutil.rmtree(place)
    return 0


def _report(place: Path) -> WrittenReport:
    videos = place / "videos"
    videos.mkdir(parents=True)
    for name, stages in (("bakery_table", "1,2,3"), ("second_table", "1,2")):
        shutil.copy(VIDEO, videos / f"{name}.mp4")
        run_pipeline([
            "--input-video", str(videos / f"{name}.mp4"), "--output-root", str(place / "outputs"),
            "--provider", "offline", "--stages", stages,
        ])  # fmt: skip
    return asyncio.run(write_report(place / "outputs", ReportOptions()))


def _shoot(browser: Browser, report: WrittenReport) -> None:
    page = report.index.parent / str(report.rows[0].page)
    _take(browser, report.index, "report_index", (1180, 940))
    _take(browser, page, "report_page", (1180, 880), top_of=".watch")
    _take(browser, page, "report_step", (1180, 1240), top_of="#step-2")
    _take(browser, page, "report_phone", (390, 844), top_of=".watch", chinese_and_dark=True)


def _take(
    browser: Browser,
    path: Path,
    name: str,
    size_px: tuple[int, int],
    *,
    top_of: str | None = None,
    chinese_and_dark: bool = False,
) -> None:
    context = browser.new_context(
        viewport={"width": size_px[0], "height": size_px[1]},
        locale="zh-CN" if chinese_and_dark else "en-US",
        color_scheme="dark" if chinese_and_dark else "light",
    )
    tab = context.new_page()
    tab.goto(path.as_uri())
    if top_of is not None:
        tab.wait_for_function("() => document.getElementById('player').readyState >= 2")
        tab.click("#bar-2")
        tab.wait_for_timeout(1000)
        tab.eval_on_selector(
            top_of, "e => scrollTo(0, e.getBoundingClientRect().top + scrollY - 12)"
        )
        tab.mouse.move(0, 0)
        tab.wait_for_timeout(3500)  # until the player's own buttons fade
    write_png(IMAGES / f"{name}.png", tab.screenshot())
    context.close()


if __name__ == "__main__":
    sys.exit(main())
