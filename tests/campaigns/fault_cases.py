"""The table of faults: what is done by the server and when, and what must come of it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from tests.campaigns import fault_kinds as kinds
from tests.campaigns.fault_kinds import (
    ALWAYS,
    FIRST,
    FROM_LATER,
    HEALTHY,
    LATER,
    ONE_VIDEO,
    Fault,
    Outage,
    Where,
)

STEPS = 3
NEEDED = 2 + STEPS
"""Requests that a video takes: a draft, a localization, and one a step."""

ATTEMPTS = 3
"""Answers that a stage asks for at most, by default."""

PATIENCE_SEC = 2.0
TIMEOUT_SEC = 1.0
ONE = ("first",)
TWO = ("first", "second")
MANY = ("first", "second", "third", "fourth", "fifth")


class Rule(Enum):
    """What the tool does about a trouble."""

    USED = "used as it is"
    SENT_AGAIN = "sent again"
    ASKED_AGAIN = "asked again"
    OTHER_WAY = "asked in another way"
    WAITED = "waited for"
    VIDEO = "ends the video"
    RUN = "ends the run"
    CAP = "ends the run before its cap"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A run with a fault, and what must come of it.

    ``requests`` are the fewest and the most of this run; ``done`` the videos that it finishes;
    ``says`` are pieces of one line that the person must see (empty: nothing need be said), ``logs``
    of one in the log file. ``next_without`` are options that the run afterwards leaves out. ``url``
    takes the place of the endpoint's own address; ``{port}`` is its port. ``cap_tokens`` and
    ``cap_cost`` must not be passed by what the server says was used; each is given as an option,
    and the run afterwards has none.
    """

    does: str
    when: str
    rule: Rule
    exit_code: int
    requests: tuple[int, int]
    done: tuple[str, ...]
    says: tuple[str, ...]
    logs: tuple[str, ...] = ()
    fault: Fault = HEALTHY
    where: Where | None = None
    outage: Outage | None = None
    url: str = "http://127.0.0.1:{port}/v1"
    videos: tuple[str, ...] = ONE
    options: tuple[str, ...] = ()
    next_without: tuple[str, ...] = ()
    cap_tokens: int | None = None
    cap_cost: float | None = None

    @property
    def name(self) -> str:
        """What a person types to run this case alone."""
        return f"{self.does} | {self.when}"

    @property
    def ends_run(self) -> bool:
        """Whether this fault ends the whole run."""
        return self.rule in (Rule.RUN, Rule.CAP)


def _case(fault: Fault, where: Where, rule: Rule, **more: object) -> Case:
    more = {"does": fault.does, "when": where.name, **more}
    return Case(fault=fault, where=where, rule=rule, **more)  # type: ignore[arg-type]


def _used(*faults: Fault) -> Iterator[Case]:
    """Every answer is like that, and nothing is asked twice."""
    for fault in faults:
        yield _case(
            fault, ALWAYS, Rule.USED, exit_code=0, requests=(NEEDED, NEEDED), done=ONE, says=()
        )


def _passing(
    fault: Fault,
    *says: str,
    wheres: Sequence[Where] = (FIRST, LATER),
    options: tuple[str, ...] = (),
) -> Iterator[Case]:
    """Once, at the beginning or later, it costs one request more and nothing else."""
    for where in wheres:
        yield _case(
            fault, where, Rule.SENT_AGAIN, exit_code=0, requests=(NEEDED + 1, NEEDED + 1),
            done=ONE, says=(*says, "sent again"), options=options,
        )  # fmt: skip


def _lasting(
    fault: Fault,
    *says: str,
    wheres: Sequence[Where] = (ALWAYS,),
    options: tuple[str, ...] = (),
) -> Iterator[Case]:
    """For ever, it ends the run after the patience, with few requests."""
    for where in wheres:
        before = 0 if where is ALWAYS else 3
        yield _case(
            fault, where, Rule.RUN, exit_code=3, requests=(before + 2, before + 14), done=(),
            says=("The run ended early", "no answer for 2 s", *says, "run the same command again"),
            options=(*options, f"--endpoint-patience-sec={PATIENCE_SEC:g}"),
        )  # fmt: skip


def _poison(fault: Fault, *says: str, options: tuple[str, ...] = ()) -> Iterator[Case]:
    """For one video alone, while others pass: that video fails when its tries are used up."""
    yield _case(
        fault, ONE_VIDEO, Rule.VIDEO, exit_code=1, requests=(NEEDED + 2, NEEDED + 16),
        done=("first",), says=("FAILED second", "while others passed", *says), videos=TWO,
        options=("--continue-on-error", "--endpoint-patience-sec=10", *options),
    )  # fmt: skip


def _asked_again(fault: Fault, words: str, wheres: Sequence[Where]) -> Iterator[Case]:
    """Once, it costs one attempt more."""
    for where in wheres:
        yield _case(
            fault, where, Rule.ASKED_AGAIN, exit_code=0, requests=(NEEDED + 1, NEEDED + 1),
            done=ONE, says=(), logs=("attempt 1 of 3", words),
        )  # fmt: skip


def _unusable(fault: Fault, *says: str) -> Iterator[Case]:
    """For ever, it costs the attempts of one stage, and the video."""
    yield _case(
        fault, ONE_VIDEO, Rule.VIDEO, exit_code=1, requests=(NEEDED + ATTEMPTS, NEEDED + ATTEMPTS),
        done=("first",), says=("FAILED second", *says), videos=TWO,
        options=("--continue-on-error",),
    )  # fmt: skip


def _rejected_later(fault: Fault, *says: str) -> Iterator[Case]:
    """It costs one request and the video; what the video has already is kept."""
    yield _case(
        fault, LATER, Rule.VIDEO, exit_code=1, requests=(NEEDED, NEEDED), done=(),
        says=("FAILED first", *says),
    )  # fmt: skip


def _rejected(fault: Fault, *says: str) -> Iterator[Case]:
    """It costs one request and the video; the others go on."""
    yield _case(
        fault, ONE_VIDEO, Rule.VIDEO, exit_code=1, requests=(NEEDED + 1, NEEDED + 1),
        done=("first",), says=("FAILED second", *says), videos=TWO,
        options=("--continue-on-error",),
    )  # fmt: skip


def _other_way(fault: Fault, more: tuple[int, int], *says: str) -> Iterator[Case]:
    """It is learnt from the first requests, and costs so many (from, to) more for all videos."""
    requests = 2 * NEEDED + more[0], 2 * NEEDED + more[1]
    yield _case(
        fault, ALWAYS, Rule.OTHER_WAY, exit_code=0, requests=requests, done=TWO,
        says=says, videos=TWO,
    )  # fmt: skip


def _final(fault: Fault, *says: str, wheres: Sequence[Where] = (ALWAYS,)) -> Iterator[Case]:
    """It ends the run at the first sight; later, those in flight with it may get it too."""
    for where in wheres:
        is_first = where is ALWAYS
        yield _case(
            fault, where, Rule.RUN, exit_code=3, requests=(1, 1) if is_first else (4, 5),
            done=(), says=("The run ended early", *says), videos=TWO if is_first else ONE,
        )  # fmt: skip


_QUICK = (f"--api-timeout-sec={TIMEOUT_SEC:g}",)
_NO_TIME = f"within {TIMEOUT_SEC:g} s"


def _on_the_way() -> Iterator[Case]:
    """Trouble before an answer that could be read."""
    both = (ALWAYS, FROM_LATER)
    yield from _used(kinds.SLOW)
    for fault, words in (
        (kinds.S500, "500: Internal server error"),
        (kinds.S502_PAGE, "502: a web page: 502 Bad Gateway"),
        (kinds.S503, "503: Service unavailable"), (kinds.S429, "429: Rate limit reached"),
        (kinds.S429_SECONDS, "429: Rate limit reached"),
        (kinds.RESET_BEFORE, "broke: it was reset"), (kinds.RESET_MIDDLE, "broke off"),
        (kinds.NO_JSON, "cannot be read"), (kinds.ERROR_IN_200, "502: Provider returned error"),
    ):  # fmt: skip
        yield from _passing(fault, words)
    for fault, words in (
        (kinds.S408, "408"), (kinds.S409, "409"), (kinds.S504, "504"),
        (kinds.S529, "529: Overloaded"), (kinds.S503_AFTER, "503: Restarting"),
        (kinds.S429_DATE, "429: Rate limit reached"), (kinds.CLOSED_EARLY, "broke off"),
        (kinds.NOT_GZIP, "Content-Encoding"), (kinds.NOT_UTF8, "cannot be read"),
        (kinds.OTHER_JSON, "no chat completion"), (kinds.NOT_EVEN_OBJECT, "no chat completion"),
        (kinds.EMPTY_BODY, "empty"),
    ):  # fmt: skip
        yield from _passing(fault, words, wheres=(LATER,))
    yield from _passing(kinds.HANGS, _NO_TIME, "--api-timeout-sec", options=_QUICK)
    yield from _passing(kinds.DRIPS, _NO_TIME, "--api-timeout-sec", options=_QUICK)
    yield from _used(kinds.RESET_AFTER, kinds.NO_LAST_CHUNK, kinds.ONE_BYTE_SHORT)
    yield from _lasting(kinds.S500, "500: Internal server error", wheres=both)
    yield from _lasting(kinds.S502_PAGE, "502 Bad Gateway", wheres=both)
    yield from _lasting(kinds.S503, "503: Service unavailable")
    yield from _lasting(kinds.S429, "429: Rate limit reached", wheres=both)
    yield from _lasting(kinds.RESET_BEFORE, "broke: it was reset", wheres=both)
    yield from _lasting(kinds.RESET_MIDDLE, "broke off")
    yield from _lasting(kinds.HANGS, _NO_TIME, wheres=both, options=_QUICK)
    yield from _lasting(kinds.DRIPS, _NO_TIME, options=_QUICK)
    yield from _lasting(kinds.NO_JSON, "cannot be read", wheres=(FROM_LATER,))
    yield from _poison(kinds.S500, "500: Internal server error")
    yield from _poison(kinds.HANGS, _NO_TIME, "--api-timeout-sec", options=_QUICK)
    yield from _poison(kinds.NO_JSON, "cannot be read")
    yield _case(
        kinds.PAGE_200, LATER, Rule.SENT_AGAIN, exit_code=0, requests=(NEEDED + 1, NEEDED + 1),
        done=ONE, says=("a web page: Sign in", "sent again"),
    )  # fmt: skip


def _odd_answers() -> Iterator[Case]:
    """Answers that are written oddly, or are no valid ones."""
    yield from _used(
        kinds.THINKS, kinds.FENCED, kinds.TWO_OBJECTS, kinds.BLANKS_INSIDE, kinds.REASONING_ONLY,
        kinds.WRONG_TYPE, kinds.HTML_TYPE, kinds.STREAM, kinds.NO_USAGE,
    )  # fmt: skip
    both = (FIRST, LATER)
    for fault, words, hint, wheres in (
        (kinds.PROSE, "no JSON object", "stronger model", both),
        (kinds.WRONG_JSON, "is missing", "stronger model", both),
        (kinds.CUT_JSON, "stops before its end", "stronger model", both),
        (kinds.CUT_LENGTH, "was cut before its end", "--max-tokens", both),
        (kinds.LOOPS, "goes on with the same words", "--structured-mode", (LATER,)),
        (kinds.BLANKS, "goes on with white space", "--structured-mode", (FIRST,)),
        (kinds.ONLY_BLANKS, "empty", "stronger model", (LATER,)),
        (kinds.NO_CHOICES, "no text", "stronger model", both),
        (kinds.NULL_CONTENT, "no text", "stronger model", (LATER,)),
        (kinds.NULL_REASONED, "reasoning beside it", "stronger model", (FIRST,)),
        (kinds.ENDLESS_THOUGHT, "goes on with the same words", "--structured-mode", (LATER,)),
        (kinds.LONG_THOUGHT, "still thinking", "does not think aloud", (FIRST,)),
    ):
        yield from _asked_again(fault, words, wheres)
        yield from _unusable(fault, "no valid answer in 3 attempts", words, hint)


def _refusals() -> Iterator[Case]:
    """What is refused: one request, one feature, or everything."""
    yield from _rejected(kinds.REFUSAL, "the model refused: I cannot help with this video")
    yield from _rejected_later(kinds.REFUSAL, "the model refused: I cannot help with this video")
    yield from _rejected(kinds.FILTERED, "content filter")
    yield from _rejected(kinds.INSPECTED, "400: Input data may be inappropriate", "content filter")
    yield from _rejected(kinds.ONE_IMAGE, "At most 1 image(s)", "--limit-mm-per-prompt")
    yield from _rejected(kinds.TOO_LONG, "maximum context length", "--max-model-len")
    yield from _rejected(kinds.S413, "413", "--max-body-mb")
    yield from _rejected_later(kinds.S413, "413", "--max-body-mb")
    yield from _rejected(kinds.S422, "422: body.messages.0: Field required", "doctor")
    yield from _other_way(kinds.NO_FORMAT, (2, 2), "refuses json_schema", "goes on without")
    yield from _other_way(kinds.NO_SCHEMA, (1, 1), "refuses json_schema", "goes on without")
    yield from _other_way(kinds.NO_JSON_OBJECT, (0, 0))
    yield _case(
        kinds.NO_JSON_OBJECT, ALWAYS, Rule.VIDEO, exit_code=1, requests=(1, 1), done=(),
        when="every request, `--structured-mode json_object`",
        says=("FAILED first", "'response_format' of type json_object", "--structured-mode auto"),
        options=("--structured-mode=json_object",),
        next_without=("--structured-mode=json_object",),
    )  # fmt: skip
    yield from _other_way(
        kinds.DEAF, (1, 2), "took a JSON Schema and ignored it", "the text shows it"
    )
    yield from _other_way(kinds.OTHER_TOKENS_NAME, (1, 1), "refuses max_tokens")
    yield from _other_way(kinds.NO_TEMPERATURE, (1, 1), "refuses temperature")
    both = (ALWAYS, FROM_LATER)
    yield from _final(kinds.S401, "401", "API_KEY", "...984b", wheres=both)
    yield from _final(kinds.S402, "402: Insufficient credits", "pay and run again")
    yield from _final(kinds.S403, "403: Forbidden", "may not use this model", wheres=both)
    yield from _final(kinds.S404_MODEL, "does not exist", "--model", wheres=both)
    yield from _final(kinds.S404_PATH, "404: Not Found", "/v1")
    yield from _final(kinds.S405, "405", "/v1")
    yield from _final(kinds.S307, "307", "https://other.example/v1", "--api-base")
    yield from _final(kinds.NO_QUOTA, "429", "no credit left", wheres=both)
    yield from _final(kinds.PAGE_200, "a web page: Sign in", "/v1")
    yield from _final(kinds.S429_LONG, "wait 86400 s", "--endpoint-patience-sec", wheres=both)
    for fault, words in (
        (kinds.ERROR_TEXT_IN_200, "Unexpected endpoint"), (kinds.OTHER_JSON, "no chat completion"),
        (kinds.NO_JSON, "cannot be read"), (kinds.EMPTY_BODY, "empty"),
    ):  # fmt: skip
        yield _case(
            fault, ALWAYS, Rule.RUN, exit_code=3, requests=(4, 4), done=(),
            says=("The run ended early", words, "--api-base"), videos=TWO,
        )  # fmt: skip
    yield _case(
        kinds.S401, ALWAYS, Rule.RUN, when="every request, many videos, `--concurrency 8`",
        exit_code=3, requests=(1, 1), done=(), says=("The run ended early", "401", "API_KEY"),
        videos=MANY, options=("--concurrency=8",),
    )  # fmt: skip


def _addresses() -> Iterator[Case]:
    """Addresses at which nobody answers, or somebody else."""
    for does, url, says in (
        ("`https://` and a server without TLS", "https://127.0.0.1:{port}/v1", "http or https"),
        ("a host name that nobody has", "http://no-such-host.invalid/v1", "host name"),
    ):
        yield Case(
            does=does, when="at the start", rule=Rule.RUN, exit_code=3, requests=(0, 0), done=(),
            says=("The run ended early", says), url=url, videos=TWO,
        )  # fmt: skip
    yield Case(
        does="a host name that cannot be one", when="at the start", rule=Rule.RUN, exit_code=2,
        requests=(0, 0), done=(), says=("--api-base http://a..b/v1 is no address",),
        url="http://a..b/v1",
    )  # fmt: skip


def _outages() -> Iterator[Case]:
    """A server that is not there."""
    back = ("The endpoint answers again",)
    yield Case(
        does="the server is not there, and comes 2 s later", when="at the start", rule=Rule.WAITED,
        exit_code=0, requests=(NEEDED, NEEDED), done=ONE, says=back, outage=Outage(0, 2.0),
    )  # fmt: skip
    yield Case(
        does="the server goes away, and comes back 2 s later", when="at the 4th request",
        rule=Rule.WAITED, exit_code=0, requests=(2 * NEEDED + 1, 2 * NEEDED + 2), done=TWO,
        says=back, videos=TWO, outage=Outage(3, 2.0),
    )  # fmt: skip
    patience = (f"--endpoint-patience-sec={PATIENCE_SEC:g}",)
    gone = ("The run ended early", "no answer for 2 s", "No connection", "run the same command")
    yield Case(
        does="the server is not there", when="at the start, for good", rule=Rule.RUN, exit_code=3,
        requests=(0, 0), done=(), says=gone, outage=Outage(0, None), videos=TWO, options=patience,
    )  # fmt: skip
    yield Case(
        does="the server goes away", when="at the 7th request, for good", rule=Rule.RUN,
        exit_code=3, requests=(7, 8), done=(), says=gone, outage=Outage(6, None), videos=TWO,
        options=patience,
    )  # fmt: skip


def _caps() -> Iterator[Case]:
    """All is well but the account: a cap is reached with requests in flight."""
    for does, tokens, cost, words in (
        ("answers honestly; `--max-total-tokens 12000`", 12_000, None, "--max-total-tokens 12000"),
        ("answers honestly; `--max-cost 0.02` with `--prices`", None, 0.02, "--max-cost 0.02 USD"),
    ):
        yield _case(
            kinds.SLOW, ALWAYS, Rule.CAP, does=does, when="at its place in the run", exit_code=1,
            requests=(2, 2 * NEEDED - 1), done=(), videos=TWO, cap_tokens=tokens, cap_cost=cost,
            says=("The run ended early", "could pass", words, "raise the cap"),
            options=("--max-tokens=2000", "--concurrency=4"),
        )  # fmt: skip


def cases() -> tuple[Case, ...]:
    """Return the whole table."""
    return (*_on_the_way(), *_odd_answers(), *_refusals(), *_addresses(), *_outages(), *_caps())


def sampled(table: Sequence[Case], ending: int, others: int, seed: int) -> list[Case]:
    """Choose so many cases that end a run, and so many others."""
    chance = random.Random(seed)
    endings = [case for case in table if case.ends_run]
    rest = [case for case in table if not case.ends_run]
    return chance.sample(endings, ending) + chance.sample(rest, others)
