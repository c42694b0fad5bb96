"""Setting the scene: accounts, repositories, Apps, installations, roles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Literal

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ove_gh.demo.github.bare import BareRepository
from ove_gh.demo.github.check_records import ACTIONS
from ove_gh.demo.github.happenings import Kind
from ove_gh.demo.github.records import Actor, App, Installation, Repository, Role, User
from ove_gh.demo.github.refusals import not_found, unprocessable
from ove_gh.demo.github.world import World

_PERMISSIONS_FOR = {
    "check_run": {"checks"},
    "check_suite": {"checks"},
    "fork": {"contents"},
    "issue_comment": {"issues", "pull_requests"},
    "issues": {"issues"},
    "pull_request": {"pull_requests"},
    "pull_request_review": {"pull_requests"},
    "pull_request_review_comment": {"pull_requests"},
    "pull_request_review_thread": {"pull_requests"},
    "push": {"contents"},
    "repository": {"metadata"},
    "status": {"statuses"},
    "workflow_run": {"actions"},
}
"""An App may subscribe to an event only with one of these permissions; other events cannot be subscribed to here."""


def create_user(
    world: World, login: str, kind: Literal["User", "Bot", "Organization"], name: str | None = None
) -> User:
    """A new account; raises Refused when the login is taken."""
    if login.lower() in world.users:
        raise unprocessable("User", "Login is already taken", field="login")
    user = User(next(world.ids.user), login, kind, world.clock.now(), name)
    world.users[login.lower()] = user
    return user


def create_repository(
    world: World, full_name: str, files: Mapping[str, str | bytes], default_branch: str, private: bool
) -> Repository:
    """A new repository with one real commit; an owner that does not exist is made, as an organisation."""
    owner_login, _, name = full_name.partition("/")
    if full_name.lower() in world.repositories:
        raise unprocessable("Repository", "name already exists on this account", field="name")
    owner = world.users.get(owner_login.lower()) or create_user(world, owner_login, "Organization")
    now = world.clock.now()
    git = BareRepository(world.folder / f"{owner.login}/{name}.git")
    git.create(default_branch)
    git.commit(default_branch, files, "Initial commit", owner.signature(now))
    repository = Repository(next(world.ids.repository), owner, name, private, default_branch, git, now, now)
    repository.announced_refs = git.refs()
    world.repositories[full_name.lower()] = repository
    return repository


def fork(world: World, actor: Actor, repository: Repository) -> Repository:
    """A person's copy of a repository, with all its branches; who has one already gets that."""
    if not actor.may(repository, "read"):
        raise not_found()
    full_name = f"{actor.user.login}/{repository.name}"
    held = world.repositories.get(full_name.lower())
    if held is not None and held.parent is repository:
        return held
    if held is not None:
        raise unprocessable("Repository", "name already exists on this account", field="name")
    now = world.clock.now()
    git = BareRepository(world.folder / f"{full_name}.git")
    git.create(repository.default_branch)
    git.copy_branches(repository.git)
    made = Repository(
        next(world.ids.repository),
        actor.user,
        repository.name,
        repository.private,
        repository.default_branch,
        git,
        now,
        now,
        parent=repository,
    )
    made.announced_refs = git.refs()
    world.repositories[full_name.lower()] = made
    world.announce("fork", None, repository, actor.user, forkee=world.shapes.repository(made) | {"public": True})
    world.tell(Kind.REPOSITORY_FORKED, actor, repository, None, full_name, made)
    return made


def create_app(
    world: World,
    slug: str,
    name: str,
    permissions: Mapping[str, str],
    events: Iterable[str],
    webhook_url: str | None,
    webhook_secret: str,
    owner: User,
) -> App:
    """A new App with a key and a bot account; raises Refused for an event that its permissions do not allow."""
    for event in events:
        if not _PERMISSIONS_FOR.get(event, set()) & {"metadata", *permissions}:
            raise unprocessable("Integration", f"Default events unsupported: {event}", field="default_events")
    bot = create_user(world, f"{slug}[bot]", "Bot", f"{slug}[bot]")
    bot.app_slug = slug
    private_pem, public_pem = _key_pair(len(world.apps))
    number = next(world.ids.app)
    app = App(
        app_id=number,
        slug=slug,
        name=name,
        owner=owner,
        bot=bot,
        permissions={"metadata": "read", **permissions},
        events=tuple(events),
        webhook_url=None,
        webhook_secret=webhook_secret,
        private_key_pem=private_pem,
        public_key_pem=public_pem,
        client_id=f"Iv23li{number:014x}",
        hook_id=next(world.ids.hook),
        created_at=world.clock.now(),
    )
    world.apps.append(app)
    set_webhook_url(world, app, webhook_url)
    return app


def check_app(world: World, slug: str) -> App:
    """The App of that slug, to report checks in its name; one that nobody made is made now, and never calls the API."""
    known = next((app for app in world.apps if app.slug == slug), None) or world.check_apps.get(slug)
    if known is None:
        owner = world.users.get("app-owner") or create_user(world, "app-owner", "User")
        bot = create_user(world, f"{slug}[bot]", "Bot", f"{slug}[bot]")
        known = _check_app(world, next(world.ids.app), slug, slug, owner, bot)
    return known


def create_actions_app(world: World) -> App:
    """GitHub Actions: it is on every repository, and its ids are those that it has on github.com."""
    owner = User(9_919, "github", "Organization", world.clock.now(), "GitHub")
    bot = User(41_898_282, f"{ACTIONS}[bot]", "Bot", world.clock.now(), f"{ACTIONS}[bot]")
    world.users |= {one.login: one for one in (owner, bot)}
    return _check_app(world, 15_368, ACTIONS, "GitHub Actions", owner, bot)


def _check_app(world: World, number: int, slug: str, name: str, owner: User, bot: User) -> App:
    bot.app_slug = slug
    app = App(
        app_id=number,
        slug=slug,
        name=name,
        owner=owner,
        bot=bot,
        permissions={"metadata": "read", "checks": "write", "contents": "read", "statuses": "write"},
        events=("check_run", "check_suite"),
        webhook_url=None,
        webhook_secret="",
        private_key_pem="",
        public_key_pem="",
        client_id=f"Iv23li{number:014x}",
        hook_id=next(world.ids.hook),
        created_at=world.clock.now(),
    )
    world.check_apps[slug] = app
    return app


@cache
def _key_pair(ordinal: int) -> tuple[str, str]:  # noqa: ARG001 - each App of a world has its own, worlds may share them
    """A private and a public key in PEM; kept, since making one takes a tenth of a second."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def set_webhook_url(world: World, app: App, url: str | None) -> None:
    """Point an App's webhooks somewhere, and ping it there; None turns them off."""
    app.webhook_url = url
    if url is None:
        return
    hook = {
        "type": "App",
        "id": app.hook_id,
        "name": "web",
        "active": True,
        "events": list(app.events),
        "config": hook_config(app),
        "updated_at": world.shapes.app(app)["updated_at"],
        "created_at": world.shapes.app(app)["created_at"],
        "app_id": app.app_id,
        "deliveries_url": f"{world.shapes.api_url}/app/hook/deliveries",
    }
    world.announce_to(app, "ping", {"zen": "Keep it logically awesome.", "hook_id": app.hook_id, "hook": hook}, None)


def hook_config(app: App) -> dict[str, str]:
    """An App's webhook settings as the API shows them: never with the secret."""
    return {"content_type": "json", "insecure_ssl": "0", "secret": "********", "url": app.webhook_url or ""}


def install(world: World, app: App, repository: Repository) -> Installation:
    """Give an App one more repository; the first of an account makes an installation."""
    held = next(
        (one for one in world.installations.values() if one.app is app and one.account is repository.owner), None
    )
    installer = repository.owner
    if held is None:
        now = world.clock.now()
        held = Installation(next(world.ids.installation), app, installer, dict(app.permissions), app.events, now)
        world.installations[held.id] = held
        held.repositories.append(repository)
        _announce_installation(world, held, "created")
    elif repository not in held.repositories:
        held.repositories.append(repository)
        _announce_repositories(world, held, [repository], [])
    world.tell(Kind.APP_INSTALLED, Actor(installer), repository, None, f"{app.slug} installed", held)
    return held


def uninstall(world: World, app: App, repository: Repository) -> None:
    """Take a repository from an App; without its last one the installation ends, and so do its tokens."""
    held = world.installation_on(app, repository)
    if held is None:
        return
    if held.repositories == [repository]:
        _announce_installation(world, held, "deleted")
        del world.installations[held.id]
        world.tokens = {secret: token for secret, token in world.tokens.items() if token.installation is not held}
    else:
        _announce_repositories(world, held, [], [repository])
    held.repositories.remove(repository)
    world.tell(Kind.APP_UNINSTALLED, Actor(repository.owner), repository, None, f"{app.slug} uninstalled", held)


def _announce_installation(world: World, installation: Installation, action: str) -> None:
    payload = {
        "action": action,
        "installation": world.shapes.installation(installation),
        "repositories": [world.shapes.listed_repository(one) for one in installation.repositories],
        "requester": None,
        "sender": world.shapes.user(installation.account),
    }
    world.announce_to(installation.app, "installation", payload, installation)


def _announce_repositories(
    world: World, installation: Installation, added: list[Repository], removed: list[Repository]
) -> None:
    payload = {
        "action": "added" if added else "removed",
        "installation": world.shapes.installation(installation),
        "repository_selection": "selected",
        "repositories_added": [world.shapes.listed_repository(one) for one in added],
        "repositories_removed": [world.shapes.listed_repository(one) for one in removed],
        "requester": None,
        "sender": world.shapes.user(installation.account),
    }
    world.announce_to(installation.app, "installation_repositories", payload, installation)


def grant(repository: Repository, user: User, role: Role) -> None:
    """Give somebody a role in a repository; `none` takes it away."""
    repository.roles[user.id] = role
