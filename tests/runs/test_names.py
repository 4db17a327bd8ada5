"""Names of folders and files: others parse them, and every file system must take them."""

from __future__ import annotations

import itertools
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from three_stage.runs import (
    clip_name,
    key_frame_name,
    same_name_key,
    sample_name,
    slug,
    step_folder_name,
    video_id_of,
)

ANY_TEXT = st.text(st.characters(codec="utf-8")) | st.text(" -_aé切\U0001f600\u0301.", max_size=300)
NTFS_REFUSES = re.compile(r'[<>:"/\\|?*\x00-\x1f]')


def slug_by_hand(text: str) -> str:
    """Follow the specification word by word, one character at a time."""
    kept = "".join(c for c in text if c.isalnum() or c == "_" or c.isspace() or c == "-")
    lowered = kept.strip().lower()
    runs = itertools.groupby(lowered, key=lambda c: c.isspace() or c == "-")
    joined = "".join("_" if gap else "".join(run) for gap, run in runs)
    short = joined[:80].rstrip("_")
    while len(short.encode("utf-8")) > 200:
        short = short[:-1]
    return short or "unnamed"


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        ("Cut the bread", "cut_the_bread"),
        ("  Cut - the   bread!  ", "cut_the_bread"),
        ("pre-heat (180 °C)", "pre_heat_180_c"),
        ("a.b/c\\d:e", "abcde"),
        ("切 面包", "切_面包"),
        ("Öl ERHITZEN", "öl_erhitzen"),
        ("tab\tand\nline", "tab_and_line"),
        ("snake_case__stays", "snake_case__stays"),
        ("", "unnamed"),
        ("!?…", "unnamed"),
        ("---", "unnamed"),
        ("___", "unnamed"),
        ("ends_ -", "ends"),
        ("x" * 79 + " yz", "x" * 79),
        ("x" * 81, "x" * 80),
        ("切" * 80, "切" * 66),
        ("a" + "切" * 79, "a" + "切" * 66),
        ("\U00020000" * 60, "\U00020000" * 50),
    ],
)
def test_a_slug_follows_the_specification(goal: str, expected: str) -> None:
    assert slug(goal) == expected
    assert slug_by_hand(goal) == expected


@given(ANY_TEXT)
def test_a_slug_is_what_the_words_of_the_specification_give(goal: str) -> None:
    assert slug(goal) == slug_by_hand(goal)


@given(st.integers(1, 8), ANY_TEXT)
def test_names_of_steps_are_legal_everywhere(step_id: int, goal: str) -> None:
    assert 1 <= len(slug(goal)) <= 80
    assert len(slug(goal).encode("utf-8")) <= 200
    for name in (step_folder_name(step_id, goal), clip_name(step_id, goal)):
        assert not NTFS_REFUSES.search(name)
        assert name[-1] not in " ."
        assert len(name.encode("utf-8")) <= 255


def test_half_a_character_in_a_goal_is_dropped() -> None:
    assert slug("cup \ud83d") == "cup"


def test_names_carry_id_index_and_time_as_others_parse_them() -> None:
    assert step_folder_name(3, "Cut bread") == "03_cut_bread"
    assert step_folder_name(12, "切") == "12_切"
    assert clip_name(3, "Cut bread") == "step03_cut_bread.mp4"
    assert sample_name(1, 0.0) == "sample_001_ts_0.00s.jpg"
    assert sample_name(50, 123.456) == "sample_050_ts_123.46s.jpg"
    assert sample_name(1234, 3599.999) == "sample_1234_ts_3600.00s.jpg"
    assert key_frame_name(7, 2.5) == "frame_007_ts_2.50s.jpg"


@given(st.integers(1, 9999), st.floats(0, 1e6))
def test_index_and_time_can_be_read_from_a_name(index: int, time_sec: float) -> None:
    for prefix, name in (
        ("sample", sample_name(index, time_sec)),
        ("frame", key_frame_name(index, time_sec)),
    ):
        found = re.fullmatch(rf"{prefix}_(\d{{3,}})_ts_(\d+\.\d\d)s\.jpg", name)
        assert found
        assert int(found[1]) == index
        assert abs(float(found[2]) - time_sec) <= 0.00501


# Ids of videos


@pytest.mark.parametrize(
    "stem", ["Brot schneiden 切", "a:b", "-i", "x" * 250, "a.b", "con", "a?*", "...", "%41", ".a"]
)
def test_an_id_is_the_stem_verbatim(stem: str) -> None:
    assert video_id_of(stem, system="posix") == stem


@pytest.mark.parametrize("system", ["posix", "nt"])
@pytest.mark.parametrize("stem", [".", ".."])
def test_an_id_never_leads_out_of_the_output_root(stem: str, system: str) -> None:
    """``...mp4`` is a file's name, and ``..`` its stem."""
    assert video_id_of(stem, system=system) not in (".", "..")
    assert video_id_of(stem, system=system).replace("%2E", ".") == stem


@pytest.mark.parametrize("stem", [".locks", ".LOCKS", ".runs"])
def test_no_video_shares_its_folder_with_the_locks(stem: str) -> None:
    assert video_id_of(stem) == f"%2E{stem[1:]}"


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("plain name", "plain name"),
        ('a<b>c:d"e', "a%3Cb%3Ec%3Ad%22e"),
        ("a/b\\c|d?e*f", "a%2Fb%5Cc%7Cd%3Fe%2Af"),
        ("tab\tline\n\x1f\x00", "tab%09line%0A%1F%00"),
        ("ends with dot.", "ends with dot%2E"),
        ("ends with space ", "ends with space%20"),
        ("a.b c", "a.b c"),
        ("con", "%63on"),
        ("CON", "%43ON"),
        ("nul.x", "%6Eul.x"),
        ("com1", "%63om1"),
        ("lpt9.txt", "%6Cpt9.txt"),
        ("com", "com"),
        ("console", "console"),
        ("acon", "acon"),
        ("切.", "切%2E"),
        ("", ""),
        (" lead", " lead"),
    ],
)
def test_on_windows_an_id_is_made_legal(stem: str, expected: str) -> None:
    assert video_id_of(stem, system="nt") == expected


@given(ANY_TEXT.filter(bool))
def test_on_windows_no_id_holds_what_the_file_system_refuses(stem: str) -> None:
    video_id = video_id_of(stem, system="nt")
    assert not NTFS_REFUSES.search(video_id)
    assert video_id[-1] not in " ."
    legal = not NTFS_REFUSES.search(stem) and stem[-1] not in " ."
    assert (video_id == stem) is legal


# Two ids that a file system may take for one


@pytest.mark.parametrize(
    ("one", "other"),
    [("Video", "vIDEO"), ("Caf\u00e9", "Cafe\u0301"), ("CAF\u00c9", "cafe\u0301"),
     ("straße", "STRASSE"), ("ΣΑΣ", "σας"), ("가", "\u1100\u1161"), ("a", "a")],
)  # fmt: skip
def test_names_that_differ_in_case_or_composition_are_one(one: str, other: str) -> None:
    assert same_name_key(one) == same_name_key(other)


@pytest.mark.parametrize(("one", "other"), [("a", "b"), ("é", "e"), ("a ", "a"), ("１", "1")])
def test_other_names_differ(one: str, other: str) -> None:
    assert same_name_key(one) != same_name_key(other)


@given(ANY_TEXT)
def test_decomposing_or_shouting_a_name_changes_no_key(name: str) -> None:
    assert same_name_key(unicodedata.normalize("NFD", name)) == same_name_key(name)
    assert same_name_key(unicodedata.normalize("NFC", name)) == same_name_key(name)


@given(st.text("abcdefgäöüéßñ切 0.", max_size=20))
def test_upper_case_changes_no_key(name: str) -> None:
    assert same_name_key(name.upper()) == same_name_key(name)
