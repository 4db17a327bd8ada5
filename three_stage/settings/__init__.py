"""Every option once, as frozen objects; the errors that people read."""

from three_stage.settings.errors import ThreeStageError, UsageError
from three_stage.settings.model import (
    FEWEST_FRAMES,
    POOL_SIZE_ADVISED,
    AnswerSettings,
    BudgetSettings,
    ChatSettings,
    CutSettings,
    EndpointSettings,
    InputSettings,
    OutputSettings,
    PipelineSettings,
    RunSettings,
    SamplingSettings,
    ServerSettings,
    ToolSettings,
    WorkerSettings,
)

__all__ = [
    "FEWEST_FRAMES",
    "POOL_SIZE_ADVISED",
    "AnswerSettings",
    "BudgetSettings",
    "ChatSettings",
    "CutSettings",
    "EndpointSettings",
    "InputSettings",
    "OutputSettings",
    "PipelineSettings",
    "RunSettings",
    "SamplingSettings",
    "ServerSettings",
    "ThreeStageError",
    "ToolSettings",
    "UsageError",
    "WorkerSettings",
]
