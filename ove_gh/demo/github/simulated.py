"""SimulatedGitHub: an honest GitHub in this process, and the hands of the people (and tests) who use it."""

from __future__ import annotations

import asyncio
import re
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import httpx

from ove_gh.demo.github import accounts, attachments, checks, pulls, reviews, threads
from ove_gh.demo.github.bare import Commit
from ove_gh.demo.github.check_records import (
    ACTIONS,
    Annotation,
    CheckRun,
    CheckStatus,
    CommitStatus,
    Conclusion,
    JobStep,
    StatusState,
)
from ove_gh.demo.github.clock import Clock
from ove_gh.demo.github.deliveries import EXAMPLE_SECRET, TIMEOUT, Delivery, Disturbance, Fate
from ove_gh.demo.github.dump import describe
from ove_gh.demo.github.faults import Action, Fault, Request, When
from ove_gh.demo.github.happenings import Happening, Listener
from ove_gh.demo.github.limits import RateLimits
from ove_gh.demo.github.records import Actor, App, Comment, Emoji, Issue, Pull, Reaction, Repository, Role, User
from ove_gh.demo.github.refusals import Refused
from ove_gh.demo.github.review_records import InlineComment, Review, ReviewComment, ReviewEvent
from ove_gh.demo.github.server import PREFIX, Front, listen, serving
from ove_gh.demo.github.world import PushListener, World

T = TypeVar("T")

_NO_KEEPING = httpx.Limits(max_keepalive_connections=0)
"""Every webhook gets a connection of its own: a receiver that was restarted must not be met on an old one."""
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody: webhooks go to plain loopback, and loading the system's certificates takes 40 ms."""


class WaitedInVain(TimeoutError):
    """What a test waited for did not happen; the message shows the state of GitHub instead."""


class SimulatedGitHub:
    """GitHub on loopback: REST API, webhooks and git over HTTP, with its state in memory and in bare repositories.

    `api_url` is for clients of the API, `server_url` for git and for pages. Deeds are plain calls: each happens at
    once, as a whole, and sends its webhooks from the background; call them from the event loop that runs the server.
    Whoever acts needs the right to: otherwise Refused is raised, and nothing has changed. Only what waits is awaited.
    Stricter than GitHub in one place: to a token, a repository that is not among its own does not exist, public or not.
    """

    def __init__(self, world: World, front: Front, client: httpx.AsyncClient) -> None:
        self._world, self._front, self._client = world, front, client

    @classmethod
    @asynccontextmanager
    async def running(cls, port: int = 0) -> AsyncIterator[SimulatedGitHub]:
        """Serve on loopback (port 0: the system picks one) until the context ends.

        A mistake of the simulation itself is raised at the end, so that no test passes over it.
        """
        with (
            listen(port) as listener,
            tempfile.TemporaryDirectory(prefix="simulated-github-") as folder,
        ):
            server_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            world = World(Path(folder), server_url, server_url + PREFIX)
            accounts.create_actions_app(world)
            front = Front(world)
            async with (
                httpx.AsyncClient(trust_env=False, timeout=TIMEOUT, verify=_NO_TLS, limits=_NO_KEEPING) as client,
                serving(front, listener) as server,
            ):
                front.server = server
                delivering = asyncio.create_task(front.watch(partial(world.deliveries.work, client)))
                try:
                    yield cls(world, front, client)
                finally:
                    delivering.cancel()
                    await asyncio.gather(delivering, return_exceptions=True)
        front.raise_crashes()

    @property
    def server_url(self) -> str:
        """Where git and the pages are: `http://127.0.0.1:PORT`."""
        return self._world.shapes.server_url

    @property
    def api_url(self) -> str:
        """Where the API is: below `/api/v3`."""
        return self._world.shapes.api_url

    @property
    def clock(self) -> Clock:
        """GitHub's clock; `clock.advance(seconds)` turns it."""
        return self._world.clock

    @property
    def rate_limits(self) -> RateLimits:
        """The limits: `rate_limits.limit` an hour, `search_limit` and `code_search_limit` a minute; may be lowered."""
        return self._front.api.limits

    @property
    def api_versions(self) -> set[str]:
        """The values of X-GitHub-Api-Version that the API accepts; may be changed."""
        return self._front.api.versions

    @property
    def tokens_open_attachments(self) -> bool:
        """Whether an App's token opens attachments of private repositories; may be changed. github.com answers 404."""
        return self._world.tokens_open_attachments

    @tokens_open_attachments.setter
    def tokens_open_attachments(self, given: bool) -> None:
        self._world.tokens_open_attachments = given

    # The scene

    def create_user(
        self, login: str, *, kind: Literal["User", "Bot", "Organization"] = "User", name: str | None = None
    ) -> User:
        """A new account."""
        return accounts.create_user(self._world, login, kind, name)

    def create_repository(
        self,
        full_name: str,
        files: Mapping[str, str | bytes] | None = None,
        *,
        default_branch: str = "main",
        private: bool = False,
    ) -> Repository:
        """A new repository with one commit of `files`; an owner that does not exist becomes an organisation."""
        given = files or {"README.md": f"# {full_name.partition('/')[2]}\n"}
        return accounts.create_repository(self._world, full_name, given, default_branch, private)

    def create_app(
        self,
        slug: str,
        name: str | None = None,
        permissions: Mapping[str, str] | None = None,
        events: Iterable[str] = (),
        webhook_url: str | None = None,
        webhook_secret: str = EXAMPLE_SECRET,
        *,
        owner: str = "app-owner",
    ) -> App:
        """A new App with a key and a bot account of its own (`slug[bot]`); see also `set_webhook_url`."""
        who = self._world.users.get(owner.lower()) or self.create_user(owner)
        given = permissions or {}
        return accounts.create_app(
            self._world, slug, name or slug, given, tuple(events), webhook_url, webhook_secret, who
        )

    def set_webhook_url(self, app: App, url: str | None) -> None:
        """Send the App's webhooks there from now on, a ping first; None sends none."""
        accounts.set_webhook_url(self._world, app, url)

    def install(self, app: App, repository: str) -> int:
        """Install an App on a repository; returns the installation's id (one for each owner)."""
        return accounts.install(self._world, app, self.repository(repository)).id

    def uninstall(self, app: App, repository: str) -> None:
        """Take a repository from an App; when it was the last, the installation and its tokens end."""
        accounts.uninstall(self._world, app, self.repository(repository))

    def grant(self, repository: str, login: str, role: Role) -> None:
        """Give somebody a role; `none` takes it away (a public repository stays readable)."""
        accounts.grant(self.repository(repository), self.user(login), role)

    def set_author_association(self, repository: str, login: str, association: str) -> None:
        """Let GitHub say something else about somebody than the role would make it say."""
        self.repository(repository).associations[self.user(login).id] = association

    def expire_tokens(self) -> None:
        """End every installation token now, without turning the clock."""
        self._world.tokens.clear()

    # What people do in threads

    def open_issue(self, repository: str, login: str, title: str, body: str | None = None) -> Issue:
        """Open an issue."""
        return threads.open_issue(self._world, self._person(login), self.repository(repository), title, body)

    def edit_issue(
        self, repository: str, number: int, login: str, *, title: str | None = None, body: str | None = None
    ) -> None:
        """Change an issue's title or body."""
        threads.edit_issue(self._world, self._person(login), self.issue(repository, number), title, body)

    def close_issue(self, repository: str, number: int, login: str, reason: str = "completed") -> None:
        """Close an issue, as completed or not_planned."""
        threads.close_issue(self._world, self._person(login), self.issue(repository, number), reason)

    def reopen_issue(self, repository: str, number: int, login: str) -> None:
        """Open a closed issue again."""
        threads.reopen_issue(self._world, self._person(login), self.issue(repository, number))

    def add_label(self, repository: str, number: int, login: str, label: str) -> None:
        """Put a label on an issue or pull request."""
        threads.add_label(self._world, self._person(login), self.issue(repository, number), label)

    def remove_label(self, repository: str, number: int, login: str, label: str) -> None:
        """Take a label off an issue or pull request; raises Refused when it is not there."""
        threads.remove_label(self._world, self._person(login), self.issue(repository, number), label)

    def lock(self, repository: str, number: int, login: str) -> None:
        """Lock a conversation: neither an App nor who cannot write may comment there any more."""
        threads.set_lock(self._world, self._person(login), self.issue(repository, number), True)

    def unlock(self, repository: str, number: int, login: str) -> None:
        """Open a locked conversation again."""
        threads.set_lock(self._world, self._person(login), self.issue(repository, number), False)

    def attach(self, repository: str, login: str, data: bytes, media_type: str) -> str:
        """Upload a file, as dropping it into a text does; returns the link to write, as in `![image](LINK)`.

        The link leads on to another of five minutes. In a private repository it is 404 without a token; whether an
        App's token opens it there is `tokens_open_attachments`. The links in `body_html` need none.
        """
        where = self.repository(repository)
        return attachments.attach(self._world, self._person(login), where, data, media_type)

    def comment(self, repository: str, number: int, login: str, body: str) -> Comment:
        """Comment on an issue or a pull request."""
        return threads.post_comment(self._world, self._person(login), self.issue(repository, number), body)

    def edit_comment(self, comment_id: int, login: str, body: str) -> None:
        """Change a comment."""
        threads.edit_comment(self._world, self._person(login), self._world.comment(comment_id), body)

    def delete_comment(self, comment_id: int, login: str) -> None:
        """Remove a comment."""
        threads.delete_comment(self._world, self._person(login), self._world.comment(comment_id))

    def tick(self, comment_id: int, login: str, label: str) -> None:
        """Tick the first open box whose text contains `label`, as a click on the page does."""
        threads.set_tick(self._world, self._person(login), self._world.comment(comment_id), label, True)

    def untick(self, comment_id: int, login: str, label: str) -> None:
        """Take the tick out of the first ticked box whose text contains `label`."""
        threads.set_tick(self._world, self._person(login), self._world.comment(comment_id), label, False)

    def react(self, target: Issue | Comment | ReviewComment, login: str, content: Emoji) -> Reaction:
        """React to an issue, a comment or a review comment."""
        return threads.add_reaction(self._world, self._person(login), target, content)[0]

    # What people do with code

    def push_commit(
        self, repository: str, branch: str, login: str, files: Mapping[str, str | bytes | None], message: str
    ) -> str:
        """Commit `files` (None deletes) and push; a new branch starts at the default one. Returns the commit's id."""
        return pulls.push_commit(self._world, self._person(login), self.repository(repository), branch, files, message)

    def delete_branch(self, repository: str, branch: str, login: str) -> None:
        """Delete a branch; its open pull requests are closed."""
        pulls.delete_branch(self._world, self._person(login), self.repository(repository), branch)

    def rename_branch(self, repository: str, old: str, new: str, login: str) -> None:
        """Rename a branch: pull requests into it follow, pull requests from it are closed."""
        pulls.rename_branch(self._world, self._person(login), self.repository(repository), old, new)

    def fork(self, repository: str, login: str) -> Repository:
        """Fork a repository to `login/name`; `open_pull(…, head="login:branch")` leads back."""
        return accounts.fork(self._world, self._person(login), self.repository(repository))

    def open_pull(
        self, repository: str, login: str, title: str, *, head: str, base: str | None = None, body: str | None = None
    ) -> Pull:
        """Open a pull request from a branch, or a fork's `login:branch` (against the default branch)."""
        where = self.repository(repository)
        onto = base or where.default_branch
        return pulls.open_pull(self._world, self._person(login), where, title=title, head=head, base=onto, body=body)

    def close_pull(self, repository: str, number: int, login: str) -> None:
        """Close a pull request without merging it."""
        pulls.close_pull(self._world, self._person(login), self.pull(repository, number))

    def request_review(self, repository: str, number: int, login: str, reviewer: str) -> None:
        """Ask somebody to review a pull request, for the first time or again."""
        pulls.request_reviews(self._world, self._person(login), self.pull(repository, number), [reviewer])

    def protect_branch(self, repository: str, branch: str, *, allowed: Iterable[str] = ()) -> None:
        """Let a branch change by pull requests only; admins and those in `allowed` (logins) may push all the same."""
        where = self.repository(repository)
        where.protected[branch] = tuple(login.lower() for login in allowed)

    def merge_pull(self, repository: str, number: int, login: str) -> str:
        """Merge with a merge commit; issues that the body closes are closed. Returns the commit's id."""
        return pulls.merge_pull(self._world, self._person(login), self.pull(repository, number))

    # What people do in reviews

    def review(
        self,
        repository: str,
        number: int,
        login: str,
        state: ReviewEvent,
        body: str = "",
        comments: Iterable[InlineComment | Mapping[str, Any]] = (),
        *,
        comments_first: bool = False,
    ) -> Review:
        """Submit a review, all at once: `state` is APPROVE, REQUEST_CHANGES or COMMENT.

        Each comment has path, line and body, and perhaps side, start_line and start_side; lines that the diff does not
        show are refused. GitHub tells of the review and of each comment by webhooks of their own, in no certain order:
        `comments_first` lets the comments' come first.
        """
        inline = [one if isinstance(one, InlineComment) else InlineComment(**one) for one in comments]
        who, pull = self._person(login), self.pull(repository, number)
        return reviews.submit_review(self._world, who, pull, state, body, inline, comments_first=comments_first)

    def dismiss(self, review: Review, login: str, message: str = "") -> None:
        """Dismiss an approval or a request for changes."""
        reviews.dismiss_review(self._world, self._person(login), review, message)

    def reply(self, comment: ReviewComment, login: str, body: str) -> ReviewComment:
        """Reply in a review thread; that is a review of its own, with the one comment."""
        return reviews.reply_to(self._world, self._person(login), comment, body)

    def edit_review_comment(self, comment: ReviewComment, login: str, body: str) -> None:
        """Change a review comment."""
        reviews.edit_review_comment(self._world, self._person(login), comment, body)

    def delete_review_comment(self, comment: ReviewComment, login: str) -> None:
        """Remove a review comment; replies to it stay."""
        reviews.delete_review_comment(self._world, self._person(login), comment)

    def resolve(self, comment: ReviewComment, login: str) -> None:
        """Resolve the thread of a review comment."""
        reviews.set_resolved(self._world, self._person(login), comment, True)

    def unresolve(self, comment: ReviewComment, login: str) -> None:
        """Take back that a thread is resolved."""
        reviews.set_resolved(self._world, self._person(login), comment, False)

    # What CI does with commits

    def on_push(self, repository: str, callback: PushListener) -> Callable[[], None]:
        """Call `callback(branch, sha)` at every push to a branch, before the pusher has an answer; returns the way out.

        Deletions of branches are not told.
        """
        listeners = self._world.push_listeners.setdefault(self.repository(repository).id, [])
        listeners.append(callback)
        return partial(listeners.remove, callback)

    def check_app(self, slug: str) -> App:
        """The App that reports checks under that slug; GitHub Actions is there, others are made when they are named.

        One that was made so is not installed anywhere: no suite waits for it on each push, and it cannot call the API.
        """
        return accounts.check_app(self._world, slug)

    def start_check(
        self,
        repository: str,
        sha: str,
        name: str,
        *,
        app: str = ACTIONS,
        status: CheckStatus = "queued",
        details_url: str | None = None,
    ) -> CheckRun:
        """Report a check run on a commit, in the name of an App; GitHub Actions' runs are jobs as well."""
        where, who = self.repository(repository), self.check_app(app)
        return checks.create_run(self._world, who, where, sha, name, status=status, details_url=details_url)

    def begin_check(self, run: CheckRun) -> None:
        """Let a queued check run begin."""
        checks.begin_run(self._world, run)

    def finish_check(
        self,
        run: CheckRun,
        conclusion: Conclusion,
        *,
        title: str = "",
        summary: str = "",
        annotations: Iterable[Annotation | Mapping[str, Any]] = (),
        log: str = "",
        steps: Iterable[JobStep | tuple[str, str]] | None = None,
    ) -> None:
        """End a check run. A step is (name, conclusion); `log` is the text of the job's log."""
        checks.finish_run(
            self._world,
            run,
            conclusion,
            title=title,
            summary=summary,
            annotations=annotations,
            log=log,
            steps=steps,
        )

    def rerun_check(self, run: CheckRun) -> CheckRun:
        """Run a finished check again from the Actions tab: a new, queued run of that name in the same suite."""
        return checks.rerun(self._world, run)

    def hold_suite(self, run: CheckRun) -> None:
        """Keep the run's suite in progress, whatever its runs say: more will come."""
        checks.hold_suite(self._world, run.suite)

    def release_suite(self, run: CheckRun) -> None:
        """Let the run's suite be complete when its runs are."""
        checks.release_suite(self._world, run.suite)

    def delete_logs(self, run: CheckRun) -> None:
        """Delete a job's log."""
        run.log_deleted = True

    def press(self, run: CheckRun, login: str, identifier: str) -> None:
        """Press a button of a check run; the App that owns it is told."""
        checks.press(self._world, self._person(login), run, identifier)

    def set_status(
        self,
        repository: str,
        sha: str,
        context: str,
        state: StatusState,
        description: str = "",
        target_url: str | None = None,
        *,
        login: str = "jenkins",
    ) -> CommitStatus:
        """Give a commit a legacy status, as an account that may write; `jenkins` is made when it is first needed."""
        where = self.repository(repository)
        if login == "jenkins":
            jenkins = self._world.users.get(login) or self.create_user(login)
            accounts.grant(where, jenkins, "write")
        who = self._person(login)
        return checks.set_status(self._world, who, where, sha, context, state, description, target_url)

    # Looking

    def checks(self, repository: str, sha: str) -> list[CheckRun]:
        """A commit's check runs, the latest of each App and name, oldest first."""
        where = self.repository(repository)
        suites = checks.suites_of(self._world, where, self._commit(repository, sha))
        return sorted((run for suite in suites for run in suite.latest), key=lambda run: run.id)

    def user(self, login: str) -> User:
        """An account; raises Refused when there is none."""
        return self._world.user(login)

    def repository(self, full_name: str) -> Repository:
        """A repository by `owner/name`; raises Refused when there is none."""
        return self._world.repository(full_name)

    def issue(self, repository: str, number: int) -> Issue:
        """An issue, or the conversation half of a pull request; raises Refused."""
        return self._world.issue(self.repository(repository), number)

    def pull(self, repository: str, number: int) -> Pull:
        """A pull request; raises Refused when that number is none."""
        return self._world.pull(self.repository(repository), number)

    def thread(self, repository: str, number: int) -> list[Comment]:
        """The comments of an issue or pull request in order, each with author, body and `history` of bodies."""
        return list(self.issue(repository, number).comments)

    def reviews(self, repository: str, number: int) -> list[Review]:
        """The reviews of a pull request in order, each with author, state, body and comments; replies are some too."""
        return self._world.reviews_of(self.pull(repository, number))

    def review_comments(self, repository: str, number: int) -> list[ReviewComment]:
        """All comments on lines of a pull request in order; `reply_to` is set for replies."""
        return self._world.review_comments_of(self.pull(repository, number))

    def reactions(self, target: Issue | Comment | ReviewComment) -> list[tuple[str, str]]:
        """Who reacted how, in order: (login, content)."""
        return [(reaction.user.login, reaction.content) for reaction in target.reactions]

    def pulls(self, repository: str, state: Literal["open", "closed", "all"] = "all") -> list[Pull]:
        """The repository's pull requests, oldest first."""
        found = (issue.pull for issue in self.repository(repository).issues.values())
        return [pull for pull in found if pull and state in ("all", pull.state)]

    def branches(self, repository: str) -> dict[str, str]:
        """Branch name → commit id."""
        return self.repository(repository).git.branches()

    def diff(self, repository: str, base: str, head: str) -> str:
        """The patch that a pull request from head to base would show; both are branches, tags or ids."""
        git = self.repository(repository).git
        return git.diff(self._commit(repository, base), self._commit(repository, head))

    def log(self, repository: str, branch: str) -> tuple[Commit, ...]:
        """A branch's commits, newest first, each with author, committer and message."""
        return self.repository(repository).git.log(self._commit(repository, branch))

    def read(self, repository: str, path: str, ref: str | None = None) -> str:
        """A file's text on a branch (the default one unless told)."""
        where = self.repository(repository)
        found = where.git.blob(self._commit(repository, ref or where.default_branch), path)
        if found is None:
            raise Refused(404, f"There is no {path} at {ref or where.default_branch}.")
        return found[1].decode()

    def _commit(self, repository: str, name: str) -> str:
        sha = self.repository(repository).git.resolve(name)
        if sha is None:
            raise Refused(404, f"There is no branch, tag or commit {name} in {repository}.")
        return sha

    def _person(self, login: str) -> Actor:
        return Actor(self.user(login))

    # Requests, deliveries, faults

    @property
    def requests(self) -> Sequence[Request]:
        """Every request to the API and to git, in order of arrival."""
        return self._front.requests

    @property
    def deliveries(self) -> Sequence[Delivery]:
        """Every attempt to deliver a webhook, in the order in which they ended."""
        return self._world.deliveries.log

    def disturb_deliveries(
        self,
        *,
        event: str | None = None,
        action: str | None = None,
        fate: Fate = "deliver",
        copies: int = 1,
        delay: float = 0.0,
        hold: bool = False,
        times: int | None = None,
    ) -> Disturbance:
        """Let something go wrong with webhooks (of one event, of one action), for the next `times` or until `stop()`.

        `fate`: "fail" notes a failed attempt without making it, "lose" leaves no trace, "deliver" delivers: `copies` at
        once under one GUID, after `delay` seconds, or with `hold` not before `release()`; later ones overtake them.
        """
        disturbance = Disturbance(event, action, fate, copies, delay, hold, times)
        self._world.deliveries.disturbances.append(disturbance)
        return disturbance

    async def redeliver(self, guid: str) -> Delivery:
        """Send the webhook with that GUID once more, and wait for the answer."""
        webhook = next((one.webhook for one in self.deliveries if one.guid == guid), None)
        if webhook is None:
            raise Refused(404, f"There is no delivery {guid}.")
        return await self._world.deliveries.attempt(self._client, webhook, redelivery=True)

    async def deliver(self, app: App, event: str, payload: dict[str, Any], *, guid: str | None = None) -> Delivery:
        """Send an App any payload, well signed, and wait for the answer; it passes those in the queue."""
        webhook = self._world.deliveries.make(app, event, payload, guid=guid)
        return await self._world.deliveries.attempt(self._client, webhook)

    def on(self, method: str, path: str, *, action: Action, when: When = "before", times: int | None = 1) -> Fault:
        """Let `action` strike the next `times` requests (None: all) whose method and whole path fit.

        `path` is a regular expression for the path without the API's prefix (`/repos/acme/shop/issues/1/comments`);
        git's paths are `/acme/shop.git/info/refs` and so on. "before" is before the deed, "after" is with the deed done
        and the answer not yet sent. "*" is any method.
        """
        return self._front.faults.add(Fault(method, re.compile(path), when, action, times))

    # Waiting

    @property
    def history(self) -> Sequence[Happening]:
        """Everything that happened, in order."""
        return self._world.happenings.history

    def on_event(self, listener: Listener) -> None:
        """Call `listener` at everything that happens from now on, at once."""
        self._world.happenings.listen(listener)

    async def happenings(self) -> AsyncIterator[Happening]:
        """Everything that happens from now on, for ever."""
        with self._world.happenings.queue() as queue:
            while True:
                yield await queue.get()

    async def wait_for(
        self,
        predicate: Callable[[SimulatedGitHub], T],
        *,
        timeout: float = 30.0,  # noqa: ASYNC109 - the time-out comes with a report, which a caller's own could not give
        what: str = "",
    ) -> T:
        """Wait until `predicate(github)` is true, and return its value; it is asked again whenever anything happens.

        Raises WaitedInVain after `timeout` seconds, with all that stands on GitHub by then. `what` names the wish.
        """
        try:
            async with asyncio.timeout(timeout):
                while not (found := predicate(self)):
                    await self._world.happenings.change()
                    self._front.raise_crashes()
        except TimeoutError:
            wish = what or getattr(predicate, "__name__", "it")
            state = describe(self._world, self.requests)
            raise WaitedInVain(f"waited {timeout:g} s in vain for {wish}\n{state}") from None
        return found

    async def settled(self, *, timeout: float = 30.0) -> None:  # noqa: ASYNC109 - see wait_for
        """Wait until no webhook is under way."""
        await self.wait_for(lambda _: self._world.deliveries.idle, timeout=timeout, what="all webhooks to arrive")

    def describe(self) -> str:
        """Everything that stands on GitHub, for people to read."""
        return describe(self._world, self.requests)
