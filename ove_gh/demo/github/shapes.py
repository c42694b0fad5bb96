"""How records look in GitHub's JSON, in REST answers and webhook payloads alike.

The fields are those of https://docs.github.com/en/rest, version 2022-11-28.
"""

from __future__ import annotations

import base64
from collections import Counter
from typing import Any
from urllib.parse import quote

from ove_gh.demo.github.bare import Commit, Comparison, FileChange, Signature
from ove_gh.demo.github.clock import stamp
from ove_gh.demo.github.records import (
    REACTIONS,
    App,
    Comment,
    Installation,
    Issue,
    Label,
    Pull,
    Reaction,
    Repository,
    User,
)

Json = dict[str, Any]

_REPOSITORY_LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}

_USER_LINKS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}


def node_id(prefix: str, number: int) -> str:
    """An opaque id of the kind that GraphQL uses: made from the number, the same each time."""
    return f"{prefix}_kwDO{base64.urlsafe_b64encode(number.to_bytes(8, 'big')).decode().rstrip('=')}"


class Shapes:
    """Turns records into JSON, with links that lead back to this server."""

    def __init__(self, server_url: str, api_url: str) -> None:
        self.server_url = server_url
        self.api_url = api_url

    # Accounts and Apps

    def user(self, user: User) -> Json:
        """An account in the form that most answers embed."""
        url = f"{self.api_url}/users/{quote(user.login)}"
        page = f"apps/{user.app_slug}" if user.app_slug else user.login
        links = {name: url + tail for name, tail in _USER_LINKS.items()}
        return {
            "login": user.login,
            "id": user.id,
            "node_id": node_id("U", user.id),
            "avatar_url": f"{self.server_url}/avatars/u/{user.id}?v=4",
            "gravatar_id": "",
            "url": url,
            "html_url": f"{self.server_url}/{page}",
            **links,
            "type": user.kind,
            "user_view_type": "public",
            "site_admin": False,
        }

    def public_user(self, user: User) -> Json:
        """The longer form that `GET /users/{login}` answers."""
        unknown = dict.fromkeys(("company", "location", "email", "hireable", "bio", "twitter_username"))
        counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
        times = {"created_at": stamp(user.created_at), "updated_at": stamp(user.created_at)}
        return self.user(user) | {"name": user.name, "blog": ""} | unknown | counts | times

    def app(self, app: App) -> Json:
        """An App."""
        return {
            "id": app.app_id,
            "client_id": app.client_id,
            "slug": app.slug,
            "node_id": node_id("A", app.app_id),
            "owner": self.user(app.owner),
            "name": app.name,
            "description": "",
            "external_url": f"{self.server_url}/apps/{app.slug}",
            "html_url": f"{self.server_url}/apps/{app.slug}",
            "created_at": stamp(app.created_at),
            "updated_at": stamp(app.created_at),
            "permissions": dict(app.permissions),
            "events": list(app.events),
        }

    def installation_node_id(self, installation: Installation) -> str:
        """The opaque id of an installation, which every webhook carries."""
        return node_id("IN", installation.id)

    def installation(self, installation: Installation) -> Json:
        """An installation."""
        url = f"{self.api_url}/app/installations/{installation.id}"
        return {
            "id": installation.id,
            "client_id": installation.app.client_id,
            "account": self.user(installation.account),
            "repository_selection": "selected",
            "access_tokens_url": f"{url}/access_tokens",
            "repositories_url": f"{self.api_url}/installation/repositories",
            "html_url": f"{self.server_url}/settings/installations/{installation.id}",
            "app_id": installation.app.app_id,
            "app_slug": installation.app.slug,
            "target_id": installation.account.id,
            "target_type": installation.account.kind,
            "permissions": dict(installation.permissions),
            "events": list(installation.events),
            "created_at": stamp(installation.created_at),
            "updated_at": stamp(installation.created_at),
            "single_file_name": None,
            "has_multiple_single_files": False,
            "single_file_paths": [],
            "suspended_by": None,
            "suspended_at": None,
        }

    # Repositories and what lies in them

    def repository_url(self, repository: Repository) -> str:
        """A repository's place in the API."""
        return f"{self.api_url}/repos/{repository.full_name}"

    def page(self, repository: Repository, tail: str = "") -> str:
        """A page of a repository, for people."""
        return f"{self.server_url}/{repository.full_name}{tail}"

    def repository(self, repository: Repository) -> Json:
        """A repository, as webhooks and lists carry it."""
        url, page = self.repository_url(repository), self.page(repository)
        host = self.server_url.partition("://")[2]
        waiting = sum(1 for issue in repository.issues.values() if issue.state == "open")
        return {
            "id": repository.id,
            "node_id": node_id("R", repository.id),
            "name": repository.name,
            "full_name": repository.full_name,
            "private": repository.private,
            "owner": self.user(repository.owner),
            "html_url": page,
            "description": None,
            "fork": repository.parent is not None,
            "url": url,
            **{name: url + tail for name, tail in _REPOSITORY_LINKS.items()},
            "created_at": stamp(repository.created_at),
            "updated_at": stamp(repository.pushed_at),
            "pushed_at": stamp(repository.pushed_at),
            "git_url": f"git://{host}/{repository.full_name}.git",
            "ssh_url": f"git@{host}:{repository.full_name}.git",
            "clone_url": f"{page}.git",
            "svn_url": page,
            "homepage": None,
            "size": 1,
            "stargazers_count": 0,
            "watchers_count": 0,
            "language": None,
            "has_issues": True,
            "has_projects": True,
            "has_downloads": True,
            "has_wiki": False,
            "has_pages": False,
            "has_discussions": False,
            "forks_count": 0,
            "mirror_url": None,
            "archived": False,
            "disabled": False,
            "open_issues_count": waiting,
            "license": None,
            "allow_forking": True,
            "is_template": False,
            "web_commit_signoff_required": False,
            "topics": [],
            "custom_properties": {},
            "visibility": "private" if repository.private else "public",
            "forks": 0,
            "open_issues": waiting,
            "watchers": 0,
            "default_branch": repository.default_branch,
        }

    def full_repository(self, repository: Repository) -> Json:
        """The form of `GET /repos/{owner}/{repo}`, which counts a little more."""
        full = self.repository(repository) | {"subscribers_count": 0, "network_count": 0}
        if repository.parent is None:
            return full
        return full | {"parent": self.repository(repository.parent), "source": self.repository(repository.parent)}

    def minimal_repository(self, repository: Repository) -> Json:
        """The form in which checks, statuses and workflow runs carry a repository."""
        url = self.repository_url(repository)
        return {
            "id": repository.id,
            "node_id": node_id("R", repository.id),
            "name": repository.name,
            "full_name": repository.full_name,
            "private": repository.private,
            "owner": self.user(repository.owner),
            "html_url": self.page(repository),
            "description": None,
            "fork": repository.parent is not None,
            "url": url,
            **{name: url + tail for name, tail in _REPOSITORY_LINKS.items()},
        }

    def listed_repository(self, repository: Repository) -> Json:
        """The short form that installation webhooks carry."""
        return {
            "id": repository.id,
            "node_id": node_id("R", repository.id),
            "name": repository.name,
            "full_name": repository.full_name,
            "private": repository.private,
        }

    def organization(self, owner: User) -> Json:
        """An owner that is an organisation, as webhooks carry it."""
        url = f"{self.api_url}/orgs/{owner.login}"
        tails = {"hooks": "/hooks", "issues": "/issues", "members": "/members{/member}", "repos": "/repos"}
        return {
            "login": owner.login,
            "id": owner.id,
            "node_id": node_id("O", owner.id),
            "url": url,
            "events_url": f"{url}/events",
            "public_members_url": f"{url}/public_members{{/member}}",
            **{f"{name}_url": url + tail for name, tail in tails.items()},
            "avatar_url": f"{self.server_url}/avatars/u/{owner.id}?v=4",
            "description": None,
        }

    def branch(self, repository: Repository, name: str, commit: Commit, author: User | None) -> Json:
        """A branch with its last commit."""
        url = f"{self.repository_url(repository)}/branches/{name}"
        checks = {"enforcement_level": "off", "contexts": [], "checks": []}
        return {
            "name": name,
            "commit": self.commit(repository, commit, author),
            "_links": {"self": url, "html": self.page(repository, f"/tree/{name}")},
            "protected": name in repository.protected,
            "protection": {"enabled": name in repository.protected, "required_status_checks": checks},
            "protection_url": f"{url}/protection",
        }

    def ref(self, repository: Repository, ref: str, sha: str) -> Json:
        """A ref and the commit it points at."""
        url = f"{self.repository_url(repository)}/git"
        return {
            "ref": ref,
            "node_id": node_id("REF", repository.id),
            "url": f"{url}/{ref}",
            "object": {"type": "commit", "sha": sha, "url": f"{url}/commits/{sha}"},
        }

    def commit(self, repository: Repository, commit: Commit, author: User | None) -> Json:
        """A commit of the REST API; `author` is the account that its e-mail address belongs to."""
        url = self.repository_url(repository)
        account = self.user(author) if author else None
        unsigned = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}
        return {
            "sha": commit.sha,
            "node_id": node_id("C", int(commit.sha[:12], 16)),
            "url": f"{url}/commits/{commit.sha}",
            "html_url": self.page(repository, f"/commit/{commit.sha}"),
            "comments_url": f"{url}/commits/{commit.sha}/comments",
            "commit": {
                "url": f"{url}/git/commits/{commit.sha}",
                "author": _signature(commit.author),
                "committer": _signature(commit.committer),
                "message": commit.message,
                "comment_count": 0,
                "tree": {"sha": commit.tree, "url": f"{url}/git/trees/{commit.tree}"},
                "verification": unsigned,
            },
            "author": account,
            "committer": account,
            "parents": [
                {"sha": one, "url": f"{url}/commits/{one}", "html_url": self.page(repository, f"/commit/{one}")}
                for one in commit.parents
            ],
        }

    def pushed_commit(self, repository: Repository, commit: Commit) -> Json:
        """A commit as `push` payloads carry it."""
        return {
            "id": commit.sha,
            "tree_id": commit.tree,
            "distinct": True,
            "message": commit.message,
            "timestamp": commit.committer.at.isoformat(),
            "url": self.page(repository, f"/commit/{commit.sha}"),
            "author": {"name": commit.author.name, "email": commit.author.email},
            "committer": {"name": commit.committer.name, "email": commit.committer.email},
            "added": list(commit.added),
            "removed": list(commit.removed),
            "modified": list(commit.modified),
        }

    def file_change(self, repository: Repository, change: FileChange, sha: str) -> Json:
        """A file of a pull request or comparison."""
        path = quote(change.path)
        shape: Json = {
            "sha": change.sha,
            "filename": change.path,
            "status": change.status,
            "additions": change.additions,
            "deletions": change.deletions,
            "changes": change.additions + change.deletions,
            "blob_url": self.page(repository, f"/blob/{sha}/{path}"),
            "raw_url": self.page(repository, f"/raw/{sha}/{path}"),
            "contents_url": f"{self.repository_url(repository)}/contents/{path}?ref={sha}",
        }
        if change.patch:
            shape["patch"] = change.patch
        if change.previous_path:
            shape["previous_filename"] = change.previous_path
        return shape

    def content(self, repository: Repository, path: str, ref: str, sha: str, kind: str, size: int) -> Json:
        """What file and directory entries of the contents API have in common."""
        url = f"{self.repository_url(repository)}/contents/{quote(path)}?ref={quote(ref)}"
        git_url = f"{self.repository_url(repository)}/git/{'trees' if kind == 'dir' else 'blobs'}/{sha}"
        page = self.page(repository, f"/{'tree' if kind == 'dir' else 'blob'}/{ref}/{quote(path)}")
        return {
            "name": path.rpartition("/")[2],
            "path": path,
            "sha": sha,
            "size": size,
            "url": url,
            "html_url": page,
            "git_url": git_url,
            "download_url": None if kind == "dir" else self.page(repository, f"/raw/{ref}/{quote(path)}"),
            "type": kind,
            "_links": {"self": url, "git": git_url, "html": page},
        }

    # Threads

    def reactions(self, url: str, reactions: list[Reaction]) -> Json:
        """The summary of reactions that issues and comments carry."""
        counted = Counter(reaction.content for reaction in reactions)
        return {"url": f"{url}/reactions", "total_count": len(reactions)} | {one: counted[one] for one in REACTIONS}

    def reaction(self, reaction: Reaction) -> Json:
        """One reaction."""
        return {
            "id": reaction.id,
            "node_id": node_id("REA", reaction.id),
            "user": self.user(reaction.user),
            "content": reaction.content,
            "created_at": stamp(reaction.created_at),
        }

    def label(self, repository: Repository, label: Label) -> Json:
        """A label."""
        return {
            "id": label.id,
            "node_id": node_id("LA", label.id),
            "url": f"{self.repository_url(repository)}/labels/{quote(label.name)}",
            "name": label.name,
            "color": label.color,
            "default": False,
            "description": label.description,
            "archived_at": None,
            "archived_by": None,
        }

    def comment(self, comment: Comment) -> Json:
        """A comment of an issue or a pull request."""
        repository, url = comment.repository, self.comment_url(comment)
        return {
            "url": url,
            "html_url": f"{self.thread_page(comment.issue)}#issuecomment-{comment.id}",
            "issue_url": f"{self.repository_url(repository)}/issues/{comment.issue.number}",
            "id": comment.id,
            "node_id": node_id("IC", comment.id),
            "user": self.user(comment.author),
            "created_at": stamp(comment.created_at),
            "updated_at": stamp(comment.updated_at),
            "author_association": repository.association_of(comment.author),
            "body": comment.body,
            "reactions": self.reactions(url, comment.reactions),
            "performed_via_github_app": self.app(comment.via) if comment.via else None,
        }

    def comment_url(self, comment: Comment) -> str:
        """A comment's place in the API."""
        return f"{self.repository_url(comment.repository)}/issues/comments/{comment.id}"

    def thread_page(self, issue: Issue) -> str:
        """The page of an issue or a pull request."""
        return self.page(issue.repository, f"/{'pull' if issue.pull else 'issues'}/{issue.number}")

    def issue(self, issue: Issue) -> Json:
        """An issue, or the conversation half of a pull request."""
        repository = issue.repository
        url = f"{self.repository_url(repository)}/issues/{issue.number}"
        shape = {
            "url": url,
            "repository_url": self.repository_url(repository),
            "labels_url": f"{url}/labels{{/name}}",
            "comments_url": f"{url}/comments",
            "events_url": f"{url}/events",
            "html_url": self.thread_page(issue),
            "id": issue.id,
            "node_id": node_id("PR" if issue.pull else "I", issue.id),
            "number": issue.number,
            "title": issue.title,
            "user": self.user(issue.author),
            "labels": [self.label(repository, label) for label in issue.labels],
            "state": issue.state,
            "locked": issue.locked,
            "assignee": None,
            "assignees": [],
            "milestone": None,
            "comments": len(issue.comments),
            "created_at": stamp(issue.created_at),
            "updated_at": stamp(issue.updated_at),
            "closed_at": stamp(issue.closed_at) if issue.closed_at else None,
            "author_association": repository.association_of(issue.author),
            "active_lock_reason": None,
            "body": issue.body,
            "closed_by": self.user(issue.closed_by) if issue.closed_by else None,
            "reactions": self.reactions(url, issue.reactions),
            "timeline_url": f"{url}/timeline",
            "performed_via_github_app": self.app(issue.via) if issue.via else None,
            "state_reason": issue.state_reason,
        }
        return shape | ({"draft": issue.pull.draft, "pull_request": self._pull_links(issue.pull)} if issue.pull else {})

    def _pull_links(self, pull: Pull) -> Json:
        page = self.thread_page(pull.issue)
        return {
            "url": f"{self.repository_url(pull.repository)}/pulls/{pull.number}",
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": stamp(pull.merged_at) if pull.merged_at else None,
        }

    def listed_pull(self, pull: Pull) -> Json:
        """A pull request as lists show it: without the numbers that take work to count."""
        issue, repository = pull.issue, pull.repository
        links, url = self._pull_links(pull), f"{self.repository_url(repository)}/pulls/{pull.number}"
        issue_url = f"{self.repository_url(repository)}/issues/{pull.number}"
        statuses = f"{self.repository_url(repository)}/statuses/{pull.head_sha}"
        hrefs = {
            "self": url,
            "html": links["html_url"],
            "issue": issue_url,
            "comments": f"{issue_url}/comments",
            "review_comments": f"{url}/comments",
            "review_comment": f"{self.repository_url(repository)}/pulls/comments{{/number}}",
            "commits": f"{url}/commits",
            "statuses": statuses,
        }
        return links | {
            "id": pull.id,
            "node_id": node_id("PR", pull.id),
            "issue_url": issue_url,
            "number": pull.number,
            "state": issue.state,
            "locked": issue.locked,
            "title": issue.title,
            "user": self.user(issue.author),
            "body": issue.body,
            "created_at": stamp(issue.created_at),
            "updated_at": stamp(issue.updated_at),
            "closed_at": stamp(issue.closed_at) if issue.closed_at else None,
            "merged_at": stamp(pull.merged_at) if pull.merged_at else None,
            "merge_commit_sha": pull.merge_commit_sha,
            "assignee": None,
            "assignees": [],
            "requested_reviewers": [self.user(user) for user in pull.requested_reviewers],
            "requested_teams": [],
            "labels": [self.label(repository, label) for label in issue.labels],
            "milestone": None,
            "draft": pull.draft,
            "commits_url": f"{url}/commits",
            "review_comments_url": f"{url}/comments",
            "review_comment_url": hrefs["review_comment"],
            "comments_url": f"{issue_url}/comments",
            "statuses_url": statuses,
            "head": self._pull_end(pull.head_repository, pull.head, pull.head_sha),
            "base": self._pull_end(repository, pull.base, pull.base_sha),
            "_links": {name: {"href": href} for name, href in hrefs.items()},
            "author_association": repository.association_of(issue.author),
            "auto_merge": None,
            "active_lock_reason": None,
        }

    def pull(self, pull: Pull, comparison: Comparison, mergeable: bool | None, review_comments: int) -> Json:
        """A pull request in full."""
        state = {True: "clean", False: "dirty", None: "unknown"}[mergeable]
        return self.listed_pull(pull) | {
            "merged": pull.merged,
            "mergeable": mergeable,
            "rebaseable": mergeable,
            "mergeable_state": state,
            "merged_by": self.user(pull.merged_by) if pull.merged_by else None,
            "comments": len(pull.issue.comments),
            "review_comments": review_comments,
            "maintainer_can_modify": pull.maintainer_can_modify,
            "commits": len(comparison.commits),
            "additions": sum(change.additions for change in comparison.files),
            "deletions": sum(change.deletions for change in comparison.files),
            "changed_files": len(comparison.files),
        }

    def _pull_end(self, repository: Repository, branch: str, sha: str) -> Json:
        return {
            "label": f"{repository.owner.login}:{branch}",
            "ref": branch,
            "sha": sha,
            "user": self.user(repository.owner),
            "repo": self.repository(repository),
        }


def _signature(signature: Signature) -> Json:
    return {"name": signature.name, "email": signature.email, "date": stamp(signature.at)}
