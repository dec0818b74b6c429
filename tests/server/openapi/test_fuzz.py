"""Requests that schemathesis makes from OpenAI's document."""

from __future__ import annotations

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from tests.clients.running import Server
from tests.server.openapi.schema import check, document

LIMIT = 24
"""Tokens an answer may have: it is the server that is tested, not the model."""


api = schemathesis.openapi.from_dict(document())


def bounded(body: Any) -> Any:
    """A body that the model answers, and soon; everything else stays as it was made."""
    if not isinstance(body, dict):
        return body
    changed = dict(body)
    if isinstance(changed.get("model"), str):
        changed["model"] = "demo"
    for limit in ("max_tokens", "max_completion_tokens", "max_output_tokens"):
        if isinstance(changed.get(limit), int) and changed[limit] > LIMIT:
            changed[limit] = LIMIT
    if isinstance(changed.get("n"), int) and changed["n"] > 2:
        changed["n"] = 2
    return changed


def examine(case: Case, server: Server) -> None:
    """Sends a request and checks the answer."""
    case.body = bounded(case.body)
    answer = case.call(base_url=server.url + "/v1", timeout=60)
    kind = answer.headers.get("content-type", [""])[0]
    if kind.startswith("text/event-stream"):
        assert answer.status_code == 200
        return  # test_streams.py reads those
    case.validate_response(answer, checks=[not_a_server_error, response_schema_conformance])
    if answer.status_code >= 400:
        check("ErrorResponse", json.loads(answer.content))


COMMON = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "suppress_health_check": list(HealthCheck),
    "phases": [Phase.explicit, Phase.generate],
}


@api.parametrize()
@settings(max_examples=5, **COMMON)
def test_no_request_breaks_the_server(case: Case, openai_server: Server) -> None:
    examine(case, openai_server)


@pytest.mark.long
@pytest.mark.timeout(1800)
@api.parametrize()
@settings(max_examples=150, **COMMON)
def test_no_request_of_many_breaks_the_server(case: Case, openai_server: Server) -> None:
    examine(case, openai_server)
