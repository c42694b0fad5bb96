"""Tells what happens on the simulated GitHub, as it happens, and remembers when each step was."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from ove_gh.demo.github import CheckRun, Comment, Happening, Issue, Kind, Pull, SimulatedGitHub
from ove_gh.demo.reading import Box, Status, newly_ticked, opening, plain, read_comment, read_status
from ove_gh.demo.terminal import Terminal

_STATUS = re.compile(r"<!-- ove-gh:task-\d+-status -->")
_QUESTION = re.compile(r"<!-- ove-gh:question-\d+ -->")
_FAILURE = re.compile(r"<!-- ove-gh:turn-\d+-failure -->")

_STRUCK = re.compile(r"~~.*?~~ ")

CHECKING, RED = "Waiting for the checks", "Checks are red"
"""How a status comment begins while the checks run, and when they brought the agent back."""

ENDS = ("Done", "I could not finish", "Ended", "Stopped")
"""How a status comment begins in its last form."""

WORKING = ("Working", RED)
"""How a status comment begins while the agent is at it."""

_RED_CHECK = "the red check"

REACTIONS = {"eyes": "👀", "confused": "😕"}


@dataclass(frozen=True, slots=True)
class Moment:
    """A step of the story: what, when (seconds since the start), and how long after the deed that led to it."""

    what: str
    at: float
    after: float
    deed: str


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did that the App answers to, and when (seconds since the start)."""

    name: str
    at: float


class Narrator:
    """Listens to GitHub and writes the story; `moments` is what the summary is made of."""

    def __init__(self, terminal: Terminal, github: SimulatedGitHub, slug: str) -> None:
        self._terminal, self._github, self._slug = terminal, github, slug
        self._bot = f"{slug}[bot]"
        self._began = time.monotonic()
        self._deed = Deed("the start", 0.0)
        self._deeds: dict[int, Deed] = {}
        self._scenes = 0
        self._shown: dict[int, Status] = {}
        self._listed: set[int] = set()
        self._asking = False
        self._push: Deed | None = None
        self._ci_rounds = 0
        self._own_check_told = False
        self.moments: list[Moment] = []
        github.on_event(self._tell)

    @property
    def now(self) -> float:
        """Seconds since the story began."""
        return time.monotonic() - self._began

    def scene(self, text: str) -> None:
        """A heading, numbered."""
        self._scenes += 1
        self._terminal.scene(f"{self._scenes}. {text}", self.now)

    def line(self, text: str, aside: str = "", *, style: str = "") -> None:
        """A line with the time."""
        self._terminal.line(self.now, text, aside=aside, style=style)

    def note(self, what: str, deed: Deed | None = None) -> float:
        """Remember a step, and which deed led to it (if not the latest); returns how many seconds lie between."""
        cause = deed or self._deed
        moment = Moment(what, self.now, self.now - cause.at, cause.name)
        self.moments.append(moment)
        return moment.after

    # -- what happened -------------------------------------------------------------------------------------------------

    def _tell(self, happening: Happening) -> None:
        subject = happening.subject
        match happening.kind:
            case Kind.ISSUE_OPENED:
                self._issue_opened(subject)
            case Kind.COMMENT_POSTED if happening.by_app:
                self._app_wrote(subject)
            case Kind.COMMENT_POSTED:
                self._person_wrote(subject)
            case Kind.COMMENT_EDITED if happening.by_app:
                self._app_edited(subject)
            case Kind.COMMENT_EDITED:
                self._person_ticked(happening.by, subject)
            case Kind.REACTION_ADDED if happening.by_app:
                self._reacted(happening.text, subject)
            case Kind.REF_PUSHED if happening.by_app:
                self._pushed(happening.text, happening.repository or "", subject.before, subject.after)
            case Kind.PULL_OPENED:
                self._pull_opened(subject)
            case Kind.CHECK_STARTED | Kind.CHECK_CHANGED | Kind.CHECK_FINISHED if subject.app.slug == self._slug:
                self._own_check(subject)
            case Kind.CHECK_STARTED | Kind.CHECK_CHANGED | Kind.CHECK_FINISHED:
                self._check(subject)
            case Kind.REVIEW_REQUESTED:
                self.line(f"{happening.text} is asked to review #{subject.number}")
                self.note("Review asked for")
            case Kind.PULL_MERGED:
                self.line(f"{happening.by} merges #{subject.number} into {subject.base}")
            case Kind.ISSUE_CLOSED:
                self.line(f"#{happening.number} is closed")

    def _issue_opened(self, issue: Issue) -> None:
        self.scene(f"{issue.author.login} opens an issue in {issue.repository.full_name}")
        self._terminal.comment(
            issue.author.login, f"opened #{issue.number}", issue.body or "", bot=False, title=issue.title
        )

    def _person_wrote(self, comment: Comment) -> None:
        mentions = f"@{self._slug}" in comment.body
        if self._asking:
            does, deed = "replies", "the reply"
        elif mentions and self._is_at_work():
            does, deed = "adds to it, while the agent works", "the addition"
        elif mentions and self._shown:
            does, deed = "asks for more", "the follow-up"
        elif mentions:
            does, deed = "mentions the App", "the mention"
        else:
            does, deed = "writes", "the comment"
        self.scene(f"{comment.author.login} {does}")
        self._did(deed, comment)
        self._terminal.comment(comment.author.login, f"on #{comment.issue.number}", comment.body, bot=False)

    def _person_ticked(self, login: str, comment: Comment) -> None:
        for ticked in newly_ticked(comment.history[-2], comment.body):
            self.scene(f"{login} ticks a box")
            self._did("the tick", comment)
            self.line(f"☑ {ticked}", style="person")

    def _is_at_work(self) -> bool:
        return bool(self._shown) and self._shown[max(self._shown)].head.startswith(WORKING)

    def _did(self, what: str, comment: Comment) -> None:
        self._deed = self._deeds[comment.id] = Deed(what, self.now)

    def _reacted(self, content: str, target: Issue | Comment) -> None:
        sign = REACTIONS.get(content, content)
        deed = self._deeds.get(target.id, self._deed)
        took = self.note(f"{sign} on {deed.name}", deed)
        why = " They may not write to the repository, so nothing starts." if content == "confused" else ""
        self.line(f"{sign} by {self._bot}, {took:.2f} s after {target.author.login} wrote.{why}")

    # -- what the App writes -------------------------------------------------------------------------------------------

    def _app_wrote(self, comment: Comment) -> None:
        if _STATUS.search(comment.body):
            self._status_begun(comment)
        elif _QUESTION.search(comment.body):
            self._question_asked(comment)
        elif _FAILURE.search(comment.body):
            self.scene("It could not finish")
            self._show(comment, "a new comment, so that it notifies")
        else:
            self._show(comment, "a new comment, so that it notifies")

    def _status_begun(self, comment: Comment) -> None:
        first = not self._shown
        if first:
            self.scene("Claude Code works, and one comment shows how far it is")
        self.note("The status comment stands")
        self._shown[comment.id] = status = read_status(comment.body)
        remark = "this comment is edited from here on" if first else "each request has a comment of its own"
        self.line(f"{self._bot} writes: {status.head}", remark)

    def _question_asked(self, comment: Comment) -> None:
        self.scene("It needs a decision, and asks in a new comment, so that it notifies")
        self.note("The question is asked")
        self._asking = True
        self._show(comment, f"on #{comment.issue.number}")

    def _app_edited(self, comment: Comment) -> None:
        if _STATUS.search(comment.body):
            self._status_edited(comment)
        elif _QUESTION.search(comment.body):
            self._asking = False
            said = opening(read_comment(_STRUCK.sub("", comment.body)))
            self.line(f"The question's comment now says: {plain(said)}")

    def _status_edited(self, comment: Comment) -> None:
        before, status = self._shown[comment.id], read_status(comment.body)
        self._shown[comment.id] = status
        if status.head.startswith(ENDS):
            self.note("Done" if status.head.startswith("Done") else "Ended")
            self.line(f"The status comment now says: {status.head}")
        elif before.head != status.head:
            self._status_turned(status)
        elif comment.id not in self._listed and _is_begun(status.boxes):
            self._listed.add(comment.id)
            self._list(status)
            self._progress(status)
        elif _worth_a_line(before, status):
            self._progress(status)

    def _status_turned(self, status: Status) -> None:
        if status.head.startswith(CHECKING):
            self._ci_rounds += 1
            again = self._ci_rounds > 1
            self.scene("CI runs again" if again else "The repository's own CI runs, and nothing else does")
        elif status.head.startswith(RED):
            self.scene("CI is red, and that brings the same session back")
        self.line(status.head, " · ".join(fact for fact in status.facts if not fact.startswith("branch")))
        if status.head.startswith(RED):
            self._terminal.line(None, f"“{status.words}”")
        if status.head.startswith("Working") and self._deed.name != "the mention":
            self.note("The session goes on")

    def _list(self, status: Status) -> None:
        """The checklist in full, once; later edits are told in a line each."""
        for box in status.boxes:
            self._terminal.line(None, f"{'☑' if box.ticked else '☐'} {plain(box.markdown)}")

    def _progress(self, status: Status) -> None:
        """One edit of the status comment in one line: the boxes, the step, what is being done, the cost so far."""
        doing = " · ".join(filter(None, (status.current, status.activity)))
        cost = next((fact for fact in status.facts if "$" in fact), "")
        meter = _meter(status.boxes) + "  " if status.boxes else ""
        self._terminal.line(self.now, self._terminal.text((meter, "good"), doing), right=cost)

    def show_status(self, comment: Comment) -> None:
        """The status comment as a scene of its own."""
        self.scene(f"The status comment in its last form, after {len(comment.history) - 1} edits")
        self._show(comment, f"on #{comment.issue.number}")

    def _show(self, comment: Comment, remark: str) -> None:
        self._terminal.comment(comment.author.login, remark, comment.body, bot=comment.via is not None)

    # -- what becomes of it --------------------------------------------------------------------------------------------

    def _pushed(self, told: str, repository: str, before: str, after: str) -> None:
        commit = self._github.log(repository, after)[0]
        again = any(told.startswith(f"{pull.head}: ") for pull in self._github.pulls(repository, "open"))
        if self._deed.name == _RED_CHECK:
            scene, step = "The service pushes the fix", "The fix is pushed"
        elif again:
            scene, step = "The service pushes to the same branch", "The commit is pushed"
        else:
            scene, step = "The service pushes the commits, and opens a pull request", "The commits are pushed"
        self.scene(scene)
        helpers = re.findall(r"^Co-authored-by: (.*?) <", commit.message, re.MULTILINE)
        self.line(f"Pushed {told}")
        self.line(f"The commit is by {commit.author.name}", f"co-authored by {', '.join(helpers)}" if helpers else "")
        self.note(step)
        self._push = Deed("the push", self.now)
        if again:
            self._terminal.diff(self._github.diff(repository, before, after), f"What is new in {after[:7]}")

    def _pull_opened(self, pull: Pull) -> None:
        self.note("The pull request is open")
        self._terminal.comment(
            pull.login,
            f"opened #{pull.number} · {pull.base} ← {pull.head}",
            pull.body or "",
            bot=True,
            title=pull.title,
        )
        patch = self._github.diff(pull.repository.full_name, pull.base, pull.head)
        self._terminal.diff(patch, f"The changes of #{pull.number}")

    # -- what CI says of it --------------------------------------------------------------------------------------------

    def _check(self, check: CheckRun) -> None:
        if check.suite.head_branch == check.repository.default_branch:
            return  # what CI says after a merge is another story
        told = f"The check “{check.name}” of {check.head_sha[:7]}"
        if check.status != "completed":
            self.line(f"{told} {'is queued' if check.status == 'queued' else 'runs'}")
            return
        red = check.conclusion == "failure"
        step = next((f"in the step “{step.name}”" for step in check.steps if step.conclusion == "failure"), "")
        self.line(f"{told} is {'red' if red else 'green'}", step, style="bad" if red else "good")
        for remark in check.annotations[:1]:
            self._terminal.line(None, f"{remark.path}:{remark.start_line}: {remark.message}", style="bad")
        deed = _RED_CHECK if red else "the green check"
        self.note(f"{deed[:1].upper()}{deed[1:]}", self._push)
        self._deed = Deed(deed, self.now)

    def _own_check(self, check: CheckRun) -> None:
        """The App's own check run, when it first appears; from then on it says what the status comment says."""
        if not self._own_check_told:
            buttons = ", ".join(button.label for button in check.actions)
            self.line(f"{self._bot}'s own check: “{check.title}”", f"with a button: {buttons}")
        self._own_check_told = True


def _worth_a_line(before: Status, after: Status) -> bool:
    """Whether an edit tells something new; a checklist that is still being written does not."""
    if after.activity != before.activity:
        return after.activity not in _IDLE
    return len(after.boxes) == len(before.boxes) and after.boxes != before.boxes


def _is_begun(boxes: tuple[Box, ...]) -> bool:
    """Whether a checklist is written and work on it has begun, but is not over."""
    return any(box.ticked or box.stressed for box in boxes) and not all(box.ticked for box in boxes)


_IDLE = frozenset({"", "Starting", "Thinking"})
"""What the agent is doing between two things that are worth a line."""


def _meter(boxes: tuple[Box, ...]) -> str:
    return "".join("■" if box.ticked else "▶" if box.stressed else "□" for box in boxes)


def is_status(body: str) -> bool:
    """Whether a comment is a task's status comment."""
    return _STATUS.search(body) is not None


def is_question(body: str) -> bool:
    """Whether a comment is a question's."""
    return _QUESTION.search(body) is not None


def is_failure(body: str) -> bool:
    """Whether a comment tells that a task could not be finished."""
    return _FAILURE.search(body) is not None
