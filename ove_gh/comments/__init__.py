"""Every text that people read on GitHub, as pure functions: short, plain, kind.

What the agent or other people wrote goes through `ove_gh.typesetting`, so that it can neither break the frame around it
nor call anybody. No text is longer than a comment can be, with room for the hidden marker that the outbox puts behind.
"""

from ove_gh.comments.check_runs import AGAIN, STOP, Button, CheckText, OwnCheck, own_check, settings_problems
from ove_gh.comments.checks import checks_gave_up
from ove_gh.comments.failures import NOTHING_KEPT, Failure, FailureKind, Kept, agent_failure, failure
from ove_gh.comments.frame import GITHUB_LIMIT, LONGEST_MARKER, LONGEST_TEXT
from ove_gh.comments.markers import has_marker, marker, strip_markers
from ove_gh.comments.pulls import (
    LONGEST_TITLE,
    Decision,
    PullLink,
    answer,
    leftover_message,
    pull_request_body,
    pull_request_title,
)
from ove_gh.comments.questions import (
    question_answered,
    question_expired,
    question_open,
    question_unclear,
    question_withdrawn,
    reminder,
)
from ove_gh.comments.schedules import (
    LastRun,
    RunOutcome,
    ScheduleState,
    ScheduleView,
    schedule,
    schedule_in_file,
    schedule_list,
    schedule_not_yours,
    schedule_refused,
    schedule_removed,
    schedule_suspended,
    schedule_unknown,
)
from ove_gh.comments.status import (
    StatusView,
    status_cancelled,
    status_checking,
    status_closed,
    status_done,
    status_failed,
    status_interrupted,
    status_queued,
    status_unanswered,
    status_waiting,
    status_working,
)

__all__ = [
    "AGAIN",
    "GITHUB_LIMIT",
    "LONGEST_MARKER",
    "LONGEST_TEXT",
    "LONGEST_TITLE",
    "NOTHING_KEPT",
    "STOP",
    "Button",
    "CheckText",
    "Decision",
    "Failure",
    "FailureKind",
    "Kept",
    "LastRun",
    "OwnCheck",
    "PullLink",
    "RunOutcome",
    "ScheduleState",
    "ScheduleView",
    "StatusView",
    "agent_failure",
    "answer",
    "checks_gave_up",
    "failure",
    "has_marker",
    "leftover_message",
    "marker",
    "own_check",
    "pull_request_body",
    "pull_request_title",
    "question_answered",
    "question_expired",
    "question_open",
    "question_unclear",
    "question_withdrawn",
    "reminder",
    "schedule",
    "schedule_in_file",
    "schedule_list",
    "schedule_not_yours",
    "schedule_refused",
    "schedule_removed",
    "schedule_suspended",
    "schedule_unknown",
    "settings_problems",
    "status_cancelled",
    "status_checking",
    "status_closed",
    "status_done",
    "status_failed",
    "status_interrupted",
    "status_queued",
    "status_unanswered",
    "status_waiting",
    "status_working",
    "strip_markers",
]
