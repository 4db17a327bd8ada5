"""Every code that the validator can report, once: what it means and what to do.

``E-`` makes a folder fail; ``W-`` does not, unless warnings are asked to.
"""

from __future__ import annotations

from enum import Enum

_RERUN = "Run the pipeline again on this video."
_REMAKE = "Run the pipeline again on this video with --overwrite."
_NOT_OURS = "Move it out of the folder."
_EDITED = "Restore the file, or run the pipeline again with --overwrite for its stage."


class Code(Enum):
    """A kind of finding: its code, its meaning, and the hint when the check has no better one."""

    LAYOUT_MISSING = (
        "E-LAYOUT-MISSING",
        "A file or folder that a finished folder has is not there.",
        _RERUN,
    )
    LAYOUT_FOREIGN = (
        "E-LAYOUT-FOREIGN",
        "A file or folder that the pipeline never writes.",
        _NOT_OURS,
    )
    LAYOUT_STALE = (
        "E-LAYOUT-STALE",
        "A step folder, clip or picture that belongs to no step or manifest of this folder.",
        "It is left from an earlier result: remove it.",
    )
    LAYOUT_LINK = (
        "E-LAYOUT-LINK",
        "A symbolic link or junction in the place of a file or folder.",
        "Put the file itself there.",
    )
    LAYOUT_KIND = (
        "E-LAYOUT-KIND",
        "Something that is neither a plain file nor a folder, or one in the place of the other.",
        "Remove it and run the pipeline again on this video.",
    )
    LAYOUT_TEMPORARY = (
        "W-LAYOUT-TEMPORARY",
        "A half-written file that a killed run left.",
        "It can be removed; the next run does so.",
    )
    LAYOUT_SYSTEM = (
        "W-LAYOUT-SYSTEM",
        "A file that an operating system leaves in folders.",
        "Remove it.",
    )
    FILE_READ = (
        "E-FILE-READ",
        "A file or folder cannot be read.",
        "Check its permissions and the disk.",
    )
    PATH_OUTSIDE = (
        "E-PATH-OUTSIDE",
        "A path in a JSON file is absolute or leads out of the folder.",
        _EDITED,
    )
    PATH_WRONG = ("E-PATH-WRONG", "A path in a JSON file is not the one it must be.", _EDITED)

    FILE_SIZE = ("E-FILE-SIZE", "A file is far larger than any of ours.", _EDITED)
    JSON_ENCODING = ("E-JSON-ENCODING", "A JSON file is not plain UTF-8 text.", _EDITED)
    JSON_SYNTAX = ("E-JSON-SYNTAX", "A file is not JSON (cut, or no JSON at all).", _EDITED)
    JSON_NUMBER = (
        "E-JSON-NUMBER",
        "NaN, Infinity, or a number that other readers cannot hold exactly.",
        _EDITED,
    )
    JSON_DEPTH = ("E-JSON-DEPTH", "JSON nested deeper than any of ours.", _EDITED)
    JSON_DUPLICATE = (
        "E-JSON-DUPLICATE",
        "A key twice in one object: readers differ on which counts.",
        _EDITED,
    )
    SCHEMA = (
        "E-SCHEMA",
        "A value does not fit the published schema of its file.",
        _EDITED,
    )
    FORM = (
        "E-FORM",
        "A value is not stored in its normal form (names are in snake_case).",
        _EDITED,
    )
    DEFAULT = (
        "W-DEFAULT",
        "A key is absent and its default is assumed.",
        "Run the pipeline once more.",
    )
    JSON_FORM = (
        "W-JSON-FORM",
        "A JSON file is not written as ours are: UTF-8, indent 2, letters as they are, a line end.",
        "Nothing to do if you edited it: every JSON reader takes it.",
    )
    TEXT = ("E-TEXT", "A prompt or raw answer is empty or not UTF-8 text.", _EDITED)

    SUMMARY_STAGE = (
        "E-SUMMARY-STAGE",
        "run_summary.json does not say that a stage is completed.",
        _RERUN,
    )
    SUMMARY_OVERWRITE = (
        "E-SUMMARY-OVERWRITE",
        "An --overwrite has begun and is not done.",
        _RERUN,
    )
    SUMMARY_ID = (
        "E-SUMMARY-ID",
        "The video's id differs between the folder's name and the files in it.",
        "Give the folder its name back.",
    )
    SUMMARY_VERSION = (
        "E-SUMMARY-VERSION",
        "The folder has another format version than this validator.",
        "Use the version of three-stage that wrote it, or run the pipeline again.",
    )
    PROMPT_DIFFERS = (
        "W-PROMPT-DIFFERS",
        "Prompts or pictures are not those that were sent, by the record.",
        _EDITED,
    )

    SUMMARY_TIME = (
        "E-SUMMARY-TIME",
        "A recorded date does not exist.",
        _EDITED,
    )
    SUMMARY_CLOCK = (
        "W-SUMMARY-CLOCK",
        "Recorded times are not in the order in which things happen.",
        "The clock was set during the run, or the file was edited.",
    )
    SUMMARY_PART = (
        "W-SUMMARY-PART",
        "A completed stage has no record of what made one of its steps.",
        "The next run makes the step anew; with --reuse-any it is kept as it is.",
    )
    SUMMARY_COUNT = (
        "W-SUMMARY-COUNT",
        "Attempts, usage or cost of a stage are not what its answers took.",
        "The results do not depend on it; calls.jsonl has every request.",
    )
    SUMMARY_MADE = (
        "W-SUMMARY-MADE",
        "What a stage was made with is not the same everywhere.",
        "The next run may make the stage anew.",
    )
    SUMMARY_SOURCE = (
        "E-SUMMARY-SOURCE",
        "The source's path, content or number of frames is not the same everywhere.",
        _EDITED,
    )
    SUMMARY_SAMPLING = (
        "W-SUMMARY-SAMPLING",
        "The pool of stage 1 is not what sampling_config says.",
        _REMAKE,
    )
    SOURCE_CHANGED = (
        "W-SOURCE-CHANGED",
        "The source file is there and is not the one that this folder was made from.",
        "Bring the source back, or run the pipeline again.",
    )

    ARTIFACT_PATH = (
        "E-ARTIFACT-PATH",
        "A recorded artifact is no relative path below the folder.",
        _EDITED,
    )
    ARTIFACT_MISSING = (
        "E-ARTIFACT-MISSING",
        "A recorded artifact is not there.",
        _RERUN,
    )
    ARTIFACT_UNRECORDED = (
        "E-ARTIFACT-UNRECORDED",
        "A file of the result has no digest or size in run_summary.json.",
        _REMAKE,
    )
    ARTIFACT_SIZE = ("E-ARTIFACT-SIZE", "A file has another size than recorded.", _EDITED)
    ARTIFACT_DIGEST = ("E-ARTIFACT-DIGEST", "A file has another content than recorded.", _EDITED)

    CALLS_LINE = (
        "E-CALLS-LINE",
        "A line of calls.jsonl is no record of a call, or of another video.",
        "Restore the file.",
    )
    CALLS_TORN = (
        "W-CALLS-TORN",
        "A line of calls.jsonl that a kill cut short.",
        "Nothing to do.",
    )
    CALLS_ANSWER = (
        "W-CALLS-ANSWER",
        "An accepted answer is not in calls.jsonl, or was rejected there.",
        "Restore calls.jsonl and the raw answer.",
    )

    CALLS_VERDICT = (
        "W-CALLS-VERDICT",
        "A verdict of calls.jsonl does not fit its answer, or is not there.",
        "Restore calls.jsonl.",
    )

    ANSWER_EDITED = (
        "W-ANSWER-EDITED",
        "A result is not what the model answered.",
        "If you edited it, all is well.",
    )

    MANIFEST_RULE = (
        "E-MANIFEST-RULE",
        "A frame manifest contradicts itself: count, order or times.",
        _EDITED,
    )
    MANIFEST_NOTE = (
        "W-MANIFEST-NOTE",
        "The note of a manifest does not say what the manifest holds.",
        _EDITED,
    )
    MANIFEST_VIDEO = (
        "E-MANIFEST-VIDEO",
        "What the manifest of stage 1 says of the video is not so.",
        _EDITED,
    )
    POOL_NAME = (
        "E-POOL-NAME",
        "A picture's name is not sample_{index}_ts_{seconds}s.jpg of its entry.",
        _EDITED,
    )
    PICTURE_DECODE = ("E-PICTURE-DECODE", "A picture is not a whole, decodable JPEG.", _RERUN)
    PICTURE_SIZE = (
        "E-PICTURE-SIZE",
        "A picture's size differs from its pool's or the video's.",
        _REMAKE,
    )
    POOL_PICTURE = (
        "E-POOL-PICTURE",
        "A step's picture does not show its frame of the clip.",
        _REMAKE,
    )
    STEP_TIME = (
        "E-STEP-TIME",
        "A time of a step's pool is not the clip's time of that frame.",
        _REMAKE,
    )

    DRAFT_RULE = ("E-DRAFT-RULE", "The draft plan breaks a rule.", _EDITED)
    DRAFT_ADVICE = (
        "W-DRAFT-ADVICE",
        "The draft plan is valid but not as preferred.",
        "Look at the plan.",
    )
    DRAFT_CHANGED = (
        "W-DRAFT-CHANGED",
        "A later stage was asked with another draft than the one that is there.",
        "If you edited the draft, run the pipeline with --stages 2,3.",
    )
    LOCALIZATION_RULE = ("E-LOCALIZATION-RULE", "The localization breaks a rule.", _EDITED)
    LOCALIZATION_ADVICE = (
        "W-LOCALIZATION-ADVICE",
        "Much of the video belongs to no step.",
        "Look at the clips.",
    )
    SEGMENTS_RULE = (
        "E-SEGMENTS-RULE",
        "Segments differ from the localization, the draft or the manifest.",
        _EDITED,
    )
    STEP_RULE = ("E-STEP-RULE", "A refined step breaks a rule or differs from its draft.", _EDITED)
    CUT_RECORD = (
        "E-CUT-RECORD",
        "How the clips were cut is not what run_summary.json records.",
        _EDITED,
    )
    META_RULE = ("E-META-RULE", "step_meta.json differs from what it describes.", _EDITED)
    PLAN_RULE = ("E-PLAN-RULE", "The final plan differs from the draft or the steps.", _EDITED)

    CLIP_DECODE = ("E-CLIP-DECODE", "A clip cannot be decoded to its end.", _REMAKE)
    CLIP_FRAMES = (
        "E-CLIP-FRAMES",
        "A clip does not hold exactly the source frames of its segment.",
        _REMAKE,
    )
    CLIP_DURATION = (
        "E-CLIP-DURATION",
        "A clip does not last as long as its record says.",
        _REMAKE,
    )
    CLIP_RANGE = (
        "E-CLIP-RANGE",
        "A clip's recorded start or end does not fit its segment.",
        _REMAKE,
    )
    CLIP_SIZE = ("E-CLIP-SIZE", "A clip's picture has another size than the video's.", _REMAKE)
    CLIP_PICTURE = (
        "E-CLIP-PICTURE",
        "A clip does not show what the pool shows at the same frame.",
        _REMAKE,
    )

    PICTURE_LOSS = (
        "W-PICTURE-LOSS",
        "A clip is compressed so strongly (--crf above 18) that pictures cannot be compared.",
        "Use a lower --crf.",
    )

    KEYFRAME_COUNT = (
        "E-KEYFRAME-COUNT",
        "A step does not have exactly its two key frames.",
        _REMAKE,
    )
    KEYFRAME_SIZE = (
        "E-KEYFRAME-SIZE",
        "A key frame does not have the source's own resolution.",
        _REMAKE,
    )
    KEYFRAME_PICTURE = (
        "E-KEYFRAME-PICTURE",
        "A key frame does not show its frame of the step's pool.",
        _REMAKE,
    )

    CHECK_STOPPED = (
        "E-CHECK-STOPPED",
        "A check of the validator could not be done; what it would have found is unknown.",
        "Please report this, with the file that it names.",
    )

    def __init__(self, code: str, meaning: str, hint: str) -> None:
        self.code = code
        self.meaning = meaning
        self.hint = hint

    @property
    def is_error(self) -> bool:
        """Whether a finding of this kind makes a folder fail."""
        return self.code.startswith("E-")
