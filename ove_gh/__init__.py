"""ove-gh: a GitHub App that lets people drive Claude Code from issue and pull-request comments."""

__version__ = "0.1.0"
