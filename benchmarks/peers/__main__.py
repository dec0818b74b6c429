"""Ours and other programs on the same random weights, in turns, beside the machine's limits.

    python -m benchmarks.peers [--shape small|20b] [--peers llama,mlx,transformers] [--rounds 3]

Builds or installs the peers into build/peers, once; see README.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from gptoss_metal.errors import Error

from . import build, contenders, limits, report, rounds, summary
from .facts import facts_of_run
from .llama_bench import llama_bench
from .model_file import ModelFile
from .same import correlation
from .shapes import SHAPES

PEERS = ("llama", "mlx", "transformers")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--shape", default="small", choices=list(SHAPES))
    parser.add_argument("--model", type=_absolute, help="our file of that shape")
    parser.add_argument("--gguf", type=_absolute, help="the same weights for llama.cpp")
    parser.add_argument("--peers", default="llama", help=f"of {', '.join(PEERS)}, with commas")
    parser.add_argument("--only", default=",".join(rounds.NAMES), help="tests, with commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=32, help="tokens decoded per test")
    parser.add_argument("--folder", type=_absolute, default=build.FOLDER, help="of the files")
    parser.add_argument("--check", action="store_true", help="llama-bench and logits beside it")
    parser.add_argument(
        "--prepare", action="store_true", help="build, write weights and states; measure nothing"
    )
    parser.add_argument("--json", type=Path, help="write everything to this file")
    parser.add_argument("--plot", type=Path, help="write PREFIX.png and PREFIX.svg")
    options = parser.parse_args()
    options.peers = _listed(parser, options.peers, PEERS)
    options.only = _listed(parser, options.only, rounds.NAMES)
    return options


def _absolute(text: str) -> Path:
    """A path that means the same to workers, which start in the project's folder."""
    return Path(text).absolute()


def _listed(parser: argparse.ArgumentParser, text: str, known: tuple[str, ...]) -> list[str]:
    names = [name for name in text.split(",") if name]
    if unknown := [name for name in names if name not in known]:
        parser.error(f"there is no {unknown[0]}; choose from {', '.join(known)}")
    return names


def main() -> None:
    """Prepare, measure, report."""
    options = arguments()
    options.folder.mkdir(parents=True, exist_ok=True)
    threads = allowed_cores()
    model = options.model or contenders.our_file(options.shape, options.folder)
    config = ModelFile(model).config
    states = options.folder / f"{model.stem}-state"
    members = [contenders.ours(model, states, options.steps)]
    checks: dict[str, Any] = {}
    if "llama" in options.peers:
        tools = build.llama()
        file = options.gguf or contenders.gguf_of(model, options.folder)
        members.append(contenders.llama_cpp(tools, file, states, threads, options.steps))
        if options.check and not options.prepare:
            checks = check(tools, members[0], members[1], config.vocab_size)
    if "mlx" in options.peers:
        members.append(contenders.mlx(model, threads))
    if "transformers" in options.peers:
        members.append(contenders.transformers(model, threads))
    if options.prepare:
        for member in members:
            rounds.prepare(member)
        return
    found = rounds.measure(members, options.only, options.rounds, lambda: limits.measure(threads))
    rows = summary.rows(found, config, contenders.OURS)
    facts = facts_of_run(options.shape, threads) | checks
    print(report.legend(members), report.table(rows), sep="\n")
    if options.json:
        options.json.write_text(report.as_json(facts, members, found, rows))
    if options.plot:
        heading = f"{options.shape} shape, random weights, {threads} threads, {facts['processor']}"
        report.plot(rows, f"{heading}\n{report.legend(members)}", options.plot)


def check(
    tools: build.Llama, ours: rounds.Contender, theirs: rounds.Contender, vocabulary: int
) -> dict[str, Any]:
    """Show that both compute the same model, and what llama-bench says of llama.cpp."""
    assert theirs.file is not None
    same = correlation(ours, theirs, vocabulary)
    print(f"logits of both, correlation: {same:.4f}")
    bench = llama_bench(tools.bench, theirs.file, allowed_cores(), theirs.steps)
    print("llama-bench:", ", ".join(f"{name} {speed:.2f} tok/s" for name, speed in bench.items()))
    return {"logits_correlation": same, "llama_bench": bench}


def allowed_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


if __name__ == "__main__":
    try:
        main()
    except Error as error:
        sys.exit(str(error))
