"""In which forms a caller wants the body of a comment: as Markdown, as text, as HTML.

https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api#media-types
"""

from __future__ import annotations

import re

from ove_gh.demo.github.attachments import sign
from ove_gh.demo.github.endpoints import Call
from ove_gh.demo.github.records import Repository
from ove_gh.demo.github.rendering import plain, render
from ove_gh.demo.github.shapes import Json

_ACCEPT = re.compile(
    r"application/vnd\.github(?:-commitcomment)?(?:\.v3)?\.(?P<form>raw|text|html|full|diff|text-match)(?:\+json)?(?=[\s,;]|$)"
)


def form(call: Call) -> str:
    """The form that the Accept header asks for: raw (when it asks for none), text, html, full, diff or text-match."""
    found = _ACCEPT.search(call.headers.get("accept", ""))
    return found["form"] if found else "raw"


def with_body(call: Call, repository: Repository, shape: Json) -> Json:
    """An issue, a pull request, a comment or a review, with its body in the forms that the caller wants."""
    wanted = form(call)
    if wanted not in ("text", "html", "full"):
        return shape
    html = render(shape["body"] or "", lambda address: sign(call.world, repository, address))
    forms = {"text": {"body_text": plain(html)}, "html": {"body_html": html}}
    if wanted == "full":
        return shape | forms["text"] | forms["html"]
    return {name: value for name, value in shape.items() if name != "body"} | forms[wanted]
