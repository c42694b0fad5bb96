"""Every text fits into a comment and calls nobody by mistake, whatever others wrote."""

from __future__ import annotations

from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from ove_gh import comments
from ove_gh.agent import Step
from ove_gh.ci import FailureLine, GiveUpReason, Lap, LapEnd
from ove_gh.comments import (
    LONGEST_TEXT,
    Decision,
    Failure,
    FailureKind,
    Kept,
    LastRun,
    OwnCheck,
    PullLink,
    QueuedTask,
    RunOutcome,
    ScheduleState,
    ScheduleView,
    StatusView,
    TaskRow,
    ThreadStatus,
    TraceLine,
)
from ove_gh.questions import Option, Question, Questions
from ove_gh.tasks import Priority, Status
from tests.test_typesetting import called, shown

TEXT = st.text(max_size=60) | st.sampled_from(
    ["```", "<details>", "@team", "`", "**", "<!-- x", "a\n\n- [x] b <!-- send -->"]
)
LONG = st.builds(lambda text, times: text * times, TEXT, st.sampled_from([*[1] * 9, 1_500]))
OPTION = st.builds(Option, LONG.filter(bool), LONG)
QUESTION = st.builds(Question, LONG.filter(str.strip), LONG, st.lists(OPTION, max_size=5).map(tuple), st.booleans())
QUESTIONS = st.lists(QUESTION, min_size=1, max_size=5).map(tuple)
STEP = st.builds(Step, LONG, st.sampled_from(["pending", "in_progress", "completed"]))
FAILED = st.lists(st.builds(FailureLine, LONG, LONG, LONG, LONG, LONG), max_size=5).map(tuple)
LAP = st.builds(
    Lap,
    LONG,
    LONG,
    st.sampled_from(LapEnd),
    FAILED,
    FAILED,
    st.integers(0, 9),
    st.none() | st.integers(1, 9),
    st.lists(LONG, max_size=5).map(tuple),
    LONG,
)
VIEW = st.builds(
    StatusView,
    st.just("ove"),
    st.integers(1, 99),
    st.floats(),
    st.floats(),
    st.none() | LONG,
    st.none() | LONG,
    LONG,
    st.lists(STEP, max_size=40),
    st.lists(LAP, max_size=9),
    st.integers(0, 10),
    st.none() | st.integers(1, 9),
    st.booleans(),
    st.none() | LONG,
)
KEEPING = st.builds(Kept, st.integers(0, 9), st.none() | LONG, st.none() | LONG)


@settings(max_examples=50)
@given(QUESTIONS, LONG, st.floats(0, 1_000), st.lists(LONG, max_size=5))
def test_every_text_of_a_question_fits(questions: Questions, note: str, wait: float, said: list[str]) -> None:
    """Whatever the agent asks and people answer, each comment fits, with its marker."""
    answers = {question.text: answer for question, answer in zip(questions, said, strict=False)}
    for text in (
        comments.question_open(questions, "alice", "ove", wait, note),
        comments.question_unclear(questions, "alice"),
        comments.question_answered(questions, answers, "alice"),
        comments.question_expired(questions, wait, "ove"),
        comments.question_withdrawn(questions),
    ):
        assert len(text) <= LONGEST_TEXT


@settings(max_examples=50)
@given(VIEW, LONG, KEEPING, st.lists(LONG, max_size=12), st.sampled_from(FailureKind))
def test_every_text_of_a_task_fits(
    view: StatusView, text: str, kept: Kept, paths: list[str], kind: FailureKind
) -> None:
    """Whatever the agent does and says, each comment and pull request fits."""
    decisions = [Decision(path, path, "bob", None) for path in paths]
    pull = PullLink(1, "https://x.y/1", True)
    for said in (
        comments.status_working(view),
        comments.status_waiting(view, "alice", text),
        comments.status_interrupted(view),
        comments.status_done(view, text, None, paths),
        comments.status_done(view, text, pull, paths),
        comments.status_checking(view, text, pull, text, text, paths),
        comments.status_cancelled(view, text, kept),
        comments.status_closed(view, pull),
        comments.status_failed(view, Failure(kind, text), kept),
        comments.failure("alice", Failure(kind, text), kept, "ove"),
        comments.answer("alice", text),
        comments.pull_request_body(text, issue=1, fixes=True, decisions=decisions, asked_by="a", asked_url=text),
    ):
        assert len(said) <= LONGEST_TEXT
    assert len(comments.pull_request_title(text, text)) <= comments.LONGEST_TITLE


def test_two_thousand_options_still_fit() -> None:
    """Even an absurd call is asked in one comment."""
    absurd = tuple(Question(f"{n}?", "", tuple(Option(f"{m} " * 99) for m in range(100))) for n in range(20))
    assert len(comments.question_open(absurd, "alice", "ove", 7)) <= LONGEST_TEXT


@settings(max_examples=50)
@given(st.lists(LAP, max_size=9), st.lists(LONG, max_size=9), st.sampled_from(GiveUpReason), st.sampled_from(OwnCheck))
def test_every_text_of_the_checks_fits_and_calls_only_who_asked(
    laps: list[Lap], tried: list[str], reason: GiveUpReason, state: OwnCheck
) -> None:
    """Whatever checks, logs and the agent say, the texts fit, and only the one who asked is called."""
    pull = PullLink(1, "https://x.y/1", True)
    view = StatusView("ove", 1, 1, 1, laps=laps)
    gave_up = comments.checks_gave_up("alice", laps, tried, pull, reason, 3, "ove")
    assert len(gave_up) <= LONGEST_TEXT
    assert called(gave_up) == {"alice"}
    assert called(comments.status_working(view)) | called(comments.status_done(view, "", pull)) == set()
    for lap in laps:
        own = comments.own_check(state, lap=lap, by_login=lap.by)
        assert len(own.title) <= 100
        assert "\n" not in own.title
        assert len(own.summary) <= LONGEST_TEXT
        assert called(own.summary) == set()
    bad = comments.settings_problems([(1, words) for words in tried], ".github/ove.yml")
    assert len(bad.summary) <= LONGEST_TEXT
    assert called(bad.summary) == set()


SCHEDULE = st.builds(
    ScheduleView,
    st.just(3),
    LONG,
    LONG,
    st.just("Europe/Berlin"),
    st.lists(st.floats(0, 4e9), max_size=4),
    LONG,
    LONG,
    st.none() | LONG,
    st.none() | st.builds(LastRun, st.floats(0, 4e9), st.sampled_from(get_args(RunOutcome)), st.none() | LONG, LONG),
    st.sampled_from(ScheduleState),
    st.none() | LONG,
    LONG,
)


@settings(max_examples=50)
@given(st.lists(SCHEDULE, max_size=5), LONG)
def test_every_text_of_a_schedule_fits_and_calls_only_who_wrote(views: list[ScheduleView], text: str) -> None:
    """Whatever a schedule is to do, and whoever owns it, the texts fit and call nobody else."""
    said = [
        *(comments.schedule(view, "ove", 0.0) for view in views),
        comments.schedule_list(views * 20, "ove", "alice/shop", 0.0),
        comments.schedule_refused("alice", text, text, "ove"),
        comments.schedule_not_yours("alice", 3, text),
    ]
    assert max(map(len, said)) <= LONGEST_TEXT
    assert set().union(*map(called, said)) <= {"alice"}


THREAD = st.builds(
    ThreadStatus,
    st.none() | st.sampled_from(Status),
    LONG,
    LONG,
    st.none() | LONG,
    st.integers(0, 9),
    st.floats(),
    st.floats(),
    st.none() | st.floats(),
    st.integers(0, 9),
    st.none() | LONG,
    LONG,
    st.none() | LONG,
    st.none() | st.sampled_from(FailureKind),
    LONG,
    st.none() | LONG,
    st.none() | LONG,
    st.none() | LONG,
    st.none() | st.builds(PullLink, st.integers(1, 9), LONG, st.booleans()),
    st.lists(st.builds(QueuedTask, LONG, LONG, st.none() | LONG, st.sampled_from(Priority)), max_size=9),
    st.lists(st.tuples(st.integers(1, 9), st.none() | LONG), max_size=20),
    st.none() | LONG,
    st.none() | st.floats(),
)
ROW = st.builds(
    TaskRow,
    st.integers(1, 9),
    LONG,
    LONG,
    st.sampled_from(Status),
    LONG,
    st.sampled_from(Priority),
    st.floats(0, 1e9),
    st.floats(),
)


@settings(max_examples=50)
@given(THREAD, st.lists(ROW, max_size=5), LONG, st.none() | LONG)
def test_every_answer_to_a_command_fits_and_calls_only_who_wrote(
    view: ThreadStatus, rows: list[TaskRow], text: str, name: str | None
) -> None:
    """Whatever people ask for and tasks are called, the answers fit and call nobody else."""
    said = [
        comments.thread_status(view, "ove"),
        comments.task_list(rows * 20, text, "ove"),
        comments.help([("stop", "Stop at once.")], "ove", text, name),
        comments.model_is(name, "ove"),
        comments.model_set(name),
        comments.model_refused(text, [text] * 20),
        comments.plan("alice", text, "ove"),
        comments.plan_started("alice", text, text),
        comments.fork_note(None, name),
    ]
    assert max(map(len, said)) <= LONGEST_TEXT
    assert set().union(*map(called, said)) <= {"alice"}


@settings(max_examples=50)
@given(LONG, st.none() | LONG, st.lists(st.tuples(LONG, st.integers(1, 99), LONG), max_size=5))
def test_every_text_of_a_review_fits_and_calls_nobody(
    text: str, more: str | None, left_out: list[tuple[str, int, str]]
) -> None:
    """Whatever the agent remarks and suggests, its texts fit, and who follows the thread hears of them anyway."""
    said = [
        comments.review_summary(text, "ove", left_out * 9),
        comments.review_remark(text, more),
        comments.review_reply(text, more, more),
    ]
    assert max(map(len, said)) <= LONGEST_TEXT
    assert set().union(*map(called, said)) == set()


STEPS = st.lists(
    st.builds(
        TraceLine,
        st.floats(0, 4e9),
        st.sampled_from(["lifecycle", "tool", "text", "question", "error", "note"]),
        LONG,
        LONG,
    ),
    max_size=9,
)


@settings(max_examples=25)
@given(STEPS, st.sampled_from([1, 1, 1, 30]))
def test_every_trace_fits_and_calls_nobody(steps: list[TraceLine], times: int) -> None:
    """Whatever the agent ran and read, its steps fit, stay within their fold, and call nobody."""
    said = comments.trace(steps * times, 0.0)
    assert len(said) <= LONGEST_TEXT
    assert called(said) == set()
    assert ("AFTER", ("p",)) in shown(f"{said}\n\nAFTER")
