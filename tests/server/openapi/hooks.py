"""Hooks of ``schemathesis run``: its requests to the demo model, bounded."""

from __future__ import annotations

from typing import Any

import schemathesis

from tests.server.openapi.bounds import bounded


@schemathesis.hook
def before_call(context: Any, case: schemathesis.Case, kwargs: Any) -> None:
    """Bounds what a request can cost."""
    case.body = bounded(case.operation.path, case.body)
