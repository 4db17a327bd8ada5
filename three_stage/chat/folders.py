"""Where the files of the chat lie, all of them under names of ours.

DATA_DIR/chat.sqlite3
DATA_DIR/incoming/<id>.part                      an upload under way; removed at every start
DATA_DIR/videos/<id>/source                      the video
DATA_DIR/videos/<id>/pools/<key>/pool.json       which pictures a model sees
DATA_DIR/videos/<id>/pools/<key>/frame_012.jpg
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from three_stage.settings import UsageError

ID_PATTERN = "^[0-9a-f]{16}$"


def new_id() -> str:
    """Return an id that nobody can guess and that is safe as a file's name."""
    return secrets.token_hex(8)


@dataclass(frozen=True)
class Folders:
    """Every path below the data folder; ids and keys come from us alone."""

    root: Path

    @property
    def database(self) -> Path:
        """The conversations."""
        return self.root / "chat.sqlite3"

    @property
    def incoming(self) -> Path:
        """Uploads under way."""
        return self.root / "incoming"

    @property
    def videos(self) -> Path:
        """One folder a video."""
        return self.root / "videos"

    def part(self, video_id: str) -> Path:
        """Return where an upload is written."""
        return self.incoming / f"{video_id}.part"

    def video(self, video_id: str) -> Path:
        """Return the folder of a video."""
        return self.videos / video_id

    def source(self, video_id: str) -> Path:
        """Return the video's own file."""
        return self.video(video_id) / "source"

    def pools(self, video_id: str) -> Path:
        """Return the folder of a video's pools."""
        return self.video(video_id) / "pools"

    def pool(self, video_id: str, key: str) -> Path:
        """Return the folder of a pool."""
        return self.pools(video_id) / key

    def lock(self) -> FileLock:
        """Take the data folder for this process; the folder is made when it is not there.

        Raises UsageError when another server has it, or the disk refuses.
        """
        try:
            self.incoming.mkdir(parents=True, exist_ok=True)
            self.videos.mkdir(exist_ok=True)
            lock = FileLock(self.root / ".lock")
            lock.acquire(timeout=0)
        except Timeout:
            raise UsageError(
                f"--data-dir {self.root}: another chat server is using it.",
                hint="End that one, or give this one another --data-dir.",
            ) from None
        except OSError as error:
            raise UsageError(
                f"--data-dir {self.root}: cannot be used: {error.strerror or error}."
            ) from error
        return lock

    def sweep(self, known_videos: Collection[str]) -> None:
        """Remove what a kill left: uploads that did not end, and videos that nobody knows."""
        for part in self.incoming.iterdir():
            part.unlink(missing_ok=True)
        for folder in self.videos.iterdir():
            if folder.name not in known_videos:
                shutil.rmtree(folder, ignore_errors=True)
