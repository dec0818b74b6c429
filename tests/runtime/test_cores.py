"""How many threads a model starts: cores, affinity and control groups, from trees of files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.native import INCLUDES, ROOT

PROGRAM: Final = Path(__file__).parent / "cores.cpp"
V2: Final = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1: Final = (
    "31 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "32 23 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
)
MOUNTS: Final = "proc/self/mountinfo"
GROUP: Final = "proc/self/cgroup"
V1_CPU: Final = "sys/fs/cgroup/cpu,cpuacct"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    result = tmp_path_factory.mktemp("cores") / "cores"
    source = ROOT / "csrc" / "cpu" / "linux_cores.cpp"
    subprocess.run(["c++", "-std=c++20", *INCLUDES, PROGRAM, source, "-o", result], check=True)
    return result


def ask(program: Path, root: Path, files: Mapping[str, str], processors: int = 1) -> list[str]:
    """The program's two numbers for a tree of files."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    words = [str(program), str(root), *map(str, range(processors))]
    found = subprocess.run(words, capture_output=True, text=True, check=True)
    return found.stdout.split()


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        pytest.param({}, "inf", id="no files"),
        pytest.param({MOUNTS: V2, GROUP: "0::/\n"}, "inf", id="the root group has no limit"),
        pytest.param(
            {MOUNTS: V2, GROUP: "0::/a\n", "sys/fs/cgroup/a/cpu.max": "max 100000\n"},
            "inf", id="max",
        ),
        pytest.param(
            {MOUNTS: V2, GROUP: "0::/a\n", "sys/fs/cgroup/a/cpu.max": "150000 100000\n"},
            "1.5", id="own group",
        ),
        pytest.param(
            {MOUNTS: V2, GROUP: "0::/a/b/c\n", "sys/fs/cgroup/a/cpu.max": "200000 100000\n",
             "sys/fs/cgroup/a/b/c/cpu.max": "400000 100000\n"},
            "2", id="the tightest up the tree",
        ),
        pytest.param(
            {MOUNTS: V2, GROUP: "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"},
            "0.5", id="a container's name space",
        ),
        pytest.param(
            {MOUNTS: V2, GROUP: "0::/../other\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"},
            "0.5", id="outside of what is mounted",
        ),
        pytest.param(
            {MOUNTS: V2, GROUP: "0::/a\n", "sys/fs/cgroup/a/cpu.max": "many\n"},
            "inf", id="not understood",
        ),
        pytest.param(
            {MOUNTS: "1 2\n- cgroup2\n" + V2, GROUP: "x\n0:\n0::/a\n",
             "sys/fs/cgroup/a/cpu.max": "300000 100000\n"},
            "3", id="lines not understood",
        ),
        pytest.param(
            {MOUNTS: V1, GROUP: "4:memory:/m\n3:cpu,cpuacct:/a/b\n",
             f"{V1_CPU}/a/cpu.cfs_quota_us": "250000\n",
             f"{V1_CPU}/a/cpu.cfs_period_us": "100000\n",
             f"{V1_CPU}/a/b/cpu.cfs_quota_us": "-1\n",
             f"{V1_CPU}/a/b/cpu.cfs_period_us": "100000\n"},
            "2.5", id="version 1",
        ),
        pytest.param(
            {MOUNTS: V1.replace("0:28 /", "0:28 /docker/7"), GROUP: "3:cpu,cpuacct:/docker/7/x\n",
             f"{V1_CPU}/x/cpu.cfs_quota_us": "100000\n",
             f"{V1_CPU}/x/cpu.cfs_period_us": "50000\n"},
            "2", id="a group mounted as the top",
        ),
        pytest.param(
            {MOUNTS: V1 + V2.replace("cgroup rw", "cgroup/unified rw"),
             GROUP: "3:cpu,cpuacct:/a\n0::/a\n",
             f"{V1_CPU}/a/cpu.cfs_quota_us": "300000\n",
             f"{V1_CPU}/a/cpu.cfs_period_us": "100000\n",
             "sys/fs/cgroup/unified/a/cpu.max": "400000 100000\n"},
            "3", id="both versions",
        ),
    ],
)  # fmt: skip
def test_time_limit(program: Path, tmp_path: Path, files: Mapping[str, str], limit: str) -> None:
    assert ask(program, tmp_path, files)[1] == limit


def test_two_threads_of_a_core_count_once(program: Path, tmp_path: Path) -> None:
    siblings = ["0,4", "1,5", "2,6", "3,7", "0,4", "1,5"]
    files = {
        f"sys/devices/system/cpu/cpu{i}/topology/thread_siblings_list": f"{text}\n"
        for i, text in enumerate(siblings)
    }
    assert ask(program, tmp_path, files, processors=6)[0] == "4"


def test_without_a_topology_every_processor_is_a_core(program: Path, tmp_path: Path) -> None:
    assert ask(program, tmp_path, {}, processors=3)[0] == "3"


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has no affinity masks")
def test_a_model_keeps_to_its_processors(model_file: Path) -> None:
    script = "import sys; from gptoss_metal import _core; print(_core.Model(sys.argv[1]).threads)"
    one = min(os.sched_getaffinity(0))
    found = subprocess.run(
        [sys.executable, "-c", script, model_file], capture_output=True, text=True, check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {one}),
    )  # fmt: skip
    assert found.stdout == "1\n"
