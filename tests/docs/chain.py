"""Runs commands as `python` would, each in a fork of this process, which has imported their modules once for all.

A line of its input is a request in JSON: {"folder": where, "log": file, "commands": [[folder that is made anew or null,
"-m", module, argument, …] or […, script, argument, …]]}. They run one after another; what they say goes to the log. The
answer is a line with the number of the first that failed and its exit code, or null. What they start is a fork too.
"""

import importlib
import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra

from coldstart.study.steps import CONFIGS

PATIENCE = 600  # seconds a command may take, on a busy machine


class Forked(subprocess.Popen[bytes]):
    """`python -m MODULE …` in a fork of this process, waited for at once, unless it is to be talked with."""

    def __init__(self, args: Any, **settings: Any) -> None:
        if args[:2] == [sys.executable, "-m"] and settings.keys() <= {"stdout", "stderr", "env", "text"}:
            settings |= {"preexec_fn": lambda: os._exit(_run(args[1:]))}  # instead of the exec that would follow
        super().__init__(args, **settings)


def main() -> None:
    for module in CONFIGS:  # what studies start
        importlib.import_module(module)
    for request in map(json.loads, sys.stdin):
        for module in {words[2] for words in request["commands"] if words[1] == "-m"}:
            importlib.import_module(module)
        print(json.dumps(_chain(**request)), flush=True)


def _chain(folder: str, log: str, commands: list[list[str]]) -> tuple[int, int] | None:
    for number, (made, *words) in enumerate(commands):
        if made:
            shutil.rmtree(Path(folder) / made, ignore_errors=True)
        if (child := os.fork()) == 0:
            signal.alarm(PATIENCE)
            os.chdir(folder)
            file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            for output in (sys.stdout, sys.stderr):
                os.dup2(file, output.fileno())
            os._exit(_run(words))
        if code := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            return number, code
    return None


def _run(words: list[str]) -> int:
    """A command's exit code."""
    is_module = words[0] == "-m"
    sys.argv = words[is_module:]
    subprocess.Popen = Forked  # type: ignore[misc]
    GlobalHydra.instance().clear()  # of the command that this one is started by
    try:
        if is_module:
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, str(Path(words[0]).parent))  # where a script's neighbours are
            runpy.run_path(words[0], run_name="__main__")
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()  # a fork that is started by another must not go on with that one's work
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    main()
