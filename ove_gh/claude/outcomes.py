"""How the CLI's last message, or its absence, reads as the outcome of a turn; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from claude_agent_sdk import ResultMessage

from ove_gh.agent import Asked, Failed, FailureReason, Finished, Limits, Outcome, Progress
from ove_gh.claude.describing import Description
from ove_gh.questions import read_questions

REFUSED = frozenset({400, 401, 402, 403, 404, 405, 413, 422})
"""HTTP statuses of the model's service that no waiting will change."""

HINTS_FOR_A_TERMINAL = (" · Fix external API key", " · Please run /login", " Run /login", " Please run /login")
LONGEST_DETAIL = 300
NO_CONVERSATION = "No conversation found"
STOPPED = "Claude Code stopped in the middle of its work."


def read_result(result: ResultMessage, limits: Limits, said: Description) -> Outcome:
    """The outcome that the CLI's result message tells; `said` is what the agent said of its work in this turn."""
    session_id, cost = result.session_id, result.total_cost_usd or 0.0
    if (deferred := result.deferred_tool_use) is not None:
        return Asked(deferred.id, read_questions(deferred.input), session_id, cost)
    if result.subtype == "success" and not result.is_error:
        return Finished(
            result.result or "", session_id, cost, said.latest, said.nothing_to_do, result.structured_output
        )
    reason, detail = _failure(result, limits)
    return Failed(reason, detail, session_id, cost)


def _failure(result: ResultMessage, limits: Limits) -> tuple[FailureReason, str]:
    words = _one_line(result.result or "; ".join(result.errors or ()))
    match result.subtype:
        case "error_max_turns":
            return FailureReason.TURN_LIMIT, f"It took {limits.turns} steps, which is all that one turn may take."
        case "error_max_budget_usd":
            return FailureReason.BUDGET, f"It spent ${limits.budget_usd:.2f}, which is all that one turn may spend."
        case "success" if result.api_error_status in REFUSED:
            return FailureReason.MODEL_REFUSED, words
        case "success":
            return FailureReason.MODEL_UNREACHABLE, words
    return FailureReason.CRASHED, words or STOPPED


def read_failed_start(result: Mapping[str, Any], progress: Progress) -> Failed:
    """The CLI ended before it took part in the conversation; `result` is its last message as it came."""
    words = "; ".join(map(str, result.get("errors") or ()))
    if NO_CONVERSATION in words:
        return Failed(FailureReason.SESSION_LOST, "The conversation so far could not be read.", progress.session_id)
    return Failed(FailureReason.CRASHED, _one_line(words) or STOPPED, progress.session_id, progress.cost_usd)


def refused(retry: Mapping[str, Any], progress: Progress) -> Failed:
    """The CLI would repeat a request that the model's service refuses for good."""
    detail = f"The model's service answers {retry['error_status']} ({_error_name(retry)})."
    return Failed(FailureReason.MODEL_REFUSED, detail, progress.session_id, progress.cost_usd)


def unreachable(retry: Mapping[str, Any], progress: Progress) -> Failed:
    """The model's service failed for longer than the turn has patience."""
    status = retry.get("error_status")
    trouble = f"answers {status} ({_error_name(retry)})" if status else "does not answer"
    detail = f"The model's service {trouble}."
    return Failed(FailureReason.MODEL_UNREACHABLE, detail, progress.session_id, progress.cost_usd)


def _error_name(retry: Mapping[str, Any]) -> str:
    return str(retry.get("error") or "error").replace("_", " ")


def out_of_time(limits: Limits, progress: Progress) -> Failed:
    """The turn ran for as long as it may."""
    spent = f"{limits.seconds / 60:.0f} minutes" if limits.seconds >= 120 else f"{limits.seconds:.0f} seconds"
    detail = f"It worked for {spent}, which is all that one turn may take."
    return Failed(FailureReason.TIME_LIMIT, detail, progress.session_id, progress.cost_usd)


def crashed(progress: Progress) -> Failed:
    """The CLI ended without a result."""
    return Failed(FailureReason.CRASHED, STOPPED, progress.session_id, progress.cost_usd)


def session_lost(session_id: str) -> Failed:
    """There is no transcript to resume from."""
    return Failed(FailureReason.SESSION_LOST, "The conversation so far could not be found.", session_id)


def _one_line(text: str) -> str:
    text = " ".join(text.removeprefix("API Error: ").split())
    for hint in HINTS_FOR_A_TERMINAL:
        text = text.removesuffix(hint)
    return text if len(text) <= LONGEST_DETAIL else text[: LONGEST_DETAIL - 1] + "…"
