"""Ways to ask a model: for a checked object, or for an answer that is told while it is written."""

from three_stage.settings.secrets import hidden
from three_stage.vlm.asker import Asker
from three_stage.vlm.budget import Budget, Price
from three_stage.vlm.capabilities import LADDER, Mode
from three_stage.vlm.conversation import Delay, End, Piece, Remark, Talk, TalkEvent, Thought
from three_stage.vlm.endpoints import (
    NO_KEY,
    OFFLINE,
    OFFLINE_BASE,
    PRESETS,
    Dialect,
    Endpoint,
    resolve_endpoint,
)
from three_stage.vlm.errors import (
    AnswerBlockedError,
    AnswerRejected,
    BrokenOffError,
    BudgetReachedError,
    EmptyAnswerError,
    EndpointDownError,
    EndpointRefusedError,
    NoValidAnswerError,
    RequestFailedError,
    RequestRejectedError,
    RequestTooLargeError,
    RunEndingError,
    UnreadableAnswer,
    VlmError,
)
from three_stage.vlm.faults import Fault, FaultKind, Topic
from three_stage.vlm.journal import Journal
from three_stage.vlm.models import list_models
from three_stage.vlm.observer import (
    AskEvent,
    AskObserver,
    LimitChanged,
    RequestFailed,
    RequestFinished,
    RequestStarted,
    RunPaused,
    RunResumed,
)
from three_stage.vlm.question import Answer, AskKey, Picture, Question
from three_stage.vlm.talk import Talker
from three_stage.vlm.tokens import estimate_tokens, family_of
from three_stage.vlm.words import Words

__all__ = [
    "LADDER",
    "NO_KEY",
    "OFFLINE",
    "OFFLINE_BASE",
    "PRESETS",
    "Answer",
    "AnswerBlockedError",
    "AnswerRejected",
    "AskEvent",
    "AskKey",
    "AskObserver",
    "Asker",
    "BrokenOffError",
    "Budget",
    "BudgetReachedError",
    "Delay",
    "Dialect",
    "EmptyAnswerError",
    "End",
    "Endpoint",
    "EndpointDownError",
    "EndpointRefusedError",
    "Fault",
    "FaultKind",
    "Journal",
    "LimitChanged",
    "Mode",
    "NoValidAnswerError",
    "Picture",
    "Piece",
    "Price",
    "Question",
    "Remark",
    "RequestFailed",
    "RequestFailedError",
    "RequestFinished",
    "RequestRejectedError",
    "RequestStarted",
    "RequestTooLargeError",
    "RunEndingError",
    "RunPaused",
    "RunResumed",
    "Talk",
    "TalkEvent",
    "Talker",
    "Thought",
    "Topic",
    "UnreadableAnswer",
    "VlmError",
    "Words",
    "estimate_tokens",
    "family_of",
    "hidden",
    "list_models",
    "resolve_endpoint",
]
