"""Issues, comments and reactions on the simulated GitHub, by the API and by people."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from ove_gh.demo.github import Refused
from tests.demo.github_scene import SHOP, Scene, setting

pytestmark = pytest.mark.anyio


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """A fresh GitHub with one issue."""
    async with setting() as scene:
        scene.github.open_issue(SHOP, "alice", "Wrong total", "It is wrong.")
        yield scene


COMMENTS = f"/repos/{SHOP}/issues/1/comments"


async def test_the_app_comments_and_edits_as_its_bot(scene: Scene) -> None:
    """What the App posts and edits stands in the thread under the bot's name, with every earlier body kept."""
    token = await scene.token()
    posted = await scene.call("POST", COMMENTS, token, json={"body": "Working on it"})
    assert posted.status_code == 201
    assert posted.json()["user"]["login"] == "ove[bot]"
    assert posted.json()["performed_via_github_app"]["slug"] == "ove"
    path = f"/repos/{SHOP}/issues/comments/{posted.json()['id']}"
    edited = await scene.call("PATCH", path, token, json={"body": "Done"})
    assert (edited.status_code, edited.json()["body"]) == (200, "Done")
    [comment] = scene.github.thread(SHOP, 1)
    assert (comment.login, comment.history) == ("ove[bot]", ["Working on it", "Done"])
    assert posted.json()["html_url"] == f"{scene.github.server_url}/acme/shop/issues/1#issuecomment-{comment.id}"


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'{"body": "' + b"x" * 65_537 + b'"}', 422),
        (b'{"body": "  "}', 422),
        (b"{}", 422),
        (b'{"body": 5}', 422),
        (b'["body"]', 400),
        (b'{"body": ', 400),
    ],
)
async def test_a_comment_of_the_wrong_shape_is_refused(scene: Scene, content: bytes, status: int) -> None:
    """Too long, blank, missing, of another type: 422; not a JSON object: 400; and nothing is posted."""
    answer = await scene.call("POST", COMMENTS, await scene.token(), content=content)
    assert answer.status_code == status
    assert scene.github.thread(SHOP, 1) == []


async def test_the_longest_comment_fits(scene: Scene) -> None:
    """65,536 characters are accepted."""
    answer = await scene.call("POST", COMMENTS, await scene.token(), json={"body": "é" * 65_536})
    assert answer.status_code == 201


async def test_refusals_say_what_was_wrong(scene: Scene) -> None:
    """A 422 carries GitHub's message, the errors and the page of the documentation."""
    answer = await scene.call("POST", COMMENTS, await scene.token(), json={"body": "x" * 65_537})
    assert answer.json() == {
        "message": "Validation Failed",
        "errors": [
            {
                "resource": "IssueComment",
                "code": "unprocessable",
                "field": "data",
                "message": "Body is too long (maximum is 65536 characters)",
            }
        ],
        "documentation_url": "https://docs.github.com/rest/issues/comments#create-an-issue-comment",
        "status": "422",
    }


async def test_comments_come_in_pages_and_since(scene: Scene) -> None:
    """`per_page` and `page` cut the list, Link leads on, and `since` leaves out what was not touched after it."""
    github, token = scene.github, await scene.token()
    for number in range(5):
        github.clock.advance(60)
        github.comment(SHOP, 1, "bob", f"comment {number}")
    second = await scene.call("GET", f"{COMMENTS}?per_page=2&page=2", token)
    assert [one["body"] for one in second.json()] == ["comment 2", "comment 3"]
    assert set(second.links) == {"prev", "first", "next", "last"}
    followed = await scene.client.get(second.links["next"]["url"], headers={"Authorization": f"Bearer {token}"})
    assert [one["body"] for one in followed.json()] == ["comment 4"]
    assert set(followed.links) == {"prev", "first"}
    since = github.thread(SHOP, 1)[3].updated_at.isoformat().replace("+00:00", "Z")
    late = await scene.call("GET", f"{COMMENTS}?since={since}", token)
    assert [one["body"] for one in late.json()] == ["comment 3", "comment 4"]
    assert (await scene.call("GET", f"{COMMENTS}?since=yesterday", token)).status_code == 422


async def test_a_deleted_comment_is_gone(scene: Scene) -> None:
    """After DELETE the comment is neither in the thread nor found, and cannot be edited."""
    token = await scene.token()
    path = (
        f"/repos/{SHOP}/issues/comments/{(await scene.call('POST', COMMENTS, token, json={'body': 'x'})).json()['id']}"
    )
    assert (await scene.call("DELETE", path, token)).status_code == 204
    assert (await scene.call("GET", path, token)).status_code == 404
    assert (await scene.call("PATCH", path, token, json={"body": "y"})).status_code == 404
    assert scene.github.thread(SHOP, 1) == []


async def test_a_comment_belongs_to_one_repository(scene: Scene) -> None:
    """A comment's id under another repository's path is 404."""
    scene.github.create_repository("acme/second")
    scene.github.install(scene.app, "acme/second")
    comment = scene.github.comment(SHOP, 1, "bob", "hello")
    answer = await scene.call("GET", f"/repos/acme/second/issues/comments/{comment.id}", await scene.token())
    assert answer.status_code == 404


async def test_reactions_are_made_once(scene: Scene) -> None:
    """The first 👀 answers 201, the same again 200 with the same id; taken back, it is gone."""
    github, token = scene.github, await scene.token()
    comment = github.comment(SHOP, 1, "bob", "@ove fix it")
    path = f"/repos/{SHOP}/issues/comments/{comment.id}/reactions"
    first = await scene.call("POST", path, token, json={"content": "eyes"})
    again = await scene.call("POST", path, token, json={"content": "eyes"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert github.reactions(comment) == [("ove[bot]", "eyes")]
    assert (await scene.call("DELETE", f"{path}/{first.json()['id']}", token)).status_code == 204
    assert github.reactions(comment) == []


async def test_reactions_have_eight_kinds(scene: Scene) -> None:
    """Another content than GitHub's eight is 422, on issues as on comments."""
    answer = await scene.call("POST", f"/repos/{SHOP}/issues/1/reactions", await scene.token(), json={"content": "🎉"})
    assert answer.status_code == 422


async def test_nobody_takes_back_the_reaction_of_another(scene: Scene) -> None:
    """The App cannot delete a person's reaction, and can list it by kind."""
    token = await scene.token()
    reaction = scene.github.react(scene.github.issue(SHOP, 1), "bob", "heart")
    path = f"/repos/{SHOP}/issues/1/reactions"
    assert (await scene.call("DELETE", f"{path}/{reaction.id}", token)).status_code == 403
    hearts = await scene.call("GET", f"{path}?content=heart", token)
    rockets = await scene.call("GET", f"{path}?content=rocket", token)
    assert ([one["user"]["login"] for one in hearts.json()], rockets.json()) == (["bob"], [])


async def test_a_tick_changes_one_box(scene: Scene) -> None:
    """Ticking marks the open box that holds the words and leaves every other line alone; unticking takes it back."""
    github = scene.github
    body = "Which?\n\n- [x] **1. Half even**\n- [ ] **2. Half up**: as today\n- [ ] Half down"
    comment = github.comment(SHOP, 1, "bob", body)
    github.tick(comment.id, "alice", "Half up")
    assert comment.body == body.replace("- [ ] **2.", "- [x] **2.")
    github.untick(comment.id, "alice", "Half up")
    assert comment.body == body
    with pytest.raises(Refused, match="no box to click"):
        github.tick(comment.id, "alice", "Half even")


async def test_people_do_only_what_they_may(scene: Scene) -> None:
    """Without write access nobody edits, ticks or deletes another's comment, closes, labels or pushes."""
    github = scene.github
    comment = github.comment(SHOP, 1, "alice", "- [ ] one")
    deeds: list[Callable[[], object]] = [
        lambda: github.edit_comment(comment.id, "carol", "mine now"),
        lambda: github.tick(comment.id, "bob", "one"),
        lambda: github.delete_comment(comment.id, "bob"),
        lambda: github.close_issue(SHOP, 1, "bob"),
        lambda: github.add_label(SHOP, 1, "bob", "bug"),
    ]
    for deed in deeds:
        with pytest.raises(Refused):
            deed()
    with pytest.raises(Refused):
        github.push_commit(SHOP, "main", "bob", {"cart.py": "bob was here\n"}, "Push")
    assert comment.history == ["- [ ] one"]
    assert github.issue(SHOP, 1).state == "open"
    assert len(github.log(SHOP, "main")) == 1


async def test_strangers_do_not_see_private_repositories() -> None:
    """In a private repository somebody without a role cannot even comment."""
    async with setting(private=True) as scene:
        scene.github.open_issue(SHOP, "bob", "Wrong total")
        with pytest.raises(Refused, match="404"):
            scene.github.comment(SHOP, 1, "carol", "hello")


@pytest.mark.parametrize(
    ("role", "permission"),
    [
        ("admin", "admin"),
        ("maintain", "write"),
        ("write", "write"),
        ("triage", "read"),
        ("read", "read"),
        ("none", "read"),
    ],
)
async def test_permissions_are_told_in_both_words(scene: Scene, role: str, permission: str) -> None:
    """`permission` maps the five roles to the old words, `role_name` is exact; a public repository is read by all."""
    scene.github.grant(SHOP, "carol", role)  # type: ignore[arg-type]
    answer = await scene.call("GET", f"/repos/{SHOP}/collaborators/carol/permission", await scene.token())
    assert answer.json()["permission"] == permission
    assert answer.json()["role_name"] == ("read" if role == "none" else role)
    assert answer.json()["user"]["id"] == scene.github.user("carol").id


@pytest.mark.parametrize("login", ["nobody", "ove[bot]", "acme"])
async def test_only_people_have_permissions(scene: Scene, login: str) -> None:
    """Asked for the permission of somebody unknown, a bot or an organisation, GitHub says 404."""
    answer = await scene.call("GET", f"/repos/{SHOP}/collaborators/{login}/permission", await scene.token())
    assert (answer.status_code, answer.json()["message"]) == (404, f"{login} is not a user")


async def test_association_and_permission_are_two_things(scene: Scene) -> None:
    """author_association follows the role until it is set apart, and the permission stays what it was."""
    github = scene.github
    of_alice = github.comment(SHOP, 1, "alice", "hello")
    of_carol = github.comment(SHOP, 1, "carol", "hello")
    github.set_author_association(SHOP, "alice", "NONE")
    github.set_author_association(SHOP, "carol", "MEMBER")
    listed = (await scene.call("GET", COMMENTS, await scene.token())).json()
    assert {one["id"]: one["author_association"] for one in listed} == {of_alice.id: "NONE", of_carol.id: "MEMBER"}
    answer = await scene.call("GET", f"/repos/{SHOP}/collaborators/alice/permission", await scene.token())
    assert answer.json()["permission"] == "write"


async def test_bots_are_users_too(scene: Scene) -> None:
    """GET /users/slug[bot] finds the App's bot, encoded or not; an unknown login is 404."""
    for name in ("ove[bot]", "ove%5Bbot%5D"):
        answer = await scene.call("GET", f"/users/{name}", await scene.token())
        assert (answer.json()["id"], answer.json()["type"]) == (scene.app.bot.id, "Bot")
    assert (await scene.call("GET", "/users/nobody", await scene.token())).status_code == 404
