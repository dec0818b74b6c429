"""One way to say what went wrong: one line that names the file, the tensor and the remedy."""

from __future__ import annotations

from gptoss_metal.errors import Error


def failure(what: str, remedy: str) -> Error:
    """Return the Error ``[convert] what. Try: remedy.`` as one line."""
    return Error(" ".join(f"[convert] {what}. Try: {remedy}.".split()))


def os_failure(doing: str, error: OSError, remedy: str) -> Error:
    """Return the Error for an operating system's refusal, e.g. a full disk or a missing right."""
    return failure(f"{doing}: {error.strerror or error}", remedy)
