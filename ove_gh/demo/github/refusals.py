"""How GitHub says no: a status, a message, and what exactly was wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DOCS = "https://docs.github.com/rest"


class Refused(Exception):
    """GitHub refuses a deed, of a person or of an App.

    `status` and `message` are those of the REST API; `errors` is the list that accompanies `Validation Failed`, and
    `Unprocessable Entity`, where it holds sentences.
    https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
    """

    def __init__(
        self,
        status: int,
        message: str,
        errors: tuple[Mapping[str, str] | str, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {message} {list(errors) if errors else ''}".rstrip())
        self.status = status
        self.message = message
        self.errors = errors
        self.headers = dict(headers or {})

    def as_json(self, docs: str = "") -> dict[str, Any]:
        """The body of the answer; `docs` is the endpoint's page below https://docs.github.com/rest."""
        body: dict[str, Any] = {"message": self.message}
        if self.errors:
            body["errors"] = [error if isinstance(error, str) else dict(error) for error in self.errors]
        return body | {"documentation_url": f"{DOCS}/{docs}" if docs else DOCS, "status": str(self.status)}


def not_found(message: str = "Not Found") -> Refused:
    """404: it is not there, or the caller may not know that it is."""
    return Refused(404, message)


def bad_credentials() -> Refused:
    """401: the token is wrong, expired or revoked."""
    return Refused(401, "Bad credentials")


def not_accessible() -> Refused:
    """403: the App's token lacks the permission."""
    return Refused(403, "Resource not accessible by integration")


def invalid(resource: str, field: str, code: str = "invalid") -> Refused:
    """422 for one field, with one of GitHub's codes: missing, missing_field, invalid, already_exists."""
    return Refused(422, "Validation Failed", ({"resource": resource, "field": field, "code": code},))


def unprocessable(resource: str, message: str, *, code: str = "custom", field: str = "") -> Refused:
    """422 with a sentence of its own."""
    error = {"resource": resource, "code": code} | ({"field": field} if field else {}) | {"message": message}
    return Refused(422, "Validation Failed", (error,))


def malformed(message: str) -> Refused:
    """422 because the request's body does not have the documented shape."""
    return Refused(422, f"Invalid request.\n\n{message}")
