"""How pictures are put into a request (docs: wire formats).

images           one ``image_url`` part a picture, its label as a text part before it
video_url        one ``video_url`` part: an H.264 mp4, one picture a second, made from the JPEGs and
                 no larger than they are together
dashscope_video  one ``video`` part: the list of JPEGs; fewer than four, which it may not hold, are
                 sent as ``images`` are

The last two have no place for a label between pictures, so a text says which picture is which.
"""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from prompts import Prompt
from three_stage.vlm.endpoints import Endpoint
from three_stage.vlm.errors import RequestRejectedError, RequestTooLargeError
from three_stage.vlm.question import Picture
from three_stage.vlm.words import Words

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

PICTURES_PER_SEC = 1
"""Of the video that the pictures are sent as: picture k is shown at second k - 1."""

FEWEST_IN_A_FRAME_LIST = 4

_BEST_CRF, _WORST_CRF = 18, 51
_CRF_THAT_HALVES = 6
_SMALL_VIDEO_BYTES = 64_000
"""So much a video may always have: a pool of smaller pictures is far from every limit."""

_URL_NAME = re.compile(rb"(data-url-[0-9a-f]{32})")


@dataclass(frozen=True)
class Media:
    """The content parts that carry the pictures, and fields that stand beside the messages.

    In the parts a short name stands for each data URL; ``urls`` has the URLs by these names. So
    the many megabytes, which need no escaping, are not taken through the JSON encoder, which would
    keep every other thread waiting.
    """

    parts: tuple[dict[str, Any], ...]
    body_fields: Mapping[str, Any] = field(default_factory=dict)
    urls: Mapping[bytes, bytes] = field(default_factory=dict, repr=False)

    def fill_in(self, body: bytes) -> bytes:
        """Put the data URLs in the place of their names."""
        return b"".join(self.filled_pieces(body))

    def filled_pieces(self, body: bytes) -> list[bytes]:
        """Return the pieces that ``fill_in`` joins; the data URLs are not copied."""
        return [self.urls.get(piece, piece) for piece in _URL_NAME.split(body)]


class _DataUrls:
    """Collects data URLs under names that nobody can have written into a prompt."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.by_name: dict[bytes, bytes] = {}

    def add(self, media_type: str, data: bytes) -> str:
        """Keep a data URL and return its name. Raises RequestTooLargeError."""
        encoded = base64.b64encode(data)
        limit = self._endpoint.max_item_bytes
        if limit is not None and len(encoded) > limit:
            raise RequestTooLargeError(
                f"One {media_type} item has {len(encoded) / 1e6:.1f} MB as base64; "
                f"{self._endpoint.provider} takes {limit / 1e6:.0f} MB.",
                hint="Lower --frame-max-side or --jpeg-quality."
                if media_type == "image/jpeg"
                else "Lower --frame-max-side or --max-frames, or use --media-dialect images.",
            )
        name = f"data-url-{uuid4().hex}"
        self.by_name[name.encode()] = f"data:{media_type};base64,".encode() + encoded
        return name


def build_media(pictures: Sequence[Picture], endpoint: Endpoint, words: Words) -> Media:
    """Build the parts for the endpoint's dialect. Takes long for a video: call it in a thread.

    Raises RequestRejectedError when the dialect cannot carry these pictures, RequestTooLargeError
    when one item is larger than the provider takes.
    """
    if not pictures:
        return Media(())
    builders = {"images": _images, "video_url": _video_url, "dashscope_video": _frame_list}
    return builders[endpoint.dialect](pictures, endpoint, words)


def _images(pictures: Sequence[Picture], endpoint: Endpoint, _words: Words) -> Media:
    parts: list[dict[str, Any]] = []
    urls = _DataUrls(endpoint)
    for picture in pictures:
        if picture.label is not None:
            parts.append(_text(picture.label))
        url = urls.add("image/jpeg", picture.jpeg)
        parts.append({"type": "image_url", "image_url": {"url": url}})
    return Media(tuple(parts), urls=urls.by_name)


def _video_url(pictures: Sequence[Picture], endpoint: Endpoint, words: Words) -> Media:
    urls = _DataUrls(endpoint)
    most_bytes = max(_SMALL_VIDEO_BYTES, sum(len(picture.jpeg) for picture in pictures))
    if endpoint.max_item_bytes is not None:
        most_bytes = min(most_bytes, endpoint.max_item_bytes // 4 * 3)
    url = urls.add("video/mp4", pictures_to_mp4(pictures, most_bytes=most_bytes))
    part: dict[str, Any] = {"type": "video_url", "video_url": {"url": url}}
    fields: dict[str, Any] = {}
    if endpoint.frame_rate_hint == "part":
        part["fps"] = PICTURES_PER_SEC
    elif endpoint.frame_rate_hint == "body":
        fields["mm_processor_kwargs"] = {"fps": PICTURES_PER_SEC}
    return Media((part, _said(pictures, words.as_video, words)), fields, urls.by_name)


def _frame_list(pictures: Sequence[Picture], endpoint: Endpoint, words: Words) -> Media:
    if len(pictures) < FEWEST_IN_A_FRAME_LIST:
        return _images(pictures, endpoint, words)
    urls = _DataUrls(endpoint)
    names = [urls.add("image/jpeg", picture.jpeg) for picture in pictures]
    part = {"type": "video", "video": names, "fps": PICTURES_PER_SEC}
    return Media((part, _said(pictures, words.as_frame_list, words)), urls=urls.by_name)


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _said(pictures: Sequence[Picture], sentence: Prompt, words: Words) -> dict[str, Any]:
    """Say in words what the pictures' order and labels would have said."""
    text = sentence.fill(picture_count=len(pictures))
    labels = [picture.label for picture in pictures if picture.label is not None]
    if labels:
        text += " " + words.picture_names.fill(labels=", ".join(labels))
    return _text(text)


def pictures_to_mp4(pictures: Sequence[Picture], *, most_bytes: int) -> bytes:
    """Encode pictures as an H.264 mp4 (yuv420p), one a second, at the first one's size made even.

    Noise takes more as H.264 of the best quality than as JPEG, so the quality is lowered until the
    file has at most ``most_bytes``, or cannot get worse. Raises RequestRejectedError when a picture
    cannot be decoded.
    """
    crf = _BEST_CRF
    while True:
        data = _encoded(pictures, crf)
        if len(data) <= most_bytes or crf >= _WORST_CRF:
            return data
        lower = math.ceil(_CRF_THAT_HALVES * math.log2(len(data) / most_bytes))
        crf = min(_WORST_CRF, crf + max(1, lower))


def _encoded(pictures: Sequence[Picture], crf: int) -> bytes:
    import av  # noqa: PLC0415 - only this dialect needs it
    from av.video.stream import VideoStream  # noqa: PLC0415

    buffer = io.BytesIO()
    width_px = pictures[0].width_px + pictures[0].width_px % 2
    height_px = pictures[0].height_px + pictures[0].height_px % 2
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=PICTURES_PER_SEC)
        assert isinstance(stream, VideoStream)  # noqa: S101 - for the type checker
        stream.width, stream.height, stream.pix_fmt = width_px, height_px, "yuv420p"
        stream.options = {"crf": str(crf), "preset": "veryfast"}
        stream.codec_context.time_base = Fraction(1, PICTURES_PER_SEC)
        for index, picture in enumerate(pictures):
            # JPEG holds full-range colours, H.264 video the limited range.
            frame = _decode_jpeg(picture).reformat(
                width_px, height_px, "yuv420p", src_color_range="JPEG", dst_color_range="MPEG",
                threads=1,
            )  # fmt: skip
            frame.pts, frame.time_base = index, Fraction(1, PICTURES_PER_SEC)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _decode_jpeg(picture: Picture) -> VideoFrame:
    import av  # noqa: PLC0415
    from av.video.codeccontext import VideoCodecContext  # noqa: PLC0415

    decoder = VideoCodecContext.create("mjpeg", "r")
    try:
        frames = decoder.decode(av.Packet(picture.jpeg)) + decoder.decode(None)
    except av.error.FFmpegError:
        frames = []
    if not frames:
        raise RequestRejectedError("A picture of this request is no JPEG.")
    return frames[0]
