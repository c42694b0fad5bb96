"""From what happened on GitHub to what is to be done about it: an event and the rows of its thread become moves.

Rights are asked of GitHub at the moment they are used; everything a delivery leads to is written in one transaction,
together with the note that it was handled.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar

import structlog

from ove_gh import comments, scheduling, steering
from ove_gh.answers import Answered, NotAnAnswer, Reply, read_reply, read_ticks
from ove_gh.commanding import Asked, Commander, CommandSettings
from ove_gh.commands import Command, Continue, Fix, Help, Plain, read_command, read_request
from ove_gh.events import (
    RERUN,
    BranchPushed,
    ButtonPressed,
    ChecksChanged,
    CommentCreated,
    CommentEdited,
    Event,
    IssueOpened,
    Labeled,
    MalformedPayload,
    PullChanged,
    ReviewCommentCreated,
    ReviewSubmitted,
    read_event,
)
from ove_gh.github.client import GitHub
from ove_gh.github.errors import BadCredentials, GitHubRefused, GitHubUnavailable
from ove_gh.github.models import AppIdentity, Permission
from ove_gh.loop import Bell, backoff, work_through
from ove_gh.questions import Answers, Questions
from ove_gh.repository_settings import PATH as SETTINGS_PATH
from ove_gh.repository_settings import label_command
from ove_gh.reviewing import Wish, wish_of, work_of
from ove_gh.rules import RepositoryRules, Rules
from ove_gh.store import inbox, outbox, waits
from ove_gh.store import tasks as store
from ove_gh.store.database import Database
from ove_gh.store.inbox import Delivery
from ove_gh.store.outbox import question_key
from ove_gh.store.rules import last as last_rules
from ove_gh.store.rules import may_command
from ove_gh.store.tasks import AskedQuestion
from ove_gh.store.transaction import Transaction
from ove_gh.tasks import Home, Person, Place, Status, Target
from ove_gh.telling import Teller, show_settings_problems

DELIVERIES_AT_ONCE = 8
MAX_TRIES_AFTER_A_BUG = 5

T = TypeVar("T")
Effect = Callable[[Transaction], Awaitable[None]]
"""What a delivery leads to, to be done in one transaction."""

log = structlog.get_logger("ove_gh.intake")


class Intake:
    """Handles recorded deliveries.

    `identity` is who the App is: the name that mentions it, and the user under which its own comments stand; `ring` is
    called when there may be new work for the other parts, `ring_watch` when it is only for who looks at checks.
    """

    def __init__(
        self,
        database: Database,
        github: GitHub,
        teller: Teller,
        rules: RepositoryRules,
        commander: Commander,
        *,
        identity: AppIdentity,
        settings: CommandSettings,
        bell: Bell,
        ring: Callable[[], None],
        clock: Callable[[], float],
        ring_watch: Callable[[], None] | None = None,
    ) -> None:
        self._database, self._github, self._teller, self._rules = database, github, teller, rules
        self._commander = commander
        self._identity, self._settings = identity, settings
        self._slug, self._bot_id = identity.slug, identity.bot_id
        self._bell, self._ring, self._clock = bell, ring, clock
        self._ring_watch = ring_watch or ring

    async def run(self) -> None:
        """Handle whatever is due, until cancelled."""
        await work_through(
            take=self._take,
            handle=self.handle,
            next_due_at=self._next_due_at,
            bell=self._bell,
            clock=self._clock,
            limit=DELIVERIES_AT_ONCE,
        )

    async def handle(self, delivery: Delivery) -> None:
        """Act on one delivery, once; what cannot be done now is put off and nothing of it is lost."""
        try:
            event = read_event(delivery.event, json.loads(delivery.body))
            effect = await self._decide(event) if event is not None else None
            async with self._database.writing() as connection:
                if effect is not None:
                    await effect(connection)
                await inbox.handled(connection, delivery.id, now=self._clock())
        except GitHubUnavailable as error:
            await self._put_off(delivery, error.retry_after, error)
        except BadCredentials as error:
            await self._put_off(delivery, None, error)
        except (MalformedPayload, GitHubRefused) as error:
            await self._give_up(delivery, error)
        except Exception as error:
            # A bug must neither lose the delivery nor stop the service for everybody else.
            log.exception("delivery failed", delivery=delivery.guid)
            if delivery.tries < MAX_TRIES_AFTER_A_BUG:
                await self._put_off(delivery, None, error)
            else:
                await self._give_up(delivery, error)
        else:
            # Hints come in bursts, and concern nobody but who looks at checks.
            (self._ring_watch if isinstance(event, ChecksChanged | PullChanged) else self._ring)()

    async def _decide(self, event: Event) -> Effect | None:
        match event:
            case IssueOpened():
                return await self._issue_opened(event)
            case CommentCreated():
                return await self._comment_created(event)
            case CommentEdited():
                return await self._comment_edited(event)
            case ReviewSubmitted():
                return await self._review_submitted(event)
            case ReviewCommentCreated():
                return await self._review_comment_created(event)
            case Labeled():
                return await self._labeled(event)
            case ChecksChanged():
                return _hinting(waits.hint_commit, event.home.repository_id, event.sha)
            case PullChanged():
                return _hinting(waits.hint_pull, event.home.repository_id, event.number)
            case BranchPushed():
                return await self._branch_pushed(event)
            case ButtonPressed():
                return await self._button_pressed(event)

    async def _issue_opened(self, event: IssueOpened) -> Effect | None:
        request = read_request(event.body, self._slug) or read_request(event.title, self._slug)
        if event.by_bot or request is None:
            return None
        permission = await self._permission(event.place.home, event.author)
        if not await self._commands(event.place.home, event.author, permission):
            return self._confused(event.place, event.source)
        return self._obeying(_asked(event, permission), read_command(request))

    async def _comment_created(self, event: CommentCreated) -> Effect | None:
        if event.by_bot:
            return None
        request = read_request(event.body, self._slug)
        question = await self._answerable(event.place)
        unasked_reply = question is not None and question.asked.id == event.author.id and not _calls_others(event.body)
        if request is None and not unasked_reply:
            return await self._overheard(event)
        permission = await self._permission(event.place.home, event.author)
        if not await self._commands(event.place.home, event.author, permission):
            return self._confused(event.place, event.source)
        command = read_command(request) if request is not None else None
        if command is not None and not _may_be_a_reply(command):
            return self._obeying(_asked(event, permission), command)
        words = request.text if request is not None else event.body

        async def act(connection: Transaction) -> None:
            thread = await store.find_thread(connection, event.place)
            asked = await store.answerable_question(connection, thread) if thread else None
            reply = read_reply(words, _remaining(asked), self._slug) if asked is not None else NotAnAnswer()
            # Once a question has expired, words may be about anything; only a plain choice is surely its answer.
            if asked is not None and (asked.open or _is_plain_choice(reply, asked.questions)):
                await self._reply_to(connection, asked, reply, event.author, event.source, event.place)
            elif command is not None:
                await self._commander.obey(connection, _asked(event, permission), command)

        return act

    async def _overheard(self, event: CommentCreated) -> Effect | None:
        """What somebody who may command says in a thread while the agent works there reaches it, mention or not."""
        async with self._database.reading() as connection:
            thread = await store.find_thread(connection, event.place)
            running = await store.running_task(connection, thread.id) if thread is not None else None
        if running is None or _calls_others(event.body) or not await self._may_command(event.place.home, event.author):
            return None

        async def hand_over(connection: Transaction) -> None:
            await self._commander.overhear(connection, event.place, event.body, event.author, event.source)

        return hand_over

    def _obeying(self, asked: Asked, command: Command) -> Effect:
        async def obey(connection: Transaction) -> None:
            await self._commander.obey(connection, asked, command)

        return obey

    async def _comment_edited(self, event: CommentEdited) -> Effect | None:
        question_id = question_id_of(event.after)
        if event.by_bot or event.author.id != self._bot_id or question_id is None:
            return None
        question = await self._question(question_id)
        if question is None or question.thread.place.repository_id != event.place.repository_id:
            return None
        reply = read_ticks(event.before, event.after, question.questions)
        if isinstance(reply, NotAnAnswer) or not await self._may_command(event.place.home, event.editor):
            return None

        async def act(connection: Transaction) -> None:
            asked = await store.answerable_question(connection, question.thread)
            if asked is not None and asked.id == question_id:
                await self._reply_to(connection, asked, reply, event.editor, event.source, event.place, ticked=True)

        return act

    # -- reviews and labels --------------------------------------------------------------------------------------------

    async def _review_submitted(self, event: ReviewSubmitted) -> Effect | None:
        """A review asks for work when it mentions the App, and when it wants changes of the App's own pull request."""
        request = read_request(event.body, self._slug)
        wants_changes = event.state == "changes_requested" and event.pull_author_id == self._bot_id
        if event.by_bot or (request is None and not wants_changes):
            return None
        permission = await self._permission(event.place.home, event.author)
        if not await self._commands(event.place.home, event.author, permission):
            return None  # there are no reactions to a review's own words
        asked = _asked_in_review(event, permission, Target("review", event.review_id, event.url))
        command = read_command(request) if request is not None else None
        if command is not None and work_of(command) is None:
            return self._obeying(asked, command)
        return self._addressing(asked, wish_of(event.body, self._slug))

    async def _review_comment_created(self, event: ReviewCommentCreated) -> Effect | None:
        """A mention in one comment of a review asks for work on the whole of it; a command is obeyed."""
        request = read_request(event.body, self._slug)
        if event.by_bot or request is None:
            return None
        source = Target("inline", event.comment_id, event.url)
        permission = await self._permission(event.place.home, event.author)
        if not await self._commands(event.place.home, event.author, permission):
            return self._confused(event.place, source)
        command = read_command(request)
        if work_of(command) is None:
            return self._obeying(_asked_in_review(event, permission, source), command)
        home = event.place.home
        repository = self._github.at(home)
        review = await repository.review(event.place.number, event.review_id)
        asked = _asked_in_review(event, permission, Target("review", review.id, review.html_url))
        return self._addressing(asked, wish_of(review.body, self._slug), seen=source)

    def _addressing(self, asked: Asked, wish: Wish, *, seen: Target | None = None) -> Effect:
        async def address(connection: Transaction) -> None:
            if seen is not None:
                await outbox.reaction(connection, asked.place, seen, "eyes", now=self._clock())
            await self._commander.address(connection, asked, wish.text, wish.priority)

        return address

    async def _labeled(self, event: Labeled) -> Effect | None:
        """A label can be a command; whoever may label, but not write, commands nothing."""
        async with self._database.reading() as connection:
            settings = await last_rules(connection, event.place.repository_id)
        command = label_command(settings, event.label, self._slug)
        if event.by_bot or command is None:
            return None
        permission = await self._permission(event.place.home, event.by)
        if not await self._commands(event.place.home, event.by, permission):
            return None

        async def act(connection: Transaction) -> None:
            now = self._clock()
            source = Target("label", int(now * 1000), event.url)
            is_admin = permission is Permission.ADMIN
            asked = Asked(event.place, event.title, event.by, source, is_admin=is_admin, is_pull=event.is_pull)
            await self._commander.obey(connection, asked, command)
            await outbox.unlabel(connection, event.place, source, event.label, now=now)

        return act

    # -- what is not said in comments ----------------------------------------------------------------------------------

    async def _branch_pushed(self, event: BranchPushed) -> Effect | None:
        """A push may move a branch that we wait for, or bring other settings of the repository."""
        home = event.home
        found: Rules | None = None
        if event.is_default and event.after and (event.files is None or SETTINGS_PATH in event.files):
            repository = self._github.at(home)
            found = await self._rules.current(repository, home.repository_id)

        async def act(connection: Transaction) -> None:
            await waits.hint_branch(connection, home.repository_id, event.branch)
            if found is not None:
                await self._settings_changed(connection, event, found)

        return act

    async def _settings_changed(self, connection: Transaction, event: BranchPushed, found: Rules) -> None:
        now, home = self._clock(), event.home
        problems = found.problems or await scheduling.sync_file(
            connection,
            home,
            found.settings.time_zone or self._settings.time_zone,
            found.settings.schedules,
            event.by,
            f"{self._teller.server_url}/{home.full_name}/blob/{event.after}/{SETTINGS_PATH}",
            least_seconds=self._settings.schedule_least_seconds,
            slug=self._slug,
            now=now,
        )
        if problems:
            await show_settings_problems(connection, home, event.after, problems, now=now)

    async def _button_pressed(self, event: ButtonPressed) -> Effect | None:
        """Somebody clicked on our check run: GitHub shows the buttons to writers, and still the right is asked for."""
        thread_id = outbox.thread_of_check(event.external_id)
        is_ours = event.app_id == self._identity.id and thread_id is not None
        if event.by_bot or not is_ours or not await self._may_command(event.home, event.by):
            return None

        async def act(connection: Transaction) -> None:
            assert thread_id is not None
            task = await store.current_task(connection, thread_id)
            if task is None:
                return
            thread = await store.thread_by_id(connection, thread_id)
            if thread.place.repository_id != event.home.repository_id:
                return
            ended_badly = task.status in (Status.FAILED, Status.CANCELLED)
            if event.action == comments.STOP.identifier:
                await steering.stop(connection, self._teller, task, event.by, now=self._clock())
            elif ended_badly and event.action in (comments.AGAIN.identifier, RERUN):
                source = Target("button", int(self._clock()), event.url)
                await steering.try_again(connection, thread, task, event.by, source, now=self._clock())
            elif event.action == RERUN:
                await outbox.touched(connection, event.external_id)  # GitHub took its state away: say it again
            log.info("button pressed", action=event.action, task=task.id, by=event.by.login)

        return act

    # -- what a reply leads to -----------------------------------------------------------------------------------------

    async def _reply_to(
        self,
        connection: Transaction,
        question: AskedQuestion,
        reply: Reply,
        by: Person,
        source: Target,
        place: Place,
        *,
        ticked: bool = False,
    ) -> None:
        if isinstance(reply, NotAnAnswer):
            return
        if not ticked:
            await outbox.reaction(connection, place, source, "eyes", now=self._clock())
        answers = {**question.answers, **reply.answers}
        if all(one.text in answers for one in question.questions):
            await self._go_on(connection, question, answers, by, source)
        else:
            await self._ask_again(connection, question, answers, by, source)

    async def _go_on(
        self, connection: Transaction, question: AskedQuestion, answers: Answers, by: Person, source: Target
    ) -> None:
        now = self._clock()
        await store.answer_question(connection, question, answers=answers, by=by, url=source.url, now=now)
        if question.open:
            await store.move(connection, question.task_id, Status.WAITING_USER, Status.PENDING, now=now)
            await store.add_turn(connection, question.task_id, now=now, answers_question=question.id)
        else:
            late = "\n".join(f"{text} → {answer}" for text, answer in answers.items())
            await store.add_task(
                connection,
                question.thread,
                number=question.number,
                request=late,
                source=source,
                requester=by,
                now=now,
                answers_question=question.id,
            )
        body = comments.question_answered(question.questions, answers, by.login)
        await outbox.comment(connection, question.place, question_key(question.id), body, now=now)
        log.info("question answered", question=question.id, by=by.login, late=not question.open)

    async def _ask_again(
        self,
        connection: Transaction,
        question: AskedQuestion,
        answers: Answers,
        by: Person,
        source: Target,
    ) -> None:
        await store.keep_partial_answers(connection, question, answers)
        missing = tuple(one for one in question.questions if one.text not in answers)
        key = f"{question_key(question.id)}-unclear-{source.id}-{len(answers)}"
        body = comments.question_unclear(missing, by.login)
        await outbox.comment(connection, question.place, key, body, now=self._clock())

    # -- asking --------------------------------------------------------------------------------------------------------

    async def _may_command(self, home: Home, person: Person) -> bool:
        """Whether this person may command here: GitHub says what they may do, now, and the repository who is heard."""
        return await self._commands(home, person, await self._permission(home, person))

    async def _commands(self, home: Home, person: Person, permission: Permission) -> bool:
        """Whether somebody with this permission may command here: the repository may want more than writing."""
        async with self._database.reading() as connection:
            return await may_command(connection, home.repository_id, person.login, permission.name.lower())

    async def _permission(self, home: Home, person: Person) -> Permission:
        repository = self._github.at(home)
        return await repository.permission(person.login, person.id)

    def _confused(self, place: Place, source: Target) -> Effect:
        async def react(connection: Transaction) -> None:
            await outbox.reaction(connection, place, source, "confused", now=self._clock())

        return react

    async def _answerable(self, place: Place) -> AskedQuestion | None:
        async with self._database.reading() as connection:
            thread = await store.find_thread(connection, place)
            return await store.answerable_question(connection, thread) if thread else None

    async def _question(self, question_id: int) -> AskedQuestion | None:
        async with self._database.reading() as connection:
            return await store.find_question(connection, question_id)

    # -- the inbox -----------------------------------------------------------------------------------------------------

    async def _put_off(self, delivery: Delivery, retry_after: float | None, error: Exception) -> None:
        wait = retry_after if retry_after is not None else backoff(delivery.tries)
        log.warning("delivery put off", delivery=delivery.guid, again_in_seconds=round(wait), problem=str(error))
        async with self._database.writing() as connection:
            await inbox.put_off(connection, delivery.id, until=self._clock() + wait, problem=str(error))

    async def _give_up(self, delivery: Delivery, error: Exception) -> None:
        log.error("delivery cannot be acted on", delivery=delivery.guid, problem=str(error))
        async with self._database.writing() as connection:
            await inbox.handled(connection, delivery.id, now=self._clock(), problem=str(error))

    async def _take(self, busy: Collection[str], limit: int) -> list[tuple[str, Delivery]]:
        async with self._database.reading() as connection:
            found = await inbox.due(connection, now=self._clock(), busy=busy, limit=limit)
        return [(delivery.lane, delivery) for delivery in found]

    async def _next_due_at(self) -> float | None:
        async with self._database.reading() as connection:
            return await inbox.next_due_at(connection, now=self._clock())


def _asked(event: IssueOpened | CommentCreated, permission: Permission) -> Asked:
    return Asked(
        event.place,
        event.title,
        event.author,
        event.source,
        is_admin=permission is Permission.ADMIN,
        is_pull=isinstance(event, CommentCreated) and event.is_pull,
    )


def _asked_in_review(event: ReviewSubmitted | ReviewCommentCreated, permission: Permission, source: Target) -> Asked:
    is_admin = permission is Permission.ADMIN
    return Asked(event.place, event.title, event.author, source, is_admin=is_admin, is_pull=True)


def _may_be_a_reply(command: Command) -> bool:
    """Whether the same words can answer a question: plain ones, and a slip of the pen that may be an option's name."""
    return isinstance(command, Plain | Fix | Continue) or (isinstance(command, Help) and command.unknown is not None)


def _hinting(hint: Callable[[Transaction, int, T], Awaitable[int]], repository_id: int, what: T) -> Effect:
    """A webhook about checks decides nothing: it makes us look."""

    async def act(connection: Transaction) -> None:
        await hint(connection, repository_id, what)

    return act


_QUESTION_MARKER = re.compile(re.escape(comments.marker("question-0")).replace("0", r"(\d+)"))


def question_id_of(body: str) -> int | None:
    """Which question one of our comments asks, by the marker that it carries."""
    found = _QUESTION_MARKER.search(body)
    return int(found[1]) if found and comments.has_marker(body, question_key(int(found[1]))) else None


def _remaining(question: AskedQuestion) -> Questions:
    """The questions of a call that nobody has answered yet."""
    return tuple(one for one in question.questions if one.text not in question.answers)


def _is_plain_choice(reply: Reply, questions: Questions) -> bool:
    """Whether a reply only picks options, so that it cannot be talk about something else."""
    if not isinstance(reply, Answered):
        return False
    labels = {option.label for question in questions for option in question.options}
    return all(answer in labels or labels.issuperset(answer.split(", ")) for answer in reply.answers.values())


def _calls_others(body: str) -> bool:
    """Whether a comment opens with a mention of somebody: it then talks to them."""
    return re.match(r"\s*@[\w-]+", body) is not None
