"""Every option of the pipeline, once: name, default, variable and help, grouped by who reads it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from three_stage.settings.option import option

POOL_SIZE_ADVISED = 50
"""Pictures that today's vision-language models follow well in one request."""

FEWEST_FRAMES = 9
"""Three steps of three displayed frames: the shortest video that can be annotated."""


@dataclass(frozen=True, kw_only=True)
class InputSettings:
    """Which videos."""

    input_video: tuple[Path, ...] = option(
        (), "--input-video", "A video file. Repeat for several.", multiple=True, metavar="PATH"
    )
    input_video_dir: Path | None = option(
        None,
        "--input-video-dir",
        "A folder of videos (mp4 avi mov mkv webm m4v ts flv wmv, any case), in sorted order.",
        metavar="DIR",
    )
    recursive: bool = option(
        False, "--recursive", "Look for videos in the folders below --input-video-dir too."
    )
    shard: str | None = option(
        None,
        "--shard",
        "Take the i-th of N parts of the videos, i from 1: several machines on one shared folder.",
        metavar="i/N",
    )


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What to do with them."""

    output_root: Path = option(
        Path("outputs"),
        "--output-root",
        "Where results go: one folder a video below it.",
        metavar="DIR",
    )
    stages: str = option(
        "1,2,3",
        "--stages",
        "Which stages run: a subset of 1,2,3. The order is always 1, 2, 3.",
        metavar="LIST",
    )
    overwrite: bool = option(
        False,
        "--overwrite",
        "Make the chosen stages anew. If that is killed, the next run goes on with it.",
    )
    reuse_any: bool = option(
        False,
        "--reuse-any",
        "Accept any valid result that is there, whatever settings made it.",
    )
    continue_on_error: bool = option(
        False, "--continue-on-error", "A video that fails does not stop the others."
    )
    post_validate: bool = option(
        False, "--post-validate", "Validate each finished folder and record the verdict."
    )
    preflight_only: bool = option(
        False,
        "--preflight-only",
        "Check everything and print what would run, with estimates. Calls and writes nothing.",
    )
    num_workers: int = option(
        os.cpu_count() or 1,
        "--num-workers",
        "Most videos being decoded or cut at once.",
        minimum=1,
        maximum=1024,
        shown_default="cores",
    )
    prompts_dir: Path | None = option(
        None,
        "--prompts-dir",
        "A folder with your own prompt files; a file that is not in it is taken from ours.",
        metavar="DIR",
    )


@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """How a video becomes a pool of pictures."""

    max_frames: int = option(
        50,
        "--max-frames",
        "Pictures in a pool. Above 50 models lose track: allowed, with a warning.",
        minimum=9,
        maximum=2000,
    )
    pool_mode: str = option(
        "exact",
        "--pool-mode",
        "exact: the frame nearest to each target. keyframe: the nearest key frame, with its true "
        "time; much faster on long files.",
        choices=("exact", "keyframe"),
    )
    frame_max_side: int = option(
        1024,
        "--frame-max-side",
        "Longest side of pool pictures, in pixels. 0: the video's own size, up to 2048.",
        minimum=0,
        maximum=8192,
    )
    jpeg_quality: int = option(
        90,
        "--jpeg-quality",
        "JPEG quality of pool pictures. Key frames are saved at 95.",
        minimum=60,
        maximum=100,
    )
    max_body_mb: float = option(
        18.0,
        "--max-body-mb",
        "Largest body of a request, in MB. A pool that would pass it gets a lower quality (down "
        "to 60), then smaller pictures.",
        minimum=0.5,
        maximum=2000,
    )
    no_embed_index: bool = option(
        False,
        "--no-embed-index",
        'Draw no "Frame NN" on the pictures of stages 2 and 3 (stage 1 never has it).',
    )


@dataclass(frozen=True, kw_only=True)
class CutSettings:
    """How a step becomes a clip."""

    cut_mode: str = option(
        "reencode",
        "--cut-mode",
        "reencode: exact to the frame. copy: no re-encoding; the record says what a clip holds.",
        choices=("reencode", "copy"),
    )
    crf: int = option(
        18,
        "--crf",
        "x264 quality of clips: lower is better and larger.",
        minimum=0,
        maximum=51,
    )
    preset: str = option(
        "veryfast",
        "--preset",
        "x264 speed of clips.",
        choices=(
            "ultrafast",
            "superfast",
            "veryfast",
            "faster",
            "fast",
            "medium",
            "slow",
            "slower",
            "veryslow",
        ),
    )
    keep_audio: bool = option(False, "--keep-audio", "Keep the sound in clips.")


@dataclass(frozen=True, kw_only=True)
class ToolSettings:
    """Programs that are not ours."""

    ffmpeg_bin: str | None = option(
        None,
        "--ffmpeg-bin",
        "The ffmpeg to use.",
        metavar="PATH",
        shown_default="PATH if 5.1 or newer, else the one in the imageio-ffmpeg wheel",
    )


@dataclass(frozen=True, kw_only=True)
class EndpointSettings:
    """Which model, and how to reach it."""

    api_key: str | None = option(
        None,
        "--api-key",
        "Key of the endpoint. Better in the environment than on the command line.",
        env="API_KEY",
        secret=True,
        metavar="KEY",
    )
    api_base: str | None = option(
        None,
        "--api-base",
        "Base URL of an OpenAI-compatible endpoint.",
        env="API_BASE_URL",
        metavar="URL",
    )
    provider: str | None = option(
        None,
        "--provider",
        "A preset (offline openai vllm sglang dashscope modelscope openrouter), or any other id, "
        "sent as the header X-Model-Provider-Id. Nothing given at all: the embedded offline model.",
        env="MODEL_PROVIDER_ID",
        metavar="ID",
    )
    model: str | None = option(
        None,
        "--model",
        "Name of the model at the endpoint.",
        env="MODEL_NAME",
        metavar="NAME",
        shown_default="the preset's name for Qwen3-VL-235B-A22B-Instruct",
    )
    media_dialect: str | None = option(
        None,
        "--media-dialect",
        "How pictures are put into a request.",
        choices=("images", "video_url", "dashscope_video"),
        shown_default="by preset",
    )
    structured_mode: str = option(
        "auto",
        "--structured-mode",
        "How the schema is enforced. auto: the best that the server accepts.",
        choices=("auto", "json_schema", "json_object", "prompt"),
    )
    max_tokens: int = option(
        16384, "--max-tokens", "Token budget of one answer.", minimum=1, maximum=1_000_000
    )
    temperature: float = option(
        0.2, "--temperature", "Sampling temperature.", minimum=0.0, maximum=2.0
    )
    api_call_retries: int = option(
        3,
        "--api-call-retries",
        "Retries of one request after a time-out, a broken connection or 408, 409, 429, 5xx.",
        minimum=0,
        maximum=100,
    )
    api_call_retry_backoff_sec: float = option(
        1.0,
        "--api-call-retry-backoff-sec",
        "First wait before a retry, in seconds; it doubles, with jitter.",
        minimum=0.0,
        maximum=600,
    )
    api_timeout_sec: float = option(
        300.0,
        "--api-timeout-sec",
        "Time limit of one request, in seconds. An answer that is shown while it is written may "
        "take longer: then it is the longest silence.",
        minimum=0.1,
    )
    endpoint_patience_sec: float = option(
        600.0,
        "--endpoint-patience-sec",
        "Longest wait for an endpoint that is down or wants us to wait, in seconds.",
        minimum=0.0,
    )
    concurrency: int = option(
        8,
        "--concurrency",
        "Most requests in flight at once, whatever they are for.",
        minimum=1,
        maximum=10_000,
    )


@dataclass(frozen=True, kw_only=True)
class AnswerSettings:
    """How often a stage asks for a valid answer."""

    stage1_retries: int = option(
        3, "--stage1-retries", "Attempts at a valid draft, the first included.", minimum=1
    )
    stage2_retries: int = option(
        3, "--stage2-retries", "Attempts at a valid localization, the first included.", minimum=1
    )
    stage3_retries: int = option(
        3, "--stage3-retries", "Attempts at a valid refined step, the first included.", minimum=1
    )


@dataclass(frozen=True, kw_only=True)
class BudgetSettings:
    """What a run may cost."""

    max_cost: float | None = option(
        None,
        "--max-cost",
        "Stop before the request that would pass this sum (needs --prices).",
        minimum=0.0,
    )
    max_total_tokens: int | None = option(
        None,
        "--max-total-tokens",
        "Stop before the request that would pass this many tokens.",
        minimum=1,
    )
    prices: Path | None = option(
        None,
        "--prices",
        'JSON file: {"MODEL": {"input_per_million": 0.3, "output_per_million": 1.5, '
        '"currency": "USD"}}.',
        metavar="FILE",
    )


@dataclass(frozen=True, kw_only=True)
class OutputSettings:
    """What the person sees."""

    verbose: bool = option(
        False, "--verbose", "Say more on the terminal, the model's raw answers included."
    )
    quiet: bool = option(False, "--quiet", "Say only what failed.")
    log_file: Path | None = option(
        None, "--log-file", "Write everything that happens to this file.", metavar="PATH"
    )


@dataclass(frozen=True, kw_only=True)
class PipelineSettings:
    """All options of one run of the pipeline."""

    inputs: InputSettings = InputSettings()
    run: RunSettings = RunSettings()
    sampling: SamplingSettings = SamplingSettings()
    cut: CutSettings = CutSettings()
    tools: ToolSettings = ToolSettings()
    endpoint: EndpointSettings = EndpointSettings()
    answers: AnswerSettings = AnswerSettings()
    budget: BudgetSettings = BudgetSettings()
    output: OutputSettings = OutputSettings()


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """Where the chat server listens, and what it takes from whom."""

    host: str = option(
        "127.0.0.1",
        "--host",
        "Address to listen on. Any other than this machine's own needs --auth-token.",
        metavar="ADDRESS",
    )
    public_host: str | None = option(
        None,
        "--public-host",
        "The name of this server behind a proxy with TLS, such as chat.example.org. Needs "
        "--auth-token.",
        metavar="NAME",
    )
    port: int = option(
        7860, "--port", "Port to listen on; 0 takes any free one.", minimum=0, maximum=65535
    )
    data_dir: Path = option(
        Path("chat_data"),
        "--data-dir",
        "Where videos, their pictures and the conversations are kept.",
        metavar="DIR",
    )
    auth_token: str | None = option(
        None,
        "--auth-token",
        "What the page asks for and programs send as their API key. Better in the environment.",
        secret=True,
        metavar="TOKEN",
    )
    max_upload_mb: float = option(
        2048.0, "--max-upload-mb", "Largest video that is taken, in MB.", minimum=0.001
    )
    allow_url_fetch: bool = option(
        False,
        "--allow-url-fetch",
        "Let programs name http(s) addresses of videos and pictures; never private ones.",
    )


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """How much of this machine the chat server uses."""

    num_workers: int = option(
        os.cpu_count() or 1,
        "--num-workers",
        "Most videos being decoded at once.",
        minimum=1,
        maximum=1024,
        shown_default="cores",
    )


@dataclass(frozen=True, kw_only=True)
class ChatSettings:
    """All options of the chat server."""

    server: ServerSettings = ServerSettings()
    workers: WorkerSettings = WorkerSettings()
    sampling: SamplingSettings = SamplingSettings()
    endpoint: EndpointSettings = EndpointSettings()
    output: OutputSettings = OutputSettings()
