"""Requests that schemathesis makes from OpenAI's document."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis.strategies import DrawFn, composite
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.errors import UnsupportedSchema
from schemathesis.specs.openapi.checks import response_schema_conformance

from tests.conftest import ROOT
from tests.running import Running
from tests.server.openapi.bounds import bounded
from tests.server.openapi.cut import SERVED
from tests.server.openapi.schema import check, document

OPERATIONS = [
    (method, path, mode)
    for path, methods in SERVED.items()
    for method in methods
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or method == "post"  # without a body little can be wrong
]
CHECKS = [not_a_server_error, response_schema_conformance]


@pytest.fixture(scope="module")
def api() -> schemathesis.BaseSchema:
    """The document, as schemathesis reads it."""
    return schemathesis.openapi.from_dict(document())


@composite
def cases(draw: DrawFn, operation: Any, mode: GenerationMode) -> Case:
    """Requests; one that schemathesis cannot make after all is drawn again."""
    try:
        return draw(operation.as_strategy(generation_mode=mode))
    except UnsupportedSchema:
        reject()


def examine(case: Case, server: Running) -> None:
    """Sends a request and checks the answer."""
    case.body = bounded(case.operation.path, case.body)
    answer = case.call(base_url=server.url + "/v1", timeout=60)
    kind = answer.headers.get("content-type", [""])[0]
    if kind.startswith("text/event-stream"):
        assert answer.status_code == 200
        return  # test_streams.py reads those
    case.validate_response(answer, checks=CHECKS)
    if answer.status_code >= 400:
        check("ErrorResponse", json.loads(answer.content))


@pytest.mark.parametrize(("method", "path", "mode"), OPERATIONS)
def test_no_request_breaks_the_server(
    api: schemathesis.BaseSchema,
    openai_server: Running,
    method: str,
    path: str,
    mode: GenerationMode,
) -> None:
    @settings(
        max_examples=20,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=cases(api[path][method], mode))
    def run(case: Case) -> None:
        examine(case, openai_server)

    run()


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_schemathesis_finds_nothing(openai_server: Running, tmp_path: Path) -> None:
    """Its own program: every keyword of the schema, kept and violated, and 100 more a path."""
    description = tmp_path / "openai.json"
    description.write_text(json.dumps(document()))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", str(description)),
            *("--url", openai_server.url + "/v1", "--phases", "examples,coverage,fuzzing"),
            *("--checks", ",".join(each.__name__ for each in CHECKS), "--max-examples", "100"),
            *("--request-timeout", "60", "--seed", "1", "--continue-on-failure"),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ
        | {"SCHEMATHESIS_HOOKS": "tests.server.openapi.hooks", "PYTHONPATH": _path()},
    )
    print(done.stdout[-1500:])
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def _path() -> str:
    return os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
