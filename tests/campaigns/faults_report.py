"""What the fault campaign found, as a page for users."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.campaigns.fault_cases import PATIENCE_SEC, TIMEOUT_SEC, Rule
from tests.campaigns.fault_trials import LOG, Outcome

_LOG_HEAD = re.compile(r"^\S+Z \w+ +\S+: ")
_PORT = re.compile(r"127\.0\.0\.1:\d+")

_RULES = {
    Rule.USED: (
        "Slow, or oddly written, but an answer: it is read, and nothing is asked twice. What had "
        "to be forgiven is a note in `calls.jsonl` and a warning in `run_summary.json`."
    ),
    Rule.SENT_AGAIN: (
        "Time-outs, broken connections, 408, 409, 425, 429, 5xx, and a 200 with what is no "
        "completion: the same request goes out again, `--api-call-retries` times, with waits that "
        "double; `Retry-After` is obeyed. Each sort of trouble is told once on the terminal, and "
        "every time in the log file. When others pass and one request never does, its video fails."
    ),
    Rule.ASKED_AGAIN: (
        "An answer that is no valid one goes back to the model with its errors, "
        "`--stageN-retries` answers in all. A cut one is asked for shorter; one that goes on for "
        "ever with white space or the same words is asked for in the next simpler "
        "`--structured-mode`, with no more room."
    ),
    Rule.OTHER_WAY: (
        "What the server refuses or ignores is learnt from the first request and left out for the "
        "rest of the run."
    ),
    Rule.WAITED: (
        "After five failures in a row, or when one request used up its tries and nothing else "
        "passed, the run pauses. One request at a time tries the endpoint, after waits of up to "
        "30 s; an answer ends the pause."
    ),
    Rule.VIDEO: (
        "Refused for what this video holds, or never answered well: the video fails with its "
        "reason. With `--continue-on-error` the others go on."
    ),
    Rule.RUN: (
        "No request has a chance: the key, the model or the address is refused, the account is "
        "empty, or the endpoint gave no answer for `--endpoint-patience-sec`. Exit code 3. Until "
        "the first answer has come, one request is out at a time, so that a wrong key costs one "
        "request however many videos there are."
    ),
    Rule.CAP: (
        "`--max-cost` and `--max-total-tokens` stop before the request that could pass them. "
        "Answers under way are waited for and kept. Exit code 1."
    ),
}

_INTRO = (
    "What three-stage does when the endpoint is in trouble, and what it says. Every line of the "
    "tables below is a real run of `pipeline.py` against a server on loopback that does just that; "
    "the server counts the requests."
)
_ALWAYS = (
    "Whatever happens: an answer that arrived is on disk before it is read, so it is never paid "
    "for twice; when a run ends early, answers under way are waited for, up to two minutes, and "
    "kept; after a run that did not finish, **the same command goes on** and pays only for what is "
    "missing."
)
_CHECKED = (
    "Checked in every case: the exit code; which videos are done; the number of requests; that the "
    "line is shown; that no traceback shows; that no part of the key shows, on the terminal, in "
    "the log file or in any file of the results; that no question whose answer came was asked "
    "again, over both runs; that in the end every folder is valid and equals, file by file (raw "
    "answers, times and the journal apart), that of a run without trouble."
)
_COLUMNS = (
    "*needed*: requests that the videos of the case take without trouble. *made*: by the run in "
    "trouble. *after*: by the same command with a healthy endpoint afterwards, where the first run "
    "did not finish."
)
_AGAIN = (
    "All of it: `python -m tests.campaigns.faults --output docs/reliability.md`. A part: `--sample "
    "4 --seed 1`, or `--only 429` for the cases whose name holds these words. The table itself is "
    "data: `tests/campaigns/fault_cases.py` (cases and what is expected), "
    "`tests/campaigns/fault_kinds.py` (what a server does)."
)


def report(outcomes: Sequence[Outcome]) -> str:
    """Return the campaign as Markdown."""
    bad = [outcome for outcome in outcomes if outcome.deviations]
    lines = ["# When the endpoint is in trouble", "", _INTRO, "", _ALWAYS, ""]
    lines += ["| what is done | about what |", "|---|---|"]
    lines += [f"| {_linked(rule)} | {words} |" for rule, words in _RULES.items()]
    lines += ["", _summary(outcomes, len(bad)), "", _CHECKED, "", _COLUMNS]
    for rule in _RULES:
        there = [outcome for outcome in outcomes if outcome.case.rule is rule]
        if there:
            lines += ["", f"## {_heading(rule)}", "", *_table(there)]
    lines += ["", "## Not as expected", ""]
    lines += [f"- {o.case.name}: {o.deviations[0]}" for o in bad] or ["Nothing."]
    lines += ["", "## Again", "", _conditions(), "", _AGAIN]
    return "\n".join(lines) + "\n"


def _summary(outcomes: Sequence[Outcome], bad: int) -> str:
    made = sum(outcome.requests + outcome.next_requests for outcome in outcomes)
    needed = sum(outcome.needed for outcome in outcomes)
    ended = sum(outcome.exit_code == 3 for outcome in outcomes)
    return (
        f"{len(outcomes)} cases, {len(outcomes) - bad} as expected. Of the runs in trouble "
        f"{sum(outcome.exit_code == 0 for outcome in outcomes)} finished by themselves and {ended} "
        f"ended with exit code 3; in the end every video of every case was done. {needed} requests "
        f"were needed, and {made} were made, over all runs."
    )


def _conditions() -> str:
    return (
        "The videos have 3 steps, hence 5 requests; the embedded model gives the good answers. So "
        "that it does not take long, first waits are 0.05 s (`--api-call-retry-backoff-sec`), and "
        f"where trouble lasts, `--endpoint-patience-sec` is {PATIENCE_SEC:g} and "
        f"`--api-timeout-sec` {TIMEOUT_SEC:g}; both are far longer by default. `--concurrency` "
        "is 2 where nothing else is said. Addresses are shown with port 8000."
    )


def _table(outcomes: Sequence[Outcome]) -> list[str]:
    lines = [
        "| the server | at | exit code | videos done | needed | made | after | what is shown |",
        "|---|---|---:|---:|---:|---:|---:|---|",
    ]
    for outcome in outcomes:
        case = outcome.case
        after = str(outcome.next_requests) if outcome.exit_code else ""
        cells = [
            case.does, case.when, str(outcome.exit_code),
            f"{len(outcome.done)} of {len(case.videos)}", str(outcome.needed),
            str(outcome.requests), after, _shown(outcome),
        ]  # fmt: skip
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def _shown(outcome: Outcome) -> str:
    line = _PORT.sub("127.0.0.1:8000", outcome.line)
    in_log = line.startswith(LOG)
    line = _LOG_HEAD.sub("", line.removeprefix(LOG))
    tokens = f" ({outcome.used_tokens:,} tokens used)" if outcome.case.rule is Rule.CAP else ""
    if not line:
        return "nothing"
    return f"{'log file: ' if in_log else ''}`{line.replace('`', chr(39))}`{tokens}"


def _heading(rule: Rule) -> str:
    return rule.value[0].upper() + rule.value[1:]


def _linked(rule: Rule) -> str:
    return f"[{rule.value}](#{rule.value.replace(' ', '-')})"
