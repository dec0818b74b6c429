"""``gptoss-metal`` on the day that the tests fix: ``python -m tests.dated serve …``."""

from __future__ import annotations

DAY = "2026-11-25"
"""The date that prompts state. What the demo model says to questions it was not trained for depends
on it, so that a test could pass today and fail tomorrow."""


def run() -> None:
    """What the installed program does, but for the date."""
    from gptoss_metal.cli.main import main
    from gptoss_metal.harmony import render

    render.today = lambda: DAY
    main()


if __name__ == "__main__":
    run()
