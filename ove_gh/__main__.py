"""`python -m ove_gh` is `ove-gh`."""

from ove_gh.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
