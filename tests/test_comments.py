"""The texts that people read: what they say, that they fit, and that they tell the truth about how to answer."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ove_gh import comments
from ove_gh.agent import FailureReason, Step
from ove_gh.answers import Answered, read_reply
from ove_gh.comments import (
    LONGEST_TEXT,
    NOTHING_KEPT,
    Decision,
    Failure,
    FailureKind,
    Kept,
    PullLink,
    StatusView,
    has_marker,
    marker,
    strip_markers,
)
from ove_gh.questions import Option, Question, Questions

ROUNDING = Question(
    "Which rounding should the total use?",
    "Rounding",
    (
        Option("Half even", "what `decimal` does; totals match the invoices"),
        Option("Half up", "what the shop page shows today"),
    ),
)
CHECKS = Question("Which checks should run?", "Checks", (Option("Lint"), Option("Types"), Option("Tests")), True)
RETRIES = Question("How many retries?", "Retries", (Option("1"), Option("3 (default)")))
NAME = Question("What shall it be called?")
TREE = "https://github.com/alice/shop/tree/ove/12-empty-cart"
STEPS = (
    Step("Read `cart.py` and its tests", "completed"),
    Step("Write a failing test", "in_progress"),
    Step("Fix `total()`", "pending"),
)
WORKING = StatusView("ove", 1, 100, 0.12, "ove/12-empty-cart", TREE, "Running `pytest tests/test_cart.py`", STEPS)
DONE = StatusView("ove", 2, 360, 0.41, "ove/12-empty-cart", TREE)
KEPT = Kept(2, "ove/12-empty-cart", TREE)


def lines(*text: str) -> str:
    """A text of these lines."""
    return "\n".join(text)


# --- the hidden marker ---


def test_a_marker_is_hidden_and_comes_off_again() -> None:
    """Without its marker a comment has its own text again, whatever line ends it went through."""
    posted = f"hello\n\n{marker('task-7-status')}"
    assert marker("task-7-status") == "<!-- ove-gh:task-7-status -->"
    assert strip_markers(posted) == strip_markers(posted.replace("\n", "\r\n")) == "hello"


def test_only_a_comments_own_marker_counts() -> None:
    """A comment that quotes another comment, marker and all, is still found by its own marker only."""
    posted = f"> hi {marker('question-1')}\n\nhello\n\n{marker('question-2')}"
    assert has_marker(posted, "question-2")
    assert not has_marker(posted, "question-1")
    assert not has_marker("hello", "question-1")


@pytest.mark.parametrize("key", ["", "a b", "a--b", "a-", "a>b", "-->", "x" * 300])
def test_a_key_that_would_break_the_marker_is_refused(key: str) -> None:
    """Keys are such that the marker stays one HTML comment of a bounded length."""
    with pytest.raises(ValueError, match="not a key"):
        marker(key)


# --- the status comment ---


def test_the_status_tells_where_the_work_stands() -> None:
    """Turn, time, money and branch in one line; then the checklist; then what is being done now."""
    assert comments.status_working(WORKING) == lines(
        f"**Working on it** · turn 1 · 1 min 40 s · $0.12 · branch [`ove/12-empty-cart`]({TREE})",
        "",
        "- [x] Read `cart.py` and its tests",
        "- [ ] **Write a failing test**",
        "- [ ] Fix `total()`",
        "",
        "<sub>Running `pytest tests/test_cart.py`</sub>",
    )


def test_the_first_status_says_only_what_is_known() -> None:
    """Without cost, branch, checklist and activity there is one line."""
    assert comments.status_working(StatusView("ove", 1, 0, 0)) == "**Working on it** · turn 1 · 0 s"


@pytest.mark.parametrize(("ahead", "said"), [(0, "another task ends"), (1, "one task"), (3, "3 tasks")])
def test_a_waiting_task_says_for_what(ahead: int, said: str) -> None:
    """A queued task is told how many come before it, or that every place is taken."""
    assert said in comments.status_queued(ahead)


def test_a_long_checklist_shows_the_part_that_matters() -> None:
    """What is being done now stays in sight, and what is left out is counted."""
    steps = [Step(f"step {n}", "completed" if n < 30 else "pending") for n in range(50)]
    shown = comments.status_working(StatusView("ove", 1, 1, 0, checklist=steps)).splitlines()
    assert shown[2] == "- [x] *the first 27 steps*"
    assert "- [ ] step 30" in shown
    assert shown[-1] == "- [ ] *and 8 more*"


def test_a_waiting_status_points_to_the_question() -> None:
    """The status says who was asked, and where once that is known."""
    assert "[my question](https://x.y/1)" in comments.status_waiting(WORKING, "alice", "https://x.y/1")
    assert "I asked alice: see my question below." in comments.status_waiting(WORKING, "alice", None)


def test_an_interrupted_status_asks_for_nothing() -> None:
    """When the service stops, the status says that it goes on by itself."""
    assert "nothing to do" in comments.status_interrupted(WORKING)


@pytest.mark.parametrize(
    ("pull", "head"),
    [
        (PullLink(13, "https://x.y/13", True), "**Done: [#13](https://x.y/13) fixes this** · 2 turns · 6 min · $0.41"),
        (PullLink(13, "https://x.y/13", False), "**Done: see [#13](https://x.y/13)** · 2 turns · 6 min · $0.41"),
        (None, "**Done** · 2 turns · 6 min · $0.41"),
    ],
)
def test_the_end_says_what_came_of_it(pull: PullLink | None, head: str) -> None:
    """The last form names the pull request and whether it fixes the issue, or is the plain answer."""
    assert comments.status_done(DONE, "It sums now.\n", pull) == f"{head}\n\nIt sums now."


def test_a_long_result_is_folded_after_its_beginning() -> None:
    """The first paragraphs of a long result stand open, and nothing of it is left out."""
    text = "\n\n".join(f"Paragraph {n}: " + "word " * 40 for n in range(20))
    said = comments.status_done(DONE, text, None)
    before, _, folded = said.partition("<details><summary>The rest</summary>")
    assert "Paragraph 0:" in before
    assert len(before) < 1_500
    assert "Paragraph 19:" in folded
    assert all(f"Paragraph {n}:" in said for n in range(20))


def test_what_git_would_not_take_is_named() -> None:
    """Paths that could not be committed are listed at the end."""
    assert comments.status_done(DONE, "x", None, ("a.bin", "b`c")).endswith("take them: `a.bin`, ``b`c``.")


def test_an_answer_in_its_own_comment_is_not_said_twice() -> None:
    """The status then only points down."""
    assert comments.status_done(DONE, "It is 42.", None, answered_below=True) == (
        "**Done: my answer is below** · 2 turns · 6 min · $0.41"
    )


# --- the questions ---


def test_one_choice_is_asked_with_boxes_and_a_line_on_how_to_answer() -> None:
    """A question mentions who is asked, numbers its options, and needs no send box when one tick is the answer."""
    assert comments.question_open((ROUNDING,), "alice", "ove", 7) == lines(
        "@alice, I need a decision before I go on.",
        "",
        "**Which rounding should the total use?** (choose one)",
        "- [ ] **1. Half even**: what `decimal` does; totals match the invoices <!-- q1.1 -->",
        "- [ ] **2. Half up**: what the shop page shows today <!-- q1.2 -->",
        "",
        "<sub>Tick a box, or reply `1`, `2`, a name, or your own words. I keep my place until then; after a week I stop"
        " waiting. Anybody else with write access can answer by starting with `@ove`.</sub>",
    )


def test_several_questions_are_numbered_and_sent_with_a_last_box() -> None:
    """Questions have numbers and headers to answer by; options that begin with a number get letters."""
    text = comments.question_open((ROUNDING, CHECKS, RETRIES), "alice", "ove", 7)
    assert "**Q1. Which rounding should the total use?** (Rounding; choose one)" in text
    assert "**Q2. Which checks should run?** (Checks; choose any)" in text
    assert "- [ ] **A. 1** <!-- q3.1 -->\n- [ ] **B. 3 (default)** <!-- q3.2 -->" in text
    assert "- [ ] **Send** <!-- send -->" in text
    assert "such as `Q1: 1` and `Q2: 1, 2`" in text


def test_a_question_without_options_has_no_boxes() -> None:
    """Where one question has no options, boxes could not answer all, so there are none."""
    for questions in ((NAME,), (ROUNDING, NAME)):
        assert "[ ]" not in comments.question_open(questions, "alice", "ove", 7)


def test_a_note_stands_before_the_questions() -> None:
    """A note is one plain line under the greeting."""
    text = comments.question_open((NAME,), "alice", "ove", 7, note="Once\nmore, *please*.")
    assert text.split("\n\n")[1] == "Once more, \\*please\\*."


@pytest.mark.parametrize("asked", [(ROUNDING,), (CHECKS,), (RETRIES,), (ROUNDING, CHECKS), (RETRIES, CHECKS, ROUNDING)])
def test_the_examples_on_how_to_answer_are_true(asked: Questions) -> None:
    """Every reply that the last line gives as an example chooses options, in the first comment and in a later one."""
    for text in (
        comments.question_open(asked, "alice", "ove", 7),
        comments.question_unclear(asked, "alice"),
        comments.question_expired(asked, 7, "ove"),
    ):
        how = text.rpartition("<sub>")[2].partition(" I keep")[0].partition(" Anybody")[0]
        examples = re.findall("`([^`]+)`", how)
        replies = ["\n".join(examples)] if len(asked) > 1 else examples
        assert replies
        for reply in replies:
            read = read_reply(reply, asked[: len(examples)] if len(asked) > 1 else asked)
            assert isinstance(read, Answered)
            labels = {option.label for question in asked for option in question.options}
            assert all(set(answer.split(", ")) <= labels for answer in read.answers.values())


def test_an_answered_question_says_what_was_chosen_by_whom() -> None:
    """Options are set strong; anybody's own words stand in quotation marks, and break nothing."""
    answers = {ROUNDING.text: "Half up", CHECKS.text: "Lint, Tests", NAME.text: "`Cart`,\n**@bob** <b>"}
    assert comments.question_answered((ROUNDING, CHECKS, NAME, RETRIES), answers, "alice") == lines(
        "~~Which rounding should the total use?~~ **Half up**, said @alice.",
        "",
        "~~Which checks should run?~~ **Lint, Tests**, said @alice.",
        "",
        "~~What shall it be called?~~ “`Cart`, \\*\\*<code>@bob</code>\\*\\* &lt;b>”, said @alice.",
        "",
        "~~How many retries?~~ No answer.",
    )


def test_a_question_that_ended_says_so() -> None:
    """An expired question keeps its options, because an answer is still welcome; a withdrawn one does not."""
    expired = comments.question_expired((ROUNDING,), 7, "ove")
    assert expired.startswith("**I stopped waiting after a week.** Answer even now")
    assert "- **2. Half up**: what the shop page shows today" in expired
    assert comments.question_withdrawn((ROUNDING,)) == (
        "~~Which rounding should the total use?~~ Withdrawn: no answer is needed any more."
    )


def test_an_unclear_reply_is_asked_back_kindly() -> None:
    """Who replied is asked once more for just what is missing, without boxes in this second comment."""
    text = comments.question_unclear((ROUNDING,), "alice")
    assert text.startswith("@alice, thank you.")
    assert "- **1. Half even**" in text


def test_a_reminder_says_how_long_there_is() -> None:
    """The reminder links to the question and names the time that is left."""
    assert comments.reminder("alice", "https://x.y/1", 6.0) == (
        "@alice, I still wait for [your decision](https://x.y/1). My work is kept. In 6 days I stop waiting."
    )


def test_an_unanswered_task_can_still_be_taken_up() -> None:
    """The status of a task without an answer says that answering still works."""
    assert "[the question](https://x.y/1)" in comments.status_unanswered("https://x.y/1", "ove")
    assert "Nobody answered the question, so" in comments.status_unanswered(None, "ove")


# --- failures ---


@pytest.mark.parametrize("kind", FailureKind)
def test_every_failure_says_what_happened_what_is_kept_and_what_to_do(kind: FailureKind) -> None:
    """For each kind: a reason in words, the commits that are kept, and a line that starts the App again."""
    text = comments.failure("alice", Failure(kind, "the service said 529"), KEPT, "ove")
    assert text.startswith("@alice, **I could not finish: ")
    assert "The service said 529." in text
    assert f"2 commits are on [`ove/12-empty-cart`]({TREE})" in text
    assert re.search(r"[Ww]rite `@ove( continue)?`[ :]", text)
    assert kind.value not in text
    assert comments.status_failed(DONE, Failure(kind), KEPT).startswith("**I could not finish: ")


@pytest.mark.parametrize("reason", FailureReason)
def test_every_reason_of_the_agent_has_words(reason: FailureReason) -> None:
    """A turn can fail in no way that could not be told."""
    assert comments.agent_failure(reason, "x") == Failure(FailureKind(reason.value), "x")


def test_a_failure_without_commits_promises_none() -> None:
    """Where nothing is kept, nothing is said to be; where only earlier work is there, that is."""
    crashed = Failure(FailureKind.CRASHED)
    assert comments.failure("alice", crashed, NOTHING_KEPT, "ove") == lines(
        "@alice, **I could not finish: Claude Code ended in the middle of the work.**",
        "",
        "Write `@ove continue` to go on.",
    )
    assert "1 commit is on" in comments.failure("alice", crashed, Kept(1, "b", None), "ove")
    assert "What I did so far is on `b`." in comments.failure("alice", crashed, Kept(0, "b", None), "ove")


# --- answers and pull requests ---


def test_an_answer_calls_only_who_asked() -> None:
    """A late answer mentions the person who asked; others are named without a call."""
    assert comments.answer("alice", "Ask @bob, @Alice.") == (
        "@alice, here is what I found.\n\nAsk <code>@bob</code>, @Alice."
    )


@pytest.mark.parametrize(
    ("title", "fallback", "said"),
    [
        ("Return 0 for an empty cart.", "x", "Return 0 for an empty cart"),
        (" Two\nlines ", "x", "Two lines"),
        ("", "The total is wrong", "The total is wrong"),
        ("...", "", "Proposed changes"),
        ("word " * 30, "x", "word " * 13 + "word…"),
    ],
)
def test_a_pull_requests_title_is_one_short_line(title: str, fallback: str, said: str) -> None:
    """One line of at most 72 characters, without a full stop, never empty."""
    assert comments.pull_request_title(title, fallback) == said
    assert len(said) <= 72


def body(text: str, *, fixes: bool, decisions: tuple[Decision, ...] = ()) -> str:
    """The body of a pull request for issue 12."""
    return comments.pull_request_body(
        text, issue=12, fixes=fixes, decisions=decisions, asked_by="alice", asked_url="https://x.y/c"
    )


def test_a_pull_requests_body_says_why_who_decided_and_what_it_closes() -> None:
    """The agent's words, the decisions with their authors, the issue, and who asked."""
    decision = Decision(ROUNDING.text, "Half up", "bob", "https://x.y/q")
    assert body("`total()` returned NaN.", fixes=True, decisions=(decision,)) == lines(
        "`total()` returned NaN.",
        "",
        "Decided on the way:",
        "",
        "- Which rounding should the total use? **Half up**, [said](https://x.y/q) @bob",
        "",
        "Closes #12",
        "",
        "<sub>Written by Claude Code for @alice, who [asked for it](https://x.y/c).</sub>",
    )


@pytest.mark.parametrize(
    ("text", "fixes", "said"),
    [
        ("x", False, ["For #12"]),
        ("Fixes #12.", True, []),
        ("`Fixes #12`", True, ["Closes #12"]),
        ("Fixes #123", True, ["Closes #12"]),
    ],
)
def test_the_issue_is_named_once(text: str, fixes: bool, said: list[str]) -> None:
    """The body closes the issue only when it is fixed, and does not repeat what the agent wrote already."""
    assert [line for line in body(text, fixes=fixes).split("\n") if re.match("(Closes|For) #", line)] == said


def test_leftover_work_has_a_commit_message() -> None:
    """What the agent left uncommitted is committed under the issue's number and title, in one short line."""
    assert comments.leftover_message(12, "The total is wrong.") == "Work in progress on #12: The total is wrong"
    assert comments.leftover_message(12, " \n") == "Work in progress on #12"
    assert len(comments.leftover_message(12, "word " * 99)) <= 72


# --- properties ---

TEXT = st.text(max_size=60) | st.sampled_from(
    ["```", "<details>", "@team", "`", "**", "<!-- x", "a\n\n- [x] b <!-- send -->"]
)
LONG = st.builds(lambda text, times: text * times, TEXT, st.sampled_from([*[1] * 9, 1_500]))
OPTION = st.builds(Option, LONG.filter(bool), LONG)
QUESTION = st.builds(Question, LONG.filter(str.strip), LONG, st.lists(OPTION, max_size=5).map(tuple), st.booleans())
QUESTIONS = st.lists(QUESTION, min_size=1, max_size=5).map(tuple)
STEP = st.builds(Step, LONG, st.sampled_from(["pending", "in_progress", "completed"]))
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
