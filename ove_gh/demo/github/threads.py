"""What people and Apps do in issues and conversations: open, comment, edit, react, close.

Each deed checks what GitHub checks, changes the state, and sends the webhook, all without a pause in between.
"""

from __future__ import annotations

import re

from ove_gh.demo.github.happenings import Kind
from ove_gh.demo.github.pull_numbers import pull_shape
from ove_gh.demo.github.records import REACTIONS, Actor, Comment, Issue, Label, Reaction, Repository, Role
from ove_gh.demo.github.refusals import Refused, invalid, not_found, unprocessable
from ove_gh.demo.github.review_records import ReviewComment
from ove_gh.demo.github.shapes import Json
from ove_gh.demo.github.world import World

LONGEST_BODY = 65_536
"""Characters that an issue, a pull request or a comment may hold."""

_TASK = re.compile(r"^(?P<before>\s*(?:[-*+]|\d+[.)]) \[)(?P<mark>[ xX])(?P<after>\] .*)$")


def open_issue(world: World, actor: Actor, repository: Repository, title: str, body: str | None) -> Issue:
    """Open an issue."""
    need_read(actor, repository)
    check_title(title)
    check_body("Issue", body)
    issue = new_thread(world, actor, repository, title, body)
    world.announce("issues", "opened", repository, actor.user, issue=world.shapes.issue(issue))
    world.tell(Kind.ISSUE_OPENED, actor, repository, issue, title, issue)
    return issue


def new_thread(world: World, actor: Actor, repository: Repository, title: str, body: str | None) -> Issue:
    """The record of a new issue or of a pull request's conversation, under the repository's next number."""
    now = world.clock.now()
    number = len(repository.issues) + 1
    issue = Issue(next(world.ids.issue), number, repository, actor.user, title, body, now, now, via=actor.via)
    repository.issues[number] = issue
    return issue


def check_title(title: str) -> None:
    """Raise Refused for a title that GitHub does not take."""
    if not title.strip():
        raise invalid("Issue", "title", "missing_field")
    if len(title) > 256:
        raise unprocessable("Issue", "title is too long (maximum is 256 characters)", field="title")


def check_body(resource: str, body: str | None) -> None:
    """Raise Refused for a text that is longer than GitHub holds."""
    if body is not None and len(body) > LONGEST_BODY:
        raise unprocessable(resource, f"body is too long (maximum is {LONGEST_BODY} characters)", field="body")


def edit_issue(world: World, actor: Actor, issue: Issue, title: str | None, body: str | None) -> None:
    """Change an issue's title or body; None leaves it."""
    need_authorship(actor, issue.repository, issue.author.id)
    changes = {}
    if title is not None and title != issue.title:
        check_title(title)
        changes["title"], issue.title = {"from": issue.title}, title
    if body is not None and body != issue.body:
        check_body("Issue", body)
        changes["body"], issue.body = {"from": issue.body or ""}, body
    if changes:
        issue.updated_at = world.clock.now()
        shape = world.shapes.issue(issue)
        world.announce("issues", "edited", issue.repository, actor.user, issue=shape, changes=changes)
        world.tell(Kind.ISSUE_EDITED, actor, issue.repository, issue, issue.title, issue)


def close_issue(world: World, actor: Actor, issue: Issue, reason: str = "completed") -> None:
    """Close an issue: its author may, and whoever may triage."""
    if actor.user is not issue.author:
        need(actor, issue.repository, "triage")
    if issue.state == "closed":
        return
    mark_closed(world, actor, issue)
    issue.state_reason = reason
    world.announce("issues", "closed", issue.repository, actor.user, issue=world.shapes.issue(issue))
    world.tell(Kind.ISSUE_CLOSED, actor, issue.repository, issue, reason, issue)


def mark_closed(world: World, actor: Actor, issue: Issue) -> None:
    """Set what closing sets, on issues and pull requests alike."""
    now = world.clock.now()
    issue.state, issue.closed_at, issue.closed_by, issue.updated_at = "closed", now, actor.user, now


def reopen_issue(world: World, actor: Actor, issue: Issue) -> None:
    """Open a closed issue again."""
    if actor.user is not issue.author:
        need(actor, issue.repository, "triage")
    issue.state, issue.state_reason, issue.closed_at, issue.closed_by = "open", "reopened", None, None
    issue.updated_at = world.clock.now()
    world.announce("issues", "reopened", issue.repository, actor.user, issue=world.shapes.issue(issue))
    world.tell(Kind.ISSUE_REOPENED, actor, issue.repository, issue, issue.title, issue)


def add_label(world: World, actor: Actor, issue: Issue, name: str) -> None:
    """Put a label on an issue or a pull request; the label is made when the repository has none of that name."""
    need(actor, issue.repository, "triage")
    labels = issue.repository.labels
    label = labels.setdefault(name.lower(), Label(next(world.ids.label), name))
    if label in issue.labels:
        return
    issue.labels.append(label)
    _announce_thread(world, actor, issue, "labeled", label=world.shapes.label(issue.repository, label))
    world.tell(Kind.LABEL_ADDED, actor, issue.repository, issue, name, label)


def remove_label(world: World, actor: Actor, issue: Issue, name: str) -> None:
    """Take a label off an issue or a pull request; raises Refused with 404 when it is not there."""
    need(actor, issue.repository, "triage")
    label = next((one for one in issue.labels if one.name.lower() == name.lower()), None)
    if label is None:
        raise not_found("Label does not exist")
    issue.labels.remove(label)
    _announce_thread(world, actor, issue, "unlabeled", label=world.shapes.label(issue.repository, label))
    world.tell(Kind.LABEL_REMOVED, actor, issue.repository, issue, label.name, label)


def set_lock(world: World, actor: Actor, issue: Issue, locked: bool) -> None:
    """Lock a conversation, or open it again.

    https://docs.github.com/en/communities/moderating-comments-and-conversations/locking-conversations
    """
    need(actor, issue.repository, "triage")
    if issue.locked == locked:
        return
    issue.locked = locked
    _announce_thread(world, actor, issue, "locked" if locked else "unlocked")
    kind = Kind.CONVERSATION_LOCKED if locked else Kind.CONVERSATION_UNLOCKED
    world.tell(kind, actor, issue.repository, issue, issue.title, issue)


def check_lock(actor: Actor, issue: Issue) -> None:
    """Raise Refused with 403 for who may not speak in a locked conversation: Apps, and people who cannot write."""
    if issue.locked and (actor.installation is not None or not issue.repository.allows(actor.user, "write")):
        raise Refused(403, "Unable to create comment because issue is locked.")


def _announce_thread(world: World, actor: Actor, issue: Issue, action: str, **more: object) -> None:
    """Send the event of an issue, or that of the pull request that it is."""
    issue.updated_at = world.clock.now()
    about: Json = dict(more)
    if issue.pull:
        about |= {"number": issue.number, "pull_request": pull_shape(world, issue.pull)}
    else:
        about["issue"] = world.shapes.issue(issue)
    world.announce("pull_request" if issue.pull else "issues", action, issue.repository, actor.user, **about)


def post_comment(world: World, actor: Actor, issue: Issue, body: str) -> Comment:
    """Post a comment."""
    need_read(actor, issue.repository)
    check_lock(actor, issue)
    check_comment("IssueComment", body)
    now = world.clock.now()
    comment = Comment(next(world.ids.comment), issue, actor.user, [body], now, now, via=actor.via)
    issue.comments.append(comment)
    issue.updated_at = now
    world.comments[comment.id] = comment
    _announce_comment(world, actor, comment, "created")
    world.tell(Kind.COMMENT_POSTED, actor, issue.repository, issue, body, comment)
    return comment


def check_comment(resource: str, body: str) -> None:
    """Raise Refused for a comment that is empty, or longer than GitHub holds."""
    if not body.strip():
        raise unprocessable(resource, "Body cannot be blank", code="unprocessable", field="data")
    if len(body) > LONGEST_BODY:
        message = f"Body is too long (maximum is {LONGEST_BODY} characters)"
        raise unprocessable(resource, message, code="unprocessable", field="data")


def edit_comment(world: World, actor: Actor, comment: Comment, body: str) -> None:
    """Change a comment: its author may, and whoever may write."""
    need_authorship(actor, comment.repository, comment.author.id)
    check_comment("IssueComment", body)
    if body == comment.body:
        return
    before = comment.body
    comment.history.append(body)
    comment.updated_at = world.clock.now()
    _announce_comment(world, actor, comment, "edited", changes={"body": {"from": before}})
    world.tell(Kind.COMMENT_EDITED, actor, comment.repository, comment.issue, body, comment)


def set_tick(world: World, actor: Actor, comment: Comment, label: str, ticked: bool) -> None:
    """Click the first box of a task list whose text contains `label`; raises Refused when there is none to click.

    https://docs.github.com/en/get-started/writing-on-github/working-with-advanced-formatting/about-task-lists
    """
    old, new = (" ", "x") if ticked else ("x", " ")
    lines = comment.body.split("\n")
    for index, line in enumerate(lines):
        task = _TASK.match(line)
        if task and task["mark"].lower() == old and label in task["after"]:
            lines[index] = f"{task['before']}{new}{task['after']}"
            edit_comment(world, actor, comment, "\n".join(lines))
            return
    raise Refused(422, f"There is no box to click for {label!r} in:\n{comment.body}")


def delete_comment(world: World, actor: Actor, comment: Comment) -> None:
    """Remove a comment: its author may, and whoever may write."""
    need_authorship(actor, comment.repository, comment.author.id)
    shape = world.shapes.comment(comment)
    comment.issue.comments.remove(comment)
    del world.comments[comment.id]
    issue = world.shapes.issue(comment.issue)
    world.announce("issue_comment", "deleted", comment.repository, actor.user, issue=issue, comment=shape)
    world.tell(Kind.COMMENT_DELETED, actor, comment.repository, comment.issue, comment.body, comment)


def _announce_comment(world: World, actor: Actor, comment: Comment, action: str, **more: object) -> None:
    issue, shape = world.shapes.issue(comment.issue), world.shapes.comment(comment)
    world.announce("issue_comment", action, comment.repository, actor.user, issue=issue, comment=shape, **more)


def add_reaction(
    world: World, actor: Actor, target: Issue | Comment | ReviewComment, content: str
) -> tuple[Reaction, bool]:
    """React; the same reaction by the same account again is the one that is there (then the second value is False)."""
    if content not in REACTIONS:
        raise invalid("Reaction", "content")
    need_read(actor, target.repository)
    for reaction in target.reactions:
        if reaction.user is actor.user and reaction.content == content:
            return reaction, False
    reaction = Reaction(next(world.ids.reaction), actor.user, content, world.clock.now())
    target.reactions.append(reaction)
    _tell_of_reaction(world, Kind.REACTION_ADDED, actor, target, reaction)
    return reaction, True


def remove_reaction(world: World, actor: Actor, target: Issue | Comment | ReviewComment, reaction_id: int) -> None:
    """Take one's own reaction back; raises Refused."""
    reaction = next((one for one in target.reactions if one.id == reaction_id), None)
    if reaction is None:
        raise not_found()
    if reaction.user is not actor.user:
        raise Refused(403, "You cannot delete another user's reaction.")
    target.reactions.remove(reaction)
    _tell_of_reaction(world, Kind.REACTION_REMOVED, actor, target, reaction)


def _tell_of_reaction(
    world: World, kind: Kind, actor: Actor, target: Issue | Comment | ReviewComment, reaction: Reaction
) -> None:
    issue = target if isinstance(target, Issue) else target.issue
    world.tell(kind, actor, target.repository, issue, reaction.content, target)


def need(actor: Actor, repository: Repository, role: Role) -> None:
    """Raise Refused unless a person holds at least that role."""
    if not actor.may(repository, role):
        raise Refused(403, f"{actor.user.login} needs the role {role} in {repository.full_name}.")


def need_read(actor: Actor, repository: Repository) -> None:
    """Raise Refused with 404 unless a person may see the repository."""
    if not actor.may(repository, "read"):
        raise not_found()


def need_authorship(actor: Actor, repository: Repository, author_id: int) -> None:
    """Raise Refused unless it is the author, or somebody who may write."""
    if actor.user.id != author_id:
        need(actor, repository, "write")
