"""One honest object of every file, as JSON values that tests copy and spoil."""

from __future__ import annotations

from typing import Any

from schemas.plan import DraftPlan, RefinedStep
from schemas.problems import parse

NOW = "2026-03-04T05:06:07.089+00:00"
DIGEST = "0123456789abcdef" * 4


def chain(agent: str = "hand", action: str = "cuts the bread", patient: str = "bread") -> Any:
    return {
        "agent": agent,
        "action": action,
        "patient": patient,
        "causal_precondition_on_spatial": [
            {"relation": "lies_on", "objects": ["bread", "board"], "truth": True}
        ],
        "causal_precondition_on_affordance": [
            {
                "object_name": "knife",
                "affordance_types": ["cutting"],
                "reasons": "Its edge is sharp.",
            }
        ],
        "causal_effect_on_spatial": [
            {"relation": "joined_to", "objects": ["slice", "loaf"], "truth": False}
        ],
        "causal_effect_on_affordance": [
            {
                "object_name": "slice",
                "affordance_types": ["holding", "eating"],
                "reasons": "It is small enough for one hand.",
            }
        ],
    }


def draft_step(step_id: int = 1) -> Any:
    return {
        "step_id": step_id,
        "step_goal": f"cut slice {step_id}",
        "rationale": "A loaf does not fit into the toaster.",
        "causal_chain": chain(),
        "counterfactual_challenge_question": "What if the knife were blunt?",
        "expected_challenge_outcome": "The bread would be squeezed flat.",
        "failure_reflecting": {
            "reason": "The knife slips.",
            "recovery_strategy": "Hold the loaf and start anew.",
        },
    }


def draft_plan(steps: int = 4) -> Any:
    return {
        "high_level_goal": "Two slices of toast.",
        "steps": [draft_step(number) for number in range(1, steps + 1)],
    }


def critical_frame(index: int) -> Any:
    return {
        "frame_index": index,
        "action_state_change_description": "The blade goes through the crust.",
        "causal_chain": chain(),
        "interaction": {
            "tools": ["hand", "knife"],
            "materials": ["bread"],
            "hotspot": {
                "description": "the edge on the crust",
                "affordance_type": "cutting",
                "mechanism": "the moving edge parts the crumb",
            },
        },
    }


def refined_step(step_id: int = 1) -> Any:
    return {**draft_step(step_id), "critical_frames": [critical_frame(2), critical_frame(7)]}


def causal_plan(steps: int = 4) -> Any:
    return {
        "high_level_goal": "Two slices of toast.",
        "steps": [refined_step(number) for number in range(1, steps + 1)],
    }


def localization(bounds: tuple[tuple[int, int], ...] = ((1, 4), (4, 8), (8, 11), (11, 13))) -> Any:
    return {
        "steps": [
            {"step_id": number, "start_frame_index": start, "end_frame_index": end}
            for number, (start, end) in enumerate(bounds, start=1)
        ]
    }


def manifest(num_frames: int = 12) -> Any:
    """Return a pool with 1 picture a second of a video that shows 25 frames a second."""
    return {
        "num_frames": num_frames,
        "note": "",
        "frames": [
            {
                "frame_index_1based": number,
                "timestamp_sec": float(number - 1),
                "original_frame_index": 25 * (number - 1),
                "image_relpath": f"sampled_frames/sample_{number:03d}_ts_{number - 1:.2f}s.jpg",
            }
            for number in range(1, num_frames + 1)
        ],
        "video": {
            "duration_sec": num_frames - 1 + 0.04,
            "width": 640,
            "height": 360,
            "codec": "h264",
            "average_fps": 25.0,
            "variable_frame_rate": False,
            "rotation": 90,
            "first_frame_offset_sec": -0.08,
        },
    }


def segment(step_id: int, start: int, end: int, num_frames: int = 12) -> Any:
    frames = manifest(num_frames)["frames"]
    end_sec = float(end - 1) if end <= num_frames else num_frames - 1 + 0.04
    return {
        "step_id": step_id,
        "step_goal": f"cut slice {step_id}",
        "start_frame_index": start,
        "end_frame_index": end,
        "start_sec": float(start - 1),
        "end_sec": end_sec,
        "start_image_relpath": frames[start - 1]["image_relpath"],
        "end_image_relpath": frames[min(end, num_frames) - 1]["image_relpath"],
        "clip_relpath": f"step_clips/step{step_id:02d}_cut_slice_{step_id}.mp4",
        "clip_start_sec": float(start - 1),
        "clip_end_sec": end_sec,
    }


def step_segments() -> Any:
    return {
        "source_video": "/videos/Brot schneiden 切.mp4",
        "video_id": "Brot schneiden 切",
        "generated_at_utc": NOW,
        "num_frames": 12,
        "cut": {"mode": "reencode", "crf": 18, "preset": "veryfast", "keep_audio": False},
        "segments": [
            segment(1, 1, 4),
            segment(2, 4, 8),
            segment(3, 8, 11),
            segment(4, 11, 13),
        ],
    }


def step_meta() -> Any:
    return {
        "step_id": 2,
        "step_goal": "cut slice 2",
        "clip_path": "../stage2/step_clips/step02_cut_slice_2.mp4",
        "clip_start_sec": 3.0,
        "clip_end_sec": 7.0,
        "num_frames": 50,
        "generated_at_utc": NOW,
        "manifest_path": "frame_manifest.json",
    }


def usage() -> Any:
    return {"requests": 1, "prompt_tokens": 900, "completion_tokens": 80, "cached_tokens": 0}


def stage_record() -> Any:
    return {
        "status": "completed",
        "started_at_utc": NOW,
        "ended_at_utc": "2026-03-04T05:07:00Z",
        "attempts": 2,
        "ask_key": DIGEST,
        "ask_inputs": {"prompt": DIGEST},
        "parts": {"1": {"ask_key": DIGEST, "ask_inputs": {}, "cut_key": None, "attempts": 1}},
        "reused": ["steps 1 to 3"],
        "warnings": ["3 of 12 pool frames belong to no step"],
        "usage": usage(),
        "cost": 0.25,
        "error": None,
    }


def run_summary() -> Any:
    return {
        "source_video": "/videos/Brot schneiden 切.mp4",
        "source_size_bytes": 123456,
        "source_fingerprint": DIGEST,
        "source_displayed_frames": 276,
        "video_id": "Brot schneiden 切",
        "format_version": 1,
        "tool_versions": {"three_stage": "0.1.0"},
        "updated_at_utc": NOW,
        "api_config": {
            "provider": "offline",
            "api_base": "http://offline/v1",
            "model": "offline",
            "media_dialect": "images",
            "structured_mode": "auto",
            "max_tokens": 16384,
            "temperature": 0.2,
        },
        "sampling_config": {
            "max_frames": 50,
            "pool_mode": "exact",
            "frame_max_side": 1024,
            "jpeg_quality": 90,
            "max_body_mb": 18.0,
            "embed_index": True,
        },
        "artifacts": {"stage1/draft_plan.json": DIGEST},
        "artifact_bytes": {"stage1/draft_plan.json": 1234},
        "overwrite_in_progress": [],
        "stage1": stage_record(),
        "stage2": None,
        "stage3": None,
        "post_validate": None,
    }


def call_record() -> Any:
    return {
        "event": "answer",
        "call_id": "c-1",
        "video_id": "Brot schneiden 切",
        "stage": "stage3",
        "step_id": 2,
        "attempt": 1,
        "ask_key": DIGEST,
        "prompt_digest": DIGEST,
        "model_asked": "offline",
        "model_answered": "offline",
        "structured_mode": "json_schema",
        "request_id": "r-1",
        "raw_answer": '{"step_id": 2}',
        "finish_reason": "stop",
        "errors": [],
        "notes": [],
        "usage": usage(),
        "cost": None,
        "request_bytes": 1000,
        "latency_sec": 0.5,
        "started_at_utc": NOW,
        "ended_at_utc": NOW,
    }


def run_record() -> Any:
    return {
        "format_version": 1,
        "started_at_utc": NOW,
        "ended_at_utc": NOW,
        "exit_code": 1,
        "ended_by": None,
        "took_sec": 12.5,
        "videos": 3,
        "done": 2,
        "model": "offline",
        "api_base": "http://offline.invalid/v1",
        "options": {
            "max_frames": 50,
            "temperature": 0.2,
            "recursive": False,
            "input_video": ["/videos/Brot schneiden 切.mp4"],
            "prices": None,
        },
        "failed": [
            {
                "video_id": "b",
                "source_video": "/videos/b.mp4",
                "kind": "answer",
                "error": "stage2: no valid answer in 3 attempts.",
            }
        ],
        "usage": usage(),
        "cost": 0.25,
    }


FILES: dict[str, Any] = {
    "draft_plan": draft_plan(),
    "localization_raw": localization(),
    "step_final": refined_step(),
    "causal_plan_with_keyframes": causal_plan(3),
    "frame_manifest": manifest(),
    "step_segments": step_segments(),
    "step_meta": step_meta(),
    "run_summary": run_summary(),
    "call_record": call_record(),
    "run_record": run_record(),
}
"""By the names of ``schemas.publish.FILES``. Copy before you change one."""


def parsed_draft(steps: int = 4) -> DraftPlan:
    return parse(DraftPlan, draft_plan(steps))


def parsed_refined(step_id: int = 1) -> RefinedStep:
    return parse(RefinedStep, refined_step(step_id))
