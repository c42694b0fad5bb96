"""The REST API's door: checks every request the way GitHub does, finds the endpoint, answers in JSON."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.convertors import Convertor
from starlette.responses import Response
from starlette.routing import compile_path

from ove_gh.demo.github import (
    api_actions,
    api_apps,
    api_checks,
    api_issues,
    api_pulls,
    api_repositories,
    api_reviews,
    api_search,
)
from ove_gh.demo.github.access import Caller, check_permission, identify
from ove_gh.demo.github.endpoints import Answer, Call, Endpoint, Resource
from ove_gh.demo.github.faults import Request
from ove_gh.demo.github.limits import RateLimits
from ove_gh.demo.github.records import Repository
from ove_gh.demo.github.refusals import Refused, bad_credentials, not_found
from ove_gh.demo.github.world import World

API_VERSION = "2022-11-28"
"""The one version that Enterprise Server up to 3.20 speaks, which this server plays.

https://docs.github.com/en/rest/about-the-rest-api/api-versions
"""

_NO_USER_AGENT = (
    "Request forbidden by administrative rules. Please make sure your request has a User-Agent header"
    " (https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required)."
)

Route = tuple[re.Pattern[str], dict[str, Convertor[Any]], Endpoint]


class Api:
    """Everything below the API's prefix."""

    def __init__(self, world: World) -> None:
        self.versions = {API_VERSION}
        self.limits = RateLimits(world.clock)
        self._world = world
        endpoints = (
            *api_actions.ENDPOINTS,
            *api_apps.ENDPOINTS,
            *api_checks.ENDPOINTS,  # before those of repositories: a commit may be named by a branch with slashes
            *api_issues.ENDPOINTS,
            *api_pulls.ENDPOINTS,
            *api_repositories.ENDPOINTS,
            *api_reviews.ENDPOINTS,
            *api_search.ENDPOINTS,
            self.limits.endpoint(),
        )
        self._routes = [_route(endpoint) for endpoint in endpoints]

    def answer(self, request: Request, headers: Mapping[str, str]) -> Response:
        """Answer one request; nothing else happens in between."""
        if not headers.get("user-agent"):
            return Response(_NO_USER_AGENT, 403, media_type="text/html")
        docs, caller, extra = "", Caller(), {"X-GitHub-Request-Id": uuid.uuid4().hex[:20].upper()}
        resource: Resource = "core"
        try:
            self._check_version(headers, extra)
            caller = self._identify(request, headers)
            endpoint, params = self._find(request)
            docs, resource = endpoint.docs, endpoint.resource
            if endpoint.door == "installation":
                extra["X-Accepted-GitHub-Permissions"] = endpoint.needs
            answer = self._call(request, headers, caller, endpoint, params)
        except Refused as refusal:
            answer = Answer(refusal.as_json(docs), refusal.status, refusal.headers)
        return _response(answer, extra | self.limits.headers(caller, resource))

    def _check_version(self, headers: Mapping[str, str], extra: dict[str, str]) -> None:
        version = headers.get("x-github-api-version", API_VERSION)
        if version not in self.versions:
            raise Refused(400, f"{version} is not a supported API version: {', '.join(sorted(self.versions))}.")
        extra |= {"X-GitHub-Api-Version-Selected": version, "X-GitHub-Media-Type": "github.v3; format=json"}

    def _identify(self, request: Request, headers: Mapping[str, str]) -> Caller:
        request.token = "bad"
        caller = identify(self._world, headers.get("authorization"))
        app = caller.token.installation.app if caller.token else caller.app
        request.token = "installation" if caller.token else "app" if caller.app else "none"
        request.by = app.slug if app else ""
        return caller

    def _find(self, request: Request) -> tuple[Endpoint, dict[str, Any]]:
        for pattern, convertors, endpoint in self._routes:
            found = pattern.match(request.path)
            if found and endpoint.method == request.method:
                return endpoint, {name: convertors[name].convert(text) for name, text in found.groupdict().items()}
        raise not_found()

    def _call(
        self, request: Request, headers: Mapping[str, str], caller: Caller, endpoint: Endpoint, params: dict[str, Any]
    ) -> Answer:
        if endpoint.path != "/rate_limit":
            self.limits.count(caller, endpoint.resource)
        _check_door(endpoint, caller)
        repository = self._repository(endpoint, caller, params)
        if endpoint.door == "installation" and caller.token:
            check_permission(caller.token, endpoint.needs)
        call = Call(
            world=self._world,
            caller=caller,
            path=request.path,
            params=params,
            query=request.parameters,
            headers=headers,
            raw_body=request.body,
            found_repository=repository,
        )
        return endpoint.handler(call)

    def _repository(self, endpoint: Endpoint, caller: Caller, params: dict[str, Any]) -> Repository | None:
        """The repository that the path names: for a token only if it is one of its own, as on a private one."""
        if "owner" not in params:
            return None
        repository = self._world.repository(f"{params['owner']}/{params['repo']}")
        if endpoint.door == "installation" and not (caller.token and caller.token.covers(repository)):
            raise not_found()
        return repository


def _route(endpoint: Endpoint) -> Route:
    pattern, _, convertors = compile_path(endpoint.path)
    return pattern, convertors, endpoint


def _check_door(endpoint: Endpoint, caller: Caller) -> None:
    if endpoint.door == "app" and caller.app is None:
        raise Refused(401, "A JSON web token could not be decoded")
    if endpoint.door == "installation" and caller.token is None:
        raise bad_credentials() if caller.app else Refused(401, "Requires authentication")


def _response(answer: Answer, extra: Mapping[str, str]) -> Response:
    headers = {**extra, **answer.headers}
    if answer.content is None:
        return Response(status_code=answer.status, headers=headers)
    if isinstance(answer.content, bytes):
        return Response(answer.content, answer.status, headers)
    headers["Content-Type"] = "application/json; charset=utf-8"
    return Response(json.dumps(answer.content, ensure_ascii=False).encode(), answer.status, headers)
