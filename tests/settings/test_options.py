"""Every option once: its name, default, variable; what wins over what; what is refused."""

from __future__ import annotations

import dataclasses
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from stages.command import main, read_settings
from three_stage.settings import PipelineSettings, ThreeStageError, UsageError
from three_stage.settings.cli import dotenv_defaults, group_types
from three_stage.settings.option import OptionSpec, spec_of

CORES = os.cpu_count() or 1

# The table of the specification: option, default, and its variable where that has another name.
TABLE: tuple[tuple[str, object, str | None], ...] = (
    ("--input-video", (), None),
    ("--input-video-dir", None, None),
    ("--recursive", False, None),
    ("--output-root", Path("outputs/"), None),
    ("--stages", "1,2,3", None),
    ("--overwrite", False, None),
    ("--reuse-any", False, None),
    ("--continue-on-error", False, None),
    ("--post-validate", False, None),
    ("--preflight-only", False, None),
    ("--max-frames", 50, None),
    ("--pool-mode", "exact", None),
    ("--frame-max-side", 1024, None),
    ("--jpeg-quality", 90, None),
    ("--max-body-mb", 18.0, None),
    ("--no-embed-index", False, None),
    ("--cut-mode", "reencode", None),
    ("--crf", 18, None),
    ("--preset", "veryfast", None),
    ("--keep-audio", False, None),
    ("--ffmpeg-bin", None, None),
    ("--stage1-retries", 3, None),
    ("--stage2-retries", 3, None),
    ("--stage3-retries", 3, None),
    ("--api-key", None, "API_KEY"),
    ("--api-base", None, "API_BASE_URL"),
    ("--provider", None, "MODEL_PROVIDER_ID"),
    ("--model", None, "MODEL_NAME"),
    ("--media-dialect", None, None),
    ("--structured-mode", "auto", None),
    ("--max-tokens", 16384, None),
    ("--temperature", 0.2, None),
    ("--api-call-retries", 3, None),
    ("--api-call-retry-backoff-sec", 1.0, None),
    ("--api-timeout-sec", 300.0, None),
    ("--endpoint-patience-sec", 600.0, None),
    ("--concurrency", 8, None),
    ("--num-workers", CORES, None),
    ("--shard", None, None),
    ("--max-cost", None, None),
    ("--max-total-tokens", None, None),
    ("--prices", None, None),
    ("--prompts-dir", None, None),
    ("--verbose", False, None),
    ("--quiet", False, None),
    ("--log-file", None, None),
)
CHOICES = {
    "--pool-mode": ("exact", "keyframe"),
    "--cut-mode": ("reencode", "copy"),
    "--media-dialect": ("images", "video_url", "dashscope_video"),
    "--structured-mode": ("auto", "json_schema", "json_object", "prompt"),
}


def fields() -> Iterator[tuple[dataclasses.Field[Any], OptionSpec]]:
    for group_type in group_types().values():
        for field in dataclasses.fields(group_type):
            yield field, spec_of(field)


SPECS = {spec.flag: spec for _, spec in fields()}


def variable(flag: str) -> str:
    named = {flag: env for flag, _, env in TABLE}
    return named[flag] or "THREE_STAGE_" + flag[2:].upper().replace("-", "_")


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder with none of our variables set."""
    monkeypatch.chdir(tmp_path)
    for spec in SPECS.values():
        monkeypatch.delenv(spec.env, raising=False)
    return tmp_path


def read(*arguments: str) -> PipelineSettings:
    settings = read_settings(arguments)
    assert settings is not None
    return settings


def value_of(settings: PipelineSettings, flag: str) -> Any:
    for name, group_type in group_types().items():
        for field in dataclasses.fields(group_type):
            if spec_of(field).flag == flag:
                return getattr(getattr(settings, name), field.name)
    raise AssertionError(flag)


# The table


def test_every_option_of_the_specification_is_there_once() -> None:
    flags = [spec.flag for _, spec in fields()]
    assert sorted(flags) == sorted(flag for flag, _, _ in TABLE)
    names = [field.name for field, _ in fields()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("flag", "default", "env"), TABLE)
def test_an_option_has_the_default_and_variable_of_the_specification(
    flag: str, default: object, env: str | None
) -> None:
    value = value_of(read(), flag)
    assert value == default
    assert type(value) is type(default) or isinstance(default, Path)
    assert SPECS[flag].env == variable(flag)
    assert env is None or SPECS[flag].env == env


def test_the_defaults_of_the_classes_are_those_of_the_command_line() -> None:
    assert read() == PipelineSettings()


@pytest.mark.parametrize(("flag", "choices"), CHOICES.items())
def test_choices_are_those_of_the_specification(flag: str, choices: tuple[str, ...]) -> None:
    for choice in choices:
        assert value_of(read(flag, choice), flag) == choice
    assert main([flag, choices[0].upper() + "x"]) == 2


def test_help_names_every_option_and_says_what_it_is_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for spec in SPECS.values():
        assert f"  {spec.flag}" in text
        assert spec.help[:20] in " ".join(text.split())


# Command line > environment > ./.env

OTHER = {
    "--max-frames": ("31", "32", "33"),
    "--temperature": ("0.31", "0.32", "0.33"),
    "--pool-mode": ("keyframe", "exact", "keyframe"),
    "--output-root": ("one", "two", "three"),
    "--api-key": ("sk-one", "sk-two", "sk-three"),
    "--api-base": ("http://one/v1", "http://two/v1", "http://three/v1"),
    "--provider": ("one", "two", "three"),
    "--model": ("M/One", "M/Two", "M/Three"),
    "--stages": ("1", "2", "3"),
    "--prices": ("one.json", "two.json", "three.json"),
}


@pytest.mark.parametrize(("flag", "values"), OTHER.items())
def test_the_command_line_wins_over_the_environment_and_that_over_the_env_file(
    flag: str, values: tuple[str, str, str], empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_file, in_environment, on_command_line = values
    (empty_folder / ".env").write_text(f"{variable(flag)}={in_file}\n", encoding="utf-8")
    assert str(value_of(read(), flag)) == in_file
    monkeypatch.setenv(variable(flag), in_environment)
    assert str(value_of(read(), flag)) == in_environment
    assert str(value_of(read(flag, on_command_line), flag)) == on_command_line


@pytest.mark.parametrize("flag", ["--overwrite", "--keep-audio", "--no-embed-index", "--verbose"])
@pytest.mark.parametrize(
    ("written", "meant"), [("1", True), ("true", True), ("yes", True), ("0", False),
                           ("false", False), ("no", False)]
)  # fmt: skip
def test_switches_are_read_from_environment_and_env_file(
    flag: str,
    written: str,
    meant: bool,
    empty_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (empty_folder / ".env").write_text(f"{variable(flag)}={written}\n", encoding="utf-8")
    assert value_of(read(), flag) is meant
    (empty_folder / ".env").unlink()
    monkeypatch.setenv(variable(flag), written)
    assert value_of(read(), flag) is meant
    assert value_of(read(flag), flag) is True


def test_an_empty_variable_counts_as_not_set(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_folder / ".env").write_text("THREE_STAGE_CRF=20\nMODEL_NAME=\n", encoding="utf-8")
    monkeypatch.setenv("THREE_STAGE_CRF", "")
    monkeypatch.setenv("API_KEY", "")
    settings = read()
    assert settings.cut.crf == 20
    assert settings.endpoint.model is None
    assert settings.endpoint.api_key is None


def test_videos_add_up_on_the_command_line() -> None:
    videos = read("--input-video", "a b.mp4", "--input-video", "c.mkv").inputs.input_video
    assert videos == (Path("a b.mp4"), Path("c.mkv"))


def test_several_videos_are_read_alike_from_environment_and_env_file(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = os.pathsep.join(("a b.mp4", "切.mkv"))
    (empty_folder / ".env").write_text(f"THREE_STAGE_INPUT_VIDEO={several}\n", encoding="utf-8")
    from_file = read().inputs.input_video
    monkeypatch.setenv("THREE_STAGE_INPUT_VIDEO", several)
    assert read().inputs.input_video == from_file == (Path("a b.mp4"), Path("切.mkv"))


def test_an_env_file_of_windows_is_read(empty_folder: Path) -> None:
    text = "API_KEY=sk-long-secret\r\n# eine Zeile für uns\r\nMODEL_NAME=Größe\r\n"
    (empty_folder / ".env").write_bytes(b"\xef\xbb\xbf" + text.encode("utf-8"))
    endpoint = read().endpoint
    assert (endpoint.api_key, endpoint.model) == ("sk-long-secret", "Größe")


def test_an_env_file_that_is_no_text_is_a_usage_error_that_names_it(empty_folder: Path) -> None:
    (empty_folder / ".env").write_bytes(b"API_KEY=\xff\xfe\n")
    with pytest.raises(UsageError, match=r"\.env: cannot be read as a UTF-8 \.env file"):
        dotenv_defaults()
    assert main([]) == 2


def test_no_env_file_is_no_error(empty_folder: Path) -> None:
    assert dotenv_defaults() == {}
    (empty_folder / ".env").mkdir()
    assert dotenv_defaults() == {}


# Refused values


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--max-frames", "8"), ("--max-frames", "2001"), ("--max-frames", "12.0"),
        ("--max-frames", "many"), ("--frame-max-side", "-1"), ("--jpeg-quality", "59"),
        ("--jpeg-quality", "101"), ("--max-body-mb", "0"), ("--max-body-mb", "nan"),
        ("--crf", "-1"), ("--crf", "52"), ("--preset", "warp"), ("--stage1-retries", "0"),
        ("--stage2-retries", "0"), ("--stage3-retries", "0"), ("--max-tokens", "0"),
        ("--temperature", "-0.1"), ("--temperature", "2.1"), ("--temperature", "nan"),
        ("--api-call-retries", "-1"), ("--api-call-retry-backoff-sec", "-1"),
        ("--api-timeout-sec", "0"), ("--api-timeout-sec", "inf"), ("--api-timeout-sec", "nan"),
        ("--endpoint-patience-sec", "-1"), ("--endpoint-patience-sec", "nan"),
        ("--concurrency", "0"), ("--num-workers", "0"), ("--max-cost", "-1"),
        ("--max-cost", "nan"), ("--max-total-tokens", "0"), ("--pool-mode", "fast"),
        ("--cut-mode", ""), ("--structured-mode", "xml"), ("--no-such-option", "1"),
    ],
)  # fmt: skip
def test_a_bad_value_is_a_usage_error_that_names_the_option(
    flag: str, value: str, capsys: pytest.CaptureFixture[str], empty_folder: Path
) -> None:
    assert main([flag, value]) == 2
    error = capsys.readouterr().err
    assert flag in error
    assert "Traceback" not in error
    assert list(empty_folder.iterdir()) == []


@pytest.mark.parametrize("place", ["environment", "file"])
def test_a_bad_variable_is_a_usage_error_too(
    place: str,
    empty_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if place == "environment":
        monkeypatch.setenv("THREE_STAGE_MAX_FRAMES", "lots")
    else:
        (empty_folder / ".env").write_text("THREE_STAGE_MAX_FRAMES=lots\n", encoding="utf-8")
    assert main([]) == 2
    assert "--max-frames" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flag", "value"),
    [("--max-frames", "9"), ("--max-frames", "2000"), ("--frame-max-side", "0"),
     ("--jpeg-quality", "60"), ("--jpeg-quality", "100"), ("--crf", "0"), ("--crf", "51"),
     ("--temperature", "0"), ("--temperature", "2"), ("--api-call-retries", "0"),
     ("--api-call-retry-backoff-sec", "0"), ("--endpoint-patience-sec", "0"),
     ("--max-cost", "0"), ("--stage1-retries", "1"), ("--concurrency", "1")],
)  # fmt: skip
def test_the_ends_of_a_range_are_allowed(flag: str, value: str) -> None:
    assert value_of(read(flag, value), flag) == float(value)


# Secrets


def test_a_key_is_in_no_text_that_we_make(
    empty_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (empty_folder / ".env").write_text("API_KEY=sk-very-secret\n", encoding="utf-8")
    settings = read()
    assert settings.endpoint.api_key == "sk-very-secret"
    for shown in (repr(settings), str(settings), f"{settings.endpoint}"):
        assert "sk-very-secret" not in shown
    assert main(["--help"]) == 0
    assert main(["--max-frames", "x", "--api-key", "sk-very-secret"]) == 2
    printed = capsys.readouterr()
    assert "sk-very-secret" not in printed.out + printed.err


# The objects


def test_settings_are_frozen_and_reach_another_process() -> None:
    settings = read("--max-frames", "20")
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.sampling.max_frames = 3  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 - our own bytes


def test_an_error_says_what_to_do() -> None:
    assert str(UsageError("No such file.")) == "No such file."
    error = UsageError("No such file.", hint="Check the name.")
    assert str(error) == "No such file. Check the name."
    assert error.hint == "Check the name."
    assert isinstance(error, ThreeStageError)
    assert not isinstance(error, click.ClickException)
