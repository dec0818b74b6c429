"""The python tool: its state, its output as the model reads it, its limits."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from gptoss_metal.errors import Error
from gptoss_metal.tools.python import Limits, Output, Python
from gptoss_metal.tools.python import bubblewrap as bubblewrap_module
from gptoss_metal.tools.python import processes as processes_module
from gptoss_metal.tools.python.bubblewrap import Bubblewrap
from gptoss_metal.tools.python.output import NOTHING
from gptoss_metal.tools.python.processes import at_rest
from gptoss_metal.tools.python.sandbox import readable
from gptoss_metal.tools.python.seccomp import seccomp_filter

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="bubblewrap is Linux's")


@pytest.fixture
def python() -> Iterator[Python]:
    tool = Python(Limits(seconds=3, grace=2))
    yield tool
    tool.close()


@linux
def test_state_and_forms_of_output(python: Python) -> None:
    for code, expected in (
        ("x = 41\nprint('hi')\nx + 1", "hi\n42"),
        ("x", "41"),
        ("print('no end', end='')\nx", "no end\n41"),
        ("y = x", NOTHING),
        ("import sys\nprint('a', file=sys.stderr)", "a"),
        ("import os; _ = os.system('echo from a shell')", "from a shell"),
        ("display(1)\n2", "1\n2"),
        ("print('\\x1b[31mred\\x1b[0m é 🎉')", "red é 🎉"),
        ("import os; os.getcwd(), os.environ['HOME']", "('/mnt/data', '/home/sandbox')"),
        ("open('kept.txt', 'w').write('kept')", "4"),
        ("print(open('/mnt/data/kept.txt').read())", "kept"),
        ("import numpy; int(numpy.arange(10).sum())", "45"),
        ("await __import__('asyncio').sleep(0, 7)", "7"),
    ):
        output = python.run(code)
        assert (output.text, output.failed) == (expected, False), code
    failed = python.run("print('before')\n1 / 0")
    assert failed.failed
    assert failed.text.startswith("before\n-----")
    assert failed.text.endswith("ZeroDivisionError: division by zero")
    assert "\x1b" not in failed.text
    assert python.run("x").text == "41", "an exception loses nothing"
    assert python.run("syntax error").text.endswith("SyntaxError: invalid syntax")
    assert "does not support input" in python.run("input()").text
    assert python.run("x").text == "41"


@linux
def test_too_long_is_interrupted_and_loses_nothing(python: Python) -> None:
    python.run("x = 41")
    begun = time.monotonic()
    output = python.run("print('begun')\nwhile True: pass")
    assert 3 <= time.monotonic() - begun < 8
    assert output.failed
    assert output.text.startswith("begun\n")
    assert "KeyboardInterrupt" in output.text
    assert output.text.endswith("[python] Interrupted: the limit is 3 seconds.")
    assert python.run("x").text == "41"


@linux
def test_a_kernel_that_ends_is_replaced(python: Python) -> None:
    python.run("x = 41")
    gone = python.run("import os; os._exit(3)")
    assert gone.failed
    assert "The kernel is gone" in gone.text
    after = python.run("print('x' in globals())")
    assert after.text.startswith("False\n[python] A fresh kernel")
    assert python.run("1").text == "1"
    ended = python.run("exit()")
    assert "gone" in ended.text or ended.text == NOTHING
    assert python.run("print(1)").text.startswith("1")


@linux
def test_cancelled_from_another_thread() -> None:
    tool = Python(Limits(seconds=60))
    tool.run("1")
    threading.Timer(0.5, tool.cancel).start()
    begun = time.monotonic()
    assert "cancelled" in tool.run("while True: pass").text
    assert time.monotonic() - begun < 10
    assert tool.run("2").text.startswith("2")
    tool.close()
    tool.close()


@linux
def test_one_process_that_wants_too_much_gets_a_memory_error() -> None:
    tool = Python(Limits(memory=4 << 30, address_space=1 << 30))
    assert "MemoryError" in tool.run("x = bytearray(2 << 30)").text
    assert tool.run("1").text == "1"
    tool.close()


@linux
def test_a_lot_of_output_keeps_its_ends() -> None:
    python = Python(Limits(seconds=100))
    text = python.run("for i in range(200_000): print(i)\n'the last'").text
    python.close()
    assert text.startswith("0\n1\n2\n")
    assert text.endswith("'the last'")
    assert "characters left out" in text
    assert len(text) < python._limits.output + 100


@linux
def test_between_calls_nothing_runs(python: Python) -> None:
    python.run("import threading\ndef f():\n while True: pass\nthreading.Thread(target=f).start()")
    assert python._kernel is not None
    kernel = python._kernel._processes
    assert kernel is not None
    process = kernel.kernel()
    assert process is not None
    time.sleep(0.3)
    before = process.cpu_times().user
    time.sleep(0.5)
    assert process.status() == "stopped"
    assert process.cpu_times().user == before


WRITES = """
import os, threading
file, block = os.open('beat', os.O_RDWR | os.O_CREAT), bytes(8 << 20)
def beat():
    while True: os.pwrite(file, block, 0)
threading.Thread(target=beat).start()
"""


@linux
def test_a_call_returns_when_the_last_thread_has_stopped(
    python: Python, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system call that has begun goes on behind the signal to stop, which is waited for."""
    answers = []

    def answer(process: psutil.Process) -> bool:
        answers.append(at_rest(process))
        return answers[-1]

    python.run(WRITES)
    assert python._kernel is not None
    processes = python._kernel._processes
    assert processes is not None
    kernel = processes.kernel()
    assert kernel is not None
    monkeypatch.setattr(processes_module, "at_rest", answer)
    for _ in range(20):
        assert python.run("'done'").text == "'done'"
        assert at_rest(kernel)
    assert False in answers, "the signal alone would have done"


@linux
def test_the_sandbox_dies_with_its_host(tmp_path: Path) -> None:
    """Also when the host is killed and can clean nothing up."""
    program = (
        "import os, sys\nfrom gptoss_metal.tools.python import Python\n"
        "tool = Python()\ntool.run('1')\nprint(tool._kernel._process.pid, flush=True)\n"
        "print(tool._kernel._processes.kernel().pid, flush=True)\nsys.stdin.read()"
    )
    host = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    assert host.stdout is not None
    pids = [int(host.stdout.readline()) for _ in range(2)]
    host.kill()
    host.communicate()
    until = time.monotonic() + 10
    while any(_runs(pid) for pid in pids):
        assert time.monotonic() < until
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@linux
def test_the_kernel_outlives_the_thread_that_started_it(python: Python) -> None:
    thread = threading.Thread(target=python.run, args=("x = 41",))
    thread.start()
    thread.join()
    time.sleep(0.5)
    assert python.run("x").text == "41"


@linux
def test_no_sandbox_no_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GPTOSS_METAL_BWRAP", str(tmp_path / "missing"))
    with pytest.raises(Error, match=r"bubblewrap is missing\. Try: install"):
        Python()
    monkeypatch.delenv("GPTOSS_METAL_BWRAP")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Error, match=r"bubblewrap is missing\. Try: install"):
        Python()
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    old = tmp_path / "bwrap"
    old.write_text("#!/bin/sh\necho bubblewrap 0.4.1\n")
    old.chmod(0o755)
    with pytest.raises(Error, match=r"0\.4\.1, which is too old\. Try: 0\.7"):
        Python()
    old.write_text(
        "#!/bin/sh\n[ $1 = --version ] && echo bubblewrap 0.9.0 && exit\n"
        "echo bwrap: setting up uid map: Permission denied >&2; exit 1\n"
    )
    tool = Python()
    with pytest.raises(Error, match=r"setting up uid map: Permission denied\. Try: allow user"):
        tool.run("1")
    tool.close()


@linux
def test_an_interpreter_without_ipykernel(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    bare = tmp_path / "bare" / "bin" / "python"
    tool = Python(python=bare)
    with pytest.raises(Error, match=r"does not start: .*install gptoss-metal\[tools\]"):
        tool.run("1")
    tool.close()


def test_the_users_home_is_never_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with pytest.raises(Error, match="virtual environment in a folder of its own"):
        readable(tmp_path / "home" / "bin" / "python")
    assert tmp_path / "home" / "venv" in readable(tmp_path / "home" / "venv" / "bin" / "python")


@linux
def test_a_model_store_in_the_environment_is_hidden(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bubblewrap_module, "readable", lambda python: [tmp_path])
    monkeypatch.setenv("GPTOSS_METAL_HOME", str(tmp_path / "store"))
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "model").write_text("weights")
    sandbox = Bubblewrap.find()
    arguments = bubblewrap_module._files(
        _Place(tmp_path),
        Limits(),
        Path(sys.executable),  # type: ignore[arg-type]
    )
    done = subprocess.run(
        [sandbox.program, "--unshare-pid", *arguments, "--", "/bin/ls", "-A", tmp_path / "store"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


class _Place:
    def __init__(self, folder: Path) -> None:
        self.work = self.sockets = self.etc = folder / "empty"
        self.work.mkdir()


@linux
@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="root can be others")
def test_as_a_normal_user(tmp_path: Path, bwrap: str) -> None:
    """The same sandbox, made with a user namespace."""
    program = (
        "import os\nfrom gptoss_metal.tools.python import Python\nassert os.getuid() == 65534\n"
        "tool = Python()\nprint(tool.run('import os; os.getuid(), len(os.listdir(\"/proc/\")) > 3')"
        ".text)\n"
        'print(tool.run(\'open("/proc/self/status").read().count("NoNewPrivs:\\\\t1")\').text)\n'
        "print(tool.run('import socket; socket.create_connection((\"10.0.0.1\", 80))').text)\n"
        "tool.close()\n"
    )
    # Root's own folders, where Python may be, are shown to others in a namespace of the test.
    folder = Path(sys.base_prefix)
    setup = (
        'if [ "${1#/root/}" != "$1" ]; then mkdir "$2" && mount --bind "$1" "$2" && '
        'mount -t tmpfs -o mode=755 none /root && mkdir -p "$1" && mount --bind "$2" "$1"; fi; '
        "shift 2; HOME=/nonexistent TMPDIR=/tmp exec setpriv --reuid=65534 --regid=65534 "
        '--clear-groups "$@"'
    )
    done = subprocess.run(
        [
            *("unshare", "-m", "sh", "-c", setup, "sh"),
            *(folder, tmp_path / "python", sys.executable, "-c", program),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert lines[:2] == ["(65534, True)", "1"], done.stderr
    assert "Network is unreachable" in lines[-1]


def test_the_filter_of_system_calls() -> None:
    for machine in ("x86_64", "aarch64"):
        program = seccomp_filter(machine)
        assert len(program) % 8 == 0
        assert len(program) // 8 < 4096
    with pytest.raises(Error, match="no sandbox for sparc"):
        seccomp_filter("sparc")


def test_output_is_bounded() -> None:
    output = Output(100)
    for _ in range(1000):
        output.message("stream", {"name": "stdout", "text": "0123456789\n"})
    output.note("[python] note")
    assert output.text.startswith("0123456789\n")
    assert output.text.endswith("[python] note")
    assert len(output.text) < 200
    for kind, content in (
        ("stream", {}),
        ("execute_result", {"data": 1}),
        ("error", {}),
        ("x", {}),
    ):
        output = taken(kind, content)
        assert output.text in (NOTHING, "Error: ")


def taken(kind: str, content: dict[str, object]) -> Output:
    output = Output(100)
    output.message(kind, content)
    return output
