"""Takes secrets out of what people may read; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Redaction:
    """`hidden` are the secrets. Redact before cutting: half a secret would not be found."""

    def __init__(self, *hidden: str) -> None:
        self._hidden = [secret for secret in hidden if secret]

    def text(self, text: str) -> str:
        """The text with an ellipsis for each secret."""
        for secret in self._hidden:
            text = text.replace(secret, "…")
        return text

    def arguments(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """A tool's arguments, with every text in them redacted."""
        return {self.text(str(name)): self._value(value) for name, value in arguments.items()}

    def _value(self, value: Any) -> Any:
        match value:
            case str():
                return self.text(value)
            case Mapping():
                return self.arguments(value)
            case list():
                return [self._value(each) for each in value]
        return value
