"""OpenAI's compatibility test of gpt-oss servers, run against one of ours.

    python benchmarks/compat/run.py FOLDER [--url URL] [--model NAME] [--cases N] [--tries K]

FOLDER is ``compatibility-test`` of a checkout of github.com/openai/gpt-oss, which stays as it is.
Prints its figures, and exits with 1 if a response was invalid or a case ended in an error. See
README.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

NEEDED = ("package.json", "package-lock.json", "*.ts", "*.jsonl")
PROVIDER = "gptoss-metal"


def prepare(source: Path, work: Path, url: str, model: str) -> None:
    """Copies the test, installs what it needs, and names our server as its one provider."""
    if not (source / "index.ts").is_file():
        sys.exit(f"[compat] {source} has no index.ts. Try: the folder compatibility-test.")
    work.mkdir(parents=True, exist_ok=True)
    for pattern in NEEDED:
        for path in source.glob(pattern):
            shutil.copy(path, work)
    if not (work / "node_modules").is_dir():
        # index.ts is run by tsx, which its package.json forgets.
        for command in (("npm", "ci"), ("npm", "install", "--no-save", "tsx@4")):
            subprocess.run(command, cwd=work, check=True, stdout=subprocess.DEVNULL)
    provider = {
        "apiBaseUrl": url.rstrip("/") + "/v1",
        "apiKey": "none",
        "apiType": ["responses", "chat"],
        "modelName": model,
        "providerDetails": {},
    }
    text = json.dumps({PROVIDER: provider}, indent=2)
    (work / "providers.ts").write_text(f"export const PROVIDERS: any = {text};\n")


def run(work: Path, cases: int, tries: int) -> tuple[dict[str, Any], list[Any]]:
    """Runs it; returns its analysis and its records, one a case, try and API."""
    for old in (*work.glob("rollout_*.jsonl"), *work.glob("analysis_*.json")):
        old.unlink()
    command = ["npx", "tsx", "index.ts", "--provider", PROVIDER, "-n", str(cases), "-k", str(tries)]
    with (work / "log").open("wb") as log:
        subprocess.run(command, cwd=work, check=True, stdout=log, stderr=log)
    [analysis] = work.glob("analysis_*.json")
    [rollout] = work.glob("rollout_*.jsonl")
    records = [json.loads(line) for line in rollout.read_text("utf-8").splitlines()]
    found: dict[str, Any] = json.loads(analysis.read_text("utf-8"))
    return found, records


def summary(analysis: dict[str, Any], records: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The figures that count."""
    whole = [record for record in records if "result" in record]
    errors = Counter(record["error"] for record in records if "error" in record)
    passed = Counter[str]()
    total = Counter[str]()
    for record in whole:
        place = f"{record['result']['apiType']} {record['tool_name']}"
        total[place] += 1
        passed[place] += bool(record["success"])
    return {
        "runs": len(whole),
        "invalid": {api: analysis["invalidByApiType"].get(api, 0) for api in ("responses", "chat")},
        "errors": dict(errors),
        "pass@k": analysis["passAtKByK"],
        "pass^k": analysis["passHatKByK"],
        "wrong_arguments": analysis["wrongInputToolCalls"],
        "passed": {place: f"{passed[place]}/{total[place]}" for place in sorted(total)},
    }


def main() -> None:
    """Runs the test and prints its summary as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--cases", type=int, default=30)
    parser.add_argument("--tries", type=int, default=5)
    parser.add_argument("--work", type=Path, default=Path("build/compat"))
    options = parser.parse_args()
    prepare(options.folder, options.work, options.url, options.model)
    found = summary(*run(options.work, options.cases, options.tries))
    print(json.dumps(found, indent=2))
    if any(found["invalid"].values()) or found["errors"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
