"""Tests of what a commit's checks mean, and of what is decided because of them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ove_gh.ci import (
    Annotation,
    AskPeople,
    Check,
    Decision,
    FailedCheck,
    FailureLine,
    GiveUp,
    GiveUpReason,
    Green,
    NoChecks,
    Red,
    Report,
    Retry,
    Standing,
    StillRunning,
    Unfinished,
    Verdict,
    decide,
    failure_line,
    fingerprint,
    in_words,
    report_as_json,
    report_from_json,
    same_failure,
    stand,
    verdict_of,
    verdict_of_status,
)

RUNNING, PASSED, FAILED = Verdict.RUNNING, Verdict.PASSED, Verdict.FAILED


def check(name: str = "tests", verdict: Verdict = FAILED, conclusion: str = "", summary: str = "") -> Check:
    """A check of GitHub Actions."""
    ended = {RUNNING: "", PASSED: "success", FAILED: "failure"}[verdict]
    return Check(f"github-actions/{name}", name, verdict, conclusion or ended, f"https://github.test/{name}", summary)


def failed(
    name: str = "tests", *annotations: Annotation, log: str = "", conclusion: str = "failure", summary: str = ""
) -> FailedCheck:
    """A failed check of GitHub Actions, looked into."""
    return FailedCheck(check(name, conclusion=conclusion, summary=summary), annotations, "Run pytest", log)


def report(*checks: FailedCheck, unread: tuple[Check, ...] = ()) -> Report:
    """What is told of a red commit."""
    return Report("a" * 40, checks, unread)


EXIT_CODE = Annotation(".github", 7, "failure", "Process completed with exit code 1.")


# --- reading GitHub's words ---


@pytest.mark.parametrize(
    ("conclusion", "verdict"),
    [
        *((word, PASSED) for word in ("success", "neutral", "skipped", "cancelled", "stale")),
        *((word, FAILED) for word in ("failure", "timed_out", "action_required", "startup_failure")),
        *((word, FAILED) for word in ("", "a_word_of_tomorrow")),
    ],
)
def test_a_completed_run_passed_or_failed(conclusion: str, verdict: Verdict) -> None:
    """What says nothing against the commit passes; what does, and what nobody knows, fails."""
    assert verdict_of("completed", conclusion) is verdict


@pytest.mark.parametrize("status", ["queued", "in_progress", "waiting", "pending", "requested", "a_word_of_tomorrow"])
def test_what_is_not_completed_runs(status: str) -> None:
    """Only a completed run has come to an end, also when a conclusion stands there already."""
    assert verdict_of(status, "failure") is RUNNING


def test_a_status_has_four_states() -> None:
    """Legacy statuses are read by their own words."""
    states = {"success": PASSED, "pending": RUNNING, "failure": FAILED, "error": FAILED}
    assert {state: verdict_of_status(state) for state in states} == states


def test_failures_are_told_apart_in_words() -> None:
    """Each way to fail has its own words; an unknown one is quoted in one short line."""
    words = [in_words(word) for word in ("failure", "timed_out", "action_required", "startup_failure", "error")]
    assert words == ["failed", "timed out", "waits for somebody’s action", "could not start", "had an error"]
    assert in_words("gone_\nfishing" * 20).startswith("ended as “gone fishing")
    assert len(in_words("x" * 1000)) < 60


# --- where a commit stands ---

PUSHED = 1000.0
GRACE, SETTLE, PATIENCE = 60.0, 30.0, 3600.0


def standing(*checks: Check, after: float, more: bool = False, base: tuple[Check, ...] = ()) -> Standing:
    """Where a commit stands some seconds after it was pushed."""
    return stand(
        checks,
        more_to_come=more,
        base=base,
        pushed_at=PUSHED,
        now=PUSHED + after,
        grace=GRACE,
        settle=SETTLE,
        patience=PATIENCE,
    )


def test_a_commit_without_checks_is_given_time() -> None:
    """No check at all is an answer only after the grace; a suite that is not completed is no such answer."""
    assert standing(after=0) == StillRunning(PUSHED + GRACE)
    assert standing(after=GRACE) == NoChecks()
    assert standing(after=GRACE, more=True) == StillRunning(PUSHED + PATIENCE)
    assert standing(after=PATIENCE, more=True) == Unfinished((), 0)


def test_green_waits_for_checks_that_may_still_appear() -> None:
    """A fast linter alone does not make the commit green before the others could begin."""
    lint = check("lint", PASSED)
    assert standing(lint, after=SETTLE - 1) == StillRunning(PUSHED + SETTLE)
    assert standing(lint, after=SETTLE) == Green(passed=1)
    assert standing(lint, after=SETTLE, more=True) == StillRunning(PUSHED + PATIENCE)


def test_red_waits_for_the_checks_that_run() -> None:
    """A failure is told when all have ended, and then at once: not before, because the report would be half."""
    tests, lint = check("tests"), check("lint", RUNNING)
    assert standing(tests, lint, after=1) == StillRunning(PUSHED + PATIENCE)
    assert standing(tests, after=1, more=True) == StillRunning(PUSHED + PATIENCE)
    assert standing(tests, check("lint", PASSED), after=1) == Red((tests,), passed=1)


def test_patience_ends() -> None:
    """A check that never ends hides no failure for ever, and is named when there is none."""
    slow = check("slow", RUNNING)
    assert standing(check("tests"), slow, after=PATIENCE) == Red((check("tests"),))
    assert standing(check("lint", PASSED), slow, after=PATIENCE) == Unfinished((slow,), 1)


def test_what_is_red_on_the_base_is_not_chased() -> None:
    """A failure that the base commit has, too, is only named; what runs or passed there excuses nothing."""
    ours, old = check("tests"), check("audit")
    base = (check("audit", conclusion="timed_out"), check("tests", RUNNING), check("lint", PASSED))
    assert standing(old, after=SETTLE, base=base) == Green(passed=0, on_base=(old,))
    assert standing(old, ours, after=SETTLE, base=base) == Red((ours,), (old,))


def test_two_runs_of_one_name_both_count() -> None:
    """A passed twin does not hide a failed one."""
    assert standing(check("tests", PASSED), check("tests"), after=SETTLE) == Red((check("tests"),), passed=1)


some_checks = st.lists(st.builds(check, st.sampled_from("abcd"), st.sampled_from(Verdict)), max_size=6).map(tuple)
seconds = st.floats(0, 5000)


@given(checks=some_checks, base=some_checks, more=st.booleans(), after=seconds)
def test_waiting_comes_to_an_end(checks: tuple[Check, ...], base: tuple[Check, ...], more: bool, after: float) -> None:
    """Whoever is told to look again later finds a decision then, even if nothing has changed."""
    found = standing(*checks, after=after, more=more, base=base)
    if isinstance(found, StillRunning):
        assert found.look_again_at is not None
        assert found.look_again_at > PUSHED + after
        later = standing(*checks, after=found.look_again_at - PUSHED, more=more, base=base)
        assert not isinstance(later, StillRunning)


@given(checks=some_checks, base=some_checks, more=st.booleans(), after=seconds, more_time=seconds)
def test_time_takes_no_decision_back(
    checks: tuple[Check, ...], base: tuple[Check, ...], more: bool, after: float, more_time: float
) -> None:
    """What was decided from the same checks stays decided."""
    found = standing(*checks, after=after, more=more, base=base)
    assume(not isinstance(found, StillRunning))
    assert standing(*checks, after=after + more_time, more=more, base=base) == found


@given(checks=some_checks, base=some_checks, another=some_checks, after=seconds)
def test_a_redder_base_never_makes_a_commit_redder(
    checks: tuple[Check, ...], base: tuple[Check, ...], another: tuple[Check, ...], after: float
) -> None:
    """Each failure is ours or the base's, and more failures there leave fewer here."""
    here = [each for each in checks if each.verdict is FAILED]
    before = standing(*checks, after=after, base=base)
    then = standing(*checks, after=after, base=base + another)
    for found in (before, then):
        if isinstance(found, Red):
            assert sorted(found.failed + found.on_base, key=str) == sorted(here, key=str)
    if isinstance(then, Red):
        assert isinstance(before, Red)
        assert set(then.failed) <= set(before.failed)


# --- what is wrong ---

RUFF = Annotation("src/cart.py", 3, "failure", "\n`os` imported but unused\nhelp: remove it", "ruff (F401)")
LOG = "E       assert 3 == 4\nFAILED tests/test_cart.py::test_total - assert 3 == 4\n1 failed in 0.12s"


@pytest.mark.parametrize(
    ("found", "message", "where"),
    [
        (failed("lint", EXIT_CODE, RUFF, log=LOG), "`os` imported but unused", "src/cart.py:3"),
        (failed("tests", EXIT_CODE, log=LOG), "FAILED tests/test_cart.py::test_total - assert 3 == 4", ""),
        (failed("tests", replace(RUFF, level="warning"), log=LOG, summary="# Oh"),
         "FAILED tests/test_cart.py::test_total - assert 3 == 4", ""),
        (failed("cov", EXIT_CODE, log="done", summary="<!-- x -->\n## **79.1%** of the diff"), "79.1% of the diff", ""),
        (failed("deploy", EXIT_CODE, conclusion="timed_out"), "timed out", ""),
        (failed("odd", Annotation("a.py", 0, "failure", "\x1b[31mno\x1b[0m\tline")), "no line", "a.py"),
    ],
)  # fmt: skip
def test_a_failure_is_told_in_one_line(found: FailedCheck, message: str, where: str) -> None:
    """The annotation tells most, then the log, then the check's own words, and at last how it ended."""
    assert failure_line(found) == FailureLine(
        found.check.name, found.check.url, found.check.conclusion, message=message, where=where
    )


words = st.text(max_size=60) | st.sampled_from([LOG, "error: x", "● a\n\nb", "E   x", "\x1b[31m", "a.py:3:1: error: "])
notes = st.builds(Annotation, words, st.integers(-1, 99), st.sampled_from(["failure", "warning"]), words, words)


@given(found=st.lists(notes, max_size=3), log=words, summary=words, conclusion=words)
def test_any_failure_can_be_told(found: list[Annotation], log: str, summary: str, conclusion: str) -> None:
    """Whatever a check says, its line is one short line with something in it, and it has a fingerprint."""
    check = failed("tests", *found, log=log, summary=summary, conclusion=conclusion)
    line = failure_line(check)
    assert 0 < len(line.message) <= 200
    assert len((line.message + line.where).splitlines()) == 1
    assert fingerprint(check).startswith("github-actions/tests\n")
    assert same_failure(report(check), report(check))


FIRST_RUN = """\
(… earlier lines left out)
2026-05-04 09:00:00,123 ERROR <Cart at 0x7f3a> lost /tmp/tmpab1/cart.json
cart_test.go:12: total = 3, want 4
--- FAIL: TestTotal (0.02s)
FAIL\tshop/cart\t0.003s
Error: Process completed with exit code 1.
"""
SECOND_RUN = """\
ok  \tshop/page\t0.104s
--- FAIL: TestTotal (1.70s)
cart_test.go:19: total = 3, want 4
ERROR <Cart at 0x55d1> lost /tmp/tmpzz9/cart.json
FAIL\tshop/cart\t1.803s
Error: Process completed with exit code 1.
"""


def test_the_same_error_has_the_same_fingerprint() -> None:
    """Another run's times, places and order of lines do not hide that it is the same error."""
    first = FIRST_RUN.replace("2026-05-04 09:00:00,123 ", "")
    assert fingerprint(failed(log=first)) == fingerprint(failed(log=SECOND_RUN))
    moved = replace(RUFF, line=30)
    assert fingerprint(failed("lint", RUFF, EXIT_CODE)) == fingerprint(failed("lint", moved, log="anything"))


@pytest.mark.parametrize(
    "other",
    [
        failed(log=SECOND_RUN.replace("total = 3", "total = 5")),
        failed(log=SECOND_RUN.replace("TestTotal", "TestTax")),
        failed(log=SECOND_RUN, conclusion="timed_out"),
        failed("tests (3.12)", log=SECOND_RUN),
        failed("tests", RUFF, log=SECOND_RUN),
        failed(),
    ],
)
def test_another_error_has_another_fingerprint(other: FailedCheck) -> None:
    """Another value, test, ending or check is another failure."""
    assert fingerprint(other) != fingerprint(failed(log=SECOND_RUN))


def test_without_any_detail_the_check_and_its_end_are_the_fingerprint() -> None:
    """Actions' own “exit code 1” is no detail; a log in which nothing looks like an error, and a summary, are."""
    assert fingerprint(failed("tests", EXIT_CODE)) == fingerprint(failed("tests"))
    assert fingerprint(failed(log="12 links are dead")) != fingerprint(failed(log="3 links are dead"))
    assert fingerprint(failed(summary="79 % covered")) != fingerprint(failed(summary="81 % covered"))


def test_the_same_failure_is_what_has_outlived_an_attempt() -> None:
    """All that is red must have been red with the same error; what was repaired beside it does not matter."""
    tests, lint = failed("tests", log=SECOND_RUN), failed("lint", RUFF)
    assert same_failure(report(tests), report(tests))
    assert same_failure(report(tests), report(tests, lint))
    assert not same_failure(report(tests, lint), report(tests))
    assert not same_failure(report(failed("tests", log="error: other")), report(tests))
    assert not same_failure(report(), report())


def test_a_check_that_was_not_looked_into_counts_by_its_name() -> None:
    """Beyond the checks that were read, one that was green before makes it another failure."""
    tests, audit = failed("tests", log=SECOND_RUN), check("audit")
    assert same_failure(report(tests, unread=(audit,)), report(tests, failed("audit", log="error: x")))
    assert same_failure(report(tests, unread=(audit,)), report(tests, unread=(audit,)))
    assert not same_failure(report(tests, unread=(audit,)), report(tests))


# --- what to do about it ---

SAME, OTHER = report(failed(log=SECOND_RUN)), report(failed(log="error: other"))


def decided(
    *earlier: Report,
    attempts: int = 1,
    may_ask: bool = True,
    asked_already: bool = False,
    money_left: float = 1.0,
) -> Decision:
    """What follows from a red commit, with three attempts in all."""
    return decide(
        SAME,
        earlier,
        attempts=attempts,
        max_attempts=3,
        may_ask=may_ask,
        asked_already=asked_already,
        money_left=money_left,
    )


def test_a_failure_is_tried_again() -> None:
    """A first failure, a new one, and one that comes back after another one are worth an attempt."""
    assert decided(attempts=0) == Retry(1)
    assert decided(OTHER) == Retry(2)
    assert decided(SAME, OTHER, attempts=2) == Retry(3)


def test_the_same_failure_twice_goes_to_the_people() -> None:
    """It is not tried blindly again: people are asked once, where they can be."""
    assert decided(OTHER, SAME) == AskPeople()
    assert decided(SAME, may_ask=False) == GiveUp(GiveUpReason.SAME_AGAIN)
    assert decided(SAME, asked_already=True) == GiveUp(GiveUpReason.SAME_AGAIN)


def test_attempts_and_money_end_the_loop_before_anything_else() -> None:
    """Without money not even a question is put; without attempts none either."""
    assert decided(SAME, attempts=3, money_left=0) == GiveUp(GiveUpReason.MONEY)
    assert decided(SAME, attempts=3) == GiveUp(GiveUpReason.ATTEMPTS)
    assert decided(attempts=0, money_left=-0.01) == GiveUp(GiveUpReason.MONEY)


@given(attempts=st.integers(0, 9), most=st.integers(0, 5), same=st.booleans(), may_ask=st.booleans())
def test_there_is_never_an_attempt_too_many(attempts: int, most: int, same: bool, may_ask: bool) -> None:
    """Whatever comes, an attempt's number is one more than those that were made, and within the limit."""
    choice = decide(
        SAME,
        [SAME if same else OTHER],
        attempts=attempts,
        max_attempts=most,
        may_ask=may_ask,
        asked_already=False,
        money_left=1,
    )
    if isinstance(choice, Retry):
        assert choice.attempt == attempts + 1 <= most
    if attempts >= most:
        assert choice == GiveUp(GiveUpReason.ATTEMPTS)


# --- reports as rows ---

checks = st.builds(Check, words, words, st.sampled_from(Verdict), words, words, words, st.none() | st.integers())
failures = st.builds(FailedCheck, checks, st.lists(notes, max_size=2).map(tuple), words, words)
reports = st.builds(
    Report,
    words,
    st.lists(failures, max_size=2).map(tuple),
    st.lists(checks, max_size=2).map(tuple),
    st.lists(checks, max_size=2).map(tuple),
    st.integers(),
)


@given(written=reports)
def test_a_report_comes_back_as_it_was_recorded(written: Report) -> None:
    """What goes into the database as JSON is read as the same values, types included."""
    read = report_from_json(json.loads(json.dumps(report_as_json(written))))
    assert read == written
    assert repr(read) == repr(written)
