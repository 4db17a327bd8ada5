"""Kinds of damage to whole files and folders: pictures, clips, texts and JSON files alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from itertools import pairwise, permutations
from pathlib import PurePosixPath
from random import Random

from tests.campaigns.damage_folder import RECORD, Change, GoodFolder, file_kind
from tests.campaigns.damage_kind import Kind, Maker, Spoilt, Spot

CLIP_KIND = "stage2/step_clips/step*.mp4"
PICTURE_KINDS = (
    "stage1/sampled_frames/sample_*.jpg",
    "*/sampled_frames/sample_*.jpg",
    "*/frame_*.jpg",
)
NOT_SYNCED = (".DS_Store", "Thumbs.db", "desktop.ini", ".tmp-12-ab", ".cut-ab.mp4")


def _spot(relpath: str, make: Maker, where: str = "") -> Spot:
    return Spot(file_kind(relpath), relpath, where, make)


def _replaced(good: GoodFolder, relpath: str, data: bytes, what: str) -> Spoilt | None:
    if data == good.files[relpath]:
        return None
    return Spoilt(what, (Change("write", relpath, data),))


def _is_text(relpath: str) -> bool:
    return relpath.endswith((".json", ".jsonl", ".txt"))


# Bytes


def _cuts(good: GoodFolder, rng: Random) -> Iterator[Spot]:
    for relpath, data in good.files.items():
        # From all over the file, and just before its end, where a reader may not look.
        for length in (rng.randrange(1, len(data)), len(data) - rng.randrange(1, 4)):
            what = f"cut at {length} of {len(data)} bytes"
            yield _spot(relpath, partial(_replaced, good, relpath, data[:length], what))


def _flips(good: GoodFolder, rng: Random) -> Iterator[Spot]:
    for relpath, data in good.files.items():
        for mask in (1 << rng.randrange(8), rng.randrange(1, 256)):
            place = rng.randrange(len(data))
            changed = bytearray(data)
            changed[place] ^= mask
            what = f"byte {place} of {len(data)}: {data[place]:#04x} → {changed[place]:#04x}"
            yield _spot(relpath, partial(_replaced, good, relpath, bytes(changed), what))


def _encodings(good: GoodFolder, rng: Random) -> Iterator[Spot]:
    for relpath, data in good.files.items():
        if _is_text(relpath):
            name, other = rng.choice(tuple(_other_encodings(data).items()))
            yield _spot(relpath, partial(_replaced, good, relpath, other, name))


def _other_encodings(data: bytes) -> dict[str, bytes]:
    middle = len(data) // 2
    return {
        "a byte-order mark": b"\xef\xbb\xbf" + data,
        "UTF-16": data.decode("utf-8").encode("utf-16"),
        "a letter in Latin-1": data[:middle] + b"\xe9" + data[middle:],
        "a zero byte": data[:middle] + b"\0" + data[middle:],
        "line ends of Windows": data.replace(b"\n", b"\r\n"),
    }


def _emptied(good: GoodFolder, _rng: Random) -> Iterator[Spot]:
    for relpath, data in good.files.items():
        for other, what in ((b"", "no bytes"), (b" \n", "a space"), (bytes(len(data)), "zeros")):
            yield _spot(relpath, partial(_replaced, good, relpath, other, what))


# Another file's content


def _neighbours(good: GoodFolder, kinds: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield every file with each of its neighbours: same kind and folder, next by name."""
    for kind in kinds:
        for first, second in pairwise(good.names(kind)):
            if PurePosixPath(first).parent == PurePosixPath(second).parent:
                yield first, second
                yield second, first


def _other_pictures(good: GoodFolder, _rng: Random) -> Iterator[Spot]:
    for relpath, other in _neighbours(good, PICTURE_KINDS):
        what = f"the content of {PurePosixPath(other).name}"
        make = partial(_replaced, good, relpath, good.files[other], what)
        yield _spot(relpath, make, PurePosixPath(other).name)


def _other_clips(good: GoodFolder, _rng: Random) -> Iterator[Spot]:
    for relpath, other in permutations(good.names(CLIP_KIND), 2):
        short = PurePosixPath(other).name[:6]
        make = partial(_replaced, good, relpath, good.files[other], f"the content of {short}…")
        yield _spot(relpath, make, short)
        if relpath < other:
            yield _spot(relpath, partial(_swapped, good, relpath, other), f"and {short}")


def _content_swaps(good: GoodFolder, _rng: Random) -> Iterator[Spot]:
    by_kind = defaultdict(list)
    for relpath in good.files:
        by_kind[file_kind(relpath)].append(relpath)
    for paths in by_kind.values():
        for first, second in pairwise(paths):
            yield _spot(first, partial(_swapped, good, first, second))
    folders = [folder for folder in good.folders if folder[:2].isdecimal() and "/" not in folder]
    for first, second in pairwise(folders):
        yield Spot("step folders", first, "", partial(_folders_swapped, first, second))
    for first, second in pairwise(relpath for relpath in good.files if _is_text(relpath)):
        if RECORD.isdisjoint((first, second)):
            yield Spot("texts", first, "", partial(_swapped, good, first, second))


def _swapped(good: GoodFolder, first: str, second: str) -> Spoilt | None:
    one, other = good.files[first], good.files[second]
    if one == other:
        return None
    changes = (Change("write", first, other), Change("write", second, one))
    return Spoilt(f"its content and that of {PurePosixPath(second).name}", changes)


def _folders_swapped(first: str, second: str) -> Spoilt:
    aside = f"{first}.aside"
    pairs = ((first, aside), (second, first), (aside, second))
    changes = tuple(Change("rename", old, target=new) for old, new in pairs)
    return Spoilt(f"its name and that of {second[:2]}_…", changes)


# Files that come and go


def _removals(good: GoodFolder, _rng: Random) -> Iterator[Spot]:
    for relpath in (*good.files, *good.folders):
        yield _spot(relpath, partial(Spoilt, "removed", (Change("remove", relpath),)))


def _renames(good: GoodFolder, rng: Random) -> Iterator[Spot]:
    for relpath in (*good.files, *good.folders):
        path = PurePosixPath(relpath)
        names = (f"{path.name}~", f"{path.stem} (1){path.suffix}", f".{path.name}",
                 _next_number(path.name), f"{path.stem}_{path.suffix}")  # fmt: skip
        yield from _renamed(path, rng.choice([name for name in names if name != path.name]))


def _next_number(name: str) -> str:
    """Return the name with its first digit one higher: another step, index or stage."""
    for place, character in enumerate(name):
        if character.isdecimal():
            return name[:place] + str((int(character) + 1) % 10) + name[place + 1 :]
    return f"9{name}"


def _cases(good: GoodFolder, rng: Random) -> Iterator[Spot]:
    for relpath in (*good.files, *good.folders):
        path = PurePosixPath(relpath)
        names = (path.name.upper(), path.stem + path.suffix.upper(), path.name.capitalize())
        others = [name for name in names if name != path.name]
        if others:
            yield from _renamed(path, rng.choice(others))


def _renamed(path: PurePosixPath, name: str) -> Iterator[Spot]:
    change = Change("rename", str(path), target=str(path.with_name(name)))
    yield _spot(str(path), partial(Spoilt, f"named {name}", (change,)))


def _foreign(good: GoodFolder, rng: Random) -> Iterator[Spot]:
    for folder in ("", *good.folders):
        prefix = f"{folder}/" if folder else ""
        inside = [path for path in good.files if str(PurePosixPath(path).parent) == (folder or ".")]
        names = ["notes.txt", ".hidden", "sample_099_ts_1.00s.jpg", "frame_002_ts_0.30s.jpg",
                 "step09_old.mp4", "draft_plan.json.bak", rng.choice(NOT_SYNCED)]  # fmt: skip
        for name in names:
            data = good.files[rng.choice(inside)] if inside else b"something\n"
            added = partial(Spoilt, "added", (Change("write", prefix + name, data),))
            yield Spot(f"file {name[-8:]}", prefix + name, "", added)
        for name in ("backup", ".git", "05_old_step", "sampled_frames_old", "empty"):
            changes = [Change("folder", prefix + name)]
            if name != "empty":
                changes.append(Change("write", f"{prefix}{name}/a.json", b"{}\n"))
            yield Spot(
                f"folder {name}", prefix + name, "", partial(Spoilt, "added", tuple(changes))
            )


def _links(good: GoodFolder, rng: Random) -> Iterator[Spot]:
    outside = good.root.parent
    for relpath in (*good.files, *good.folders):
        targets = {
            "to the same outside": str(good.root / relpath),
            "to the folder's parent": str(outside),
            "to nowhere": str(outside / "nowhere"),
            "to /etc/hosts": "/etc/hosts",
        }
        where, target = rng.choice(tuple(targets.items()))
        changes = (Change("link", relpath, target=target),)
        yield _spot(relpath, partial(Spoilt, f"a link {where}", changes), where)
    for name in ("stage1/more", "shared"):
        changes = (Change("link", name, target=str(outside)),)
        yield Spot("new links", name, "", partial(Spoilt, "a new link outside", changes))


KINDS = (
    Kind("cut", "a file ends early: anywhere, or 1 to 3 bytes before its end", _cuts),
    Kind("flip", "one bit or one byte of a file", _flips),
    Kind("encoding", "byte-order mark, UTF-16, Latin-1, a zero byte, other line ends", _encodings),
    Kind("emptied", "no bytes, a space, or zeros in a file's place", _emptied),
    Kind("neighbour's picture", "a picture with the content of the next or last one",
         _other_pictures),
    Kind("neighbour's clip", "a clip with the content of another one, or both swapped",
         _other_clips),
    Kind("swap files", "two files of one kind, or two steps, with each other's content",
         _content_swaps),
    Kind("remove", "a file or folder is gone", _removals),
    Kind("rename", "a file or folder has another name", _renames),
    Kind("case", "a name in other letters: upper for lower", _cases),
    Kind("foreign", "files and folders that are not ours, also hidden and with names like ours",
         _foreign),
    Kind("link", "a symbolic link in the place of a file or folder", _links),
)  # fmt: skip
