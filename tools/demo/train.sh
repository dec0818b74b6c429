#!/bin/sh
# Train the demo model from nothing and store it: about an hour on one core.
# Run it from the repository's root; docs/DEMO_MODEL.md says what comes out.
set -eu
python="${PYTHON:-python}"
build="${BUILD:-build/demo}"
mkdir -p "$build"
"$python" tools/demo/train.py "$build/first.pt"
"$python" tools/demo/train.py "$build/second.pt" --resume "$build/first.pt" \
    --steps 850 --stop 300 --rate 3e-3 --decay 0.7 --seed 1
"$python" tools/demo/train.py "$build/third.pt" --resume "$build/second.pt" \
    --steps 550 --rate 2.8e-3 --decay 1 --warmup 20 --seed 2
"$python" tools/demo/export.py "$build/third.pt"
