"""The API for Apps: who am I, tokens, deliveries, and accounts."""

from __future__ import annotations

from urllib.parse import urlencode

from ove_gh.demo.github.access import mint
from ove_gh.demo.github.accounts import hook_config
from ove_gh.demo.github.clock import stamp
from ove_gh.demo.github.deliveries import Delivery
from ove_gh.demo.github.endpoints import Answer, Call, Endpoint, page_of, paged
from ove_gh.demo.github.records import Installation, Repository
from ove_gh.demo.github.refusals import Refused, not_found
from ove_gh.demo.github.shapes import Json

_NO_SUCH_REPOSITORY = (
    "There is at least one repository that does not exist or is not accessible to the parent installation."
)


def get_app(call: Call) -> Answer:
    """Who the App is."""
    installed = sum(1 for one in call.world.installations.values() if one.app is call.app)
    return Answer(call.world.shapes.app(call.app) | {"installations_count": installed})


def list_installations(call: Call) -> Answer:
    """The App's installations."""
    own = [one for one in call.world.installations.values() if one.app is call.app]
    return paged(call, own, call.world.shapes.installation)


def get_installation(call: Call) -> Answer:
    """One installation of the App's."""
    return Answer(call.world.shapes.installation(_own_installation(call)))


def get_repository_installation(call: Call) -> Answer:
    """The App's installation on a repository; 404 where it has none."""
    installation = call.world.installation_on(call.app, call.repository)
    if installation is None:
        raise not_found()
    return Answer(call.world.shapes.installation(installation))


def _own_installation(call: Call) -> Installation:
    installation = call.world.installations.get(call.params["installation_id"])
    if installation is None or installation.app is not call.app:
        raise not_found()
    return installation


def create_token(call: Call) -> Answer:
    """A new installation token, for chosen repositories and permissions or for all there are."""
    installation, body = _own_installation(call), call.body()
    chosen = _chosen(installation, body.listed("repositories", str), body.listed("repository_ids", int))
    token = mint(call.world, installation, body.mapping("permissions"), chosen)
    content: Json = {
        "token": token.secret,
        "expires_at": stamp(token.expires_at),
        "permissions": token.permissions,
        "repository_selection": "selected",
    }
    if token.repositories is not None:
        content["repositories"] = [call.world.shapes.repository(one) for one in token.repositories]
    return Answer(content, 201)


def _chosen(installation: Installation, names: list[str] | None, ids: list[int] | None) -> list[Repository] | None:
    if len(names or []) + len(ids or []) > 500:
        raise Refused(422, "The number of repositories is limited to 500.")
    given = installation.repositories
    by_name = {one.name.lower(): one for one in given}
    by_id = {one.id: one for one in given}
    found = [by_name.get(name.lower()) for name in names or []] + [by_id.get(number) for number in ids or []]
    chosen = [one for one in found if one is not None]
    if len(chosen) != len(found):
        raise Refused(422, _NO_SUCH_REPOSITORY)
    return chosen or None


def list_token_repositories(call: Call) -> Answer:
    """The repositories that the token opens."""
    token = call.token
    given = [one for one in token.installation.repositories if token.covers(one)]
    page, headers = page_of(call, given)
    shapes = [call.world.shapes.repository(one) for one in page]
    content = {"total_count": len(given), "repository_selection": "selected", "repositories": shapes}
    return Answer(content, headers=headers)


def get_user(call: Call) -> Answer:
    """An account; a bot's name ends in `[bot]`."""
    return Answer(call.world.shapes.public_user(call.world.user(call.params["login"])))


def get_hook_config(call: Call) -> Answer:
    """Where the App's webhooks go."""
    return Answer(hook_config(call.app))


def list_deliveries(call: Call) -> Answer:
    """Newest first; `status` is success or failure, `cursor` the id of the first delivery of the page."""
    wanted, cursor = call.query.get("status"), call.query.get("cursor", "")
    if wanted not in (None, "success", "failure") or (cursor and not cursor.isdigit()):
        raise Refused(422, "Invalid request.")
    found = [
        one
        for one in call.world.deliveries.of(call.app)
        if wanted in (None, "success" if one.succeeded else "failure") and (not cursor or one.id <= int(cursor))
    ]
    page, _ = page_of(call, found)
    headers = {}
    if len(found) > len(page):
        query = urlencode({**call.query, "cursor": found[len(page)].id})
        headers["Link"] = f'<{call.world.shapes.api_url}{call.path}?{query}>; rel="next"'
    return Answer([one.listed() for one in page], headers=headers)


def get_delivery(call: Call) -> Answer:
    """One delivery, with what was sent and what came back."""
    return Answer(_own_delivery(call).in_full())


def attempt_delivery(call: Call) -> Answer:
    """Deliver it once more, under the same GUID; the answer does not wait for that."""
    call.world.deliveries.send(_own_delivery(call).webhook, redelivery=True)
    return Answer({}, 202)


def _own_delivery(call: Call) -> Delivery:
    for delivery in call.world.deliveries.of(call.app):
        if delivery.id == call.params["delivery_id"]:
            return delivery
    raise not_found()


_HOOKS = "apps/webhooks"
ENDPOINTS = (
    Endpoint("GET", "/app", get_app, "app", "apps/apps#get-the-authenticated-app"),
    Endpoint(
        "GET", "/app/installations", list_installations, "app", "apps/apps#list-installations-for-the-authenticated-app"
    ),
    Endpoint(
        "GET",
        "/app/installations/{installation_id:int}",
        get_installation,
        "app",
        "apps/apps#get-an-installation-for-the-authenticated-app",
    ),
    Endpoint(
        "POST",
        "/app/installations/{installation_id:int}/access_tokens",
        create_token,
        "app",
        "apps/apps#create-an-installation-access-token-for-an-app",
    ),
    Endpoint(
        "GET",
        "/repos/{owner}/{repo}/installation",
        get_repository_installation,
        "app",
        "apps/apps#get-a-repository-installation-for-the-authenticated-app",
    ),
    Endpoint(
        "GET",
        "/installation/repositories",
        list_token_repositories,
        "installation",
        "apps/installations#list-repositories-accessible-to-the-app-installation",
    ),
    Endpoint("GET", "/users/{login}", get_user, "anyone", "users/users#get-a-user"),
    Endpoint("GET", "/app/hook/config", get_hook_config, "app", f"{_HOOKS}#get-a-webhook-configuration-for-an-app"),
    Endpoint("GET", "/app/hook/deliveries", list_deliveries, "app", f"{_HOOKS}#list-deliveries-for-an-app-webhook"),
    Endpoint(
        "GET",
        "/app/hook/deliveries/{delivery_id:int}",
        get_delivery,
        "app",
        f"{_HOOKS}#get-a-delivery-for-an-app-webhook",
    ),
    Endpoint(
        "POST",
        "/app/hook/deliveries/{delivery_id:int}/attempts",
        attempt_delivery,
        "app",
        f"{_HOOKS}#redeliver-a-delivery-for-an-app-webhook",
    ),
)
