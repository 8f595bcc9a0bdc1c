"""Runs commands one after another as `python` would, each in a fork of one process that has imported all their modules.

python chain.py COMMANDS.json, a list of [folder that is made anew or null, "-m", module, argument, …] or of
[…, script, argument, …]; ends at the first that fails, with its number. Modules that these start are forks too.
"""

import importlib
import json
import os
import runpy
import shutil
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra


class Forked(subprocess.Popen[bytes]):
    """`python -m MODULE …` in a fork of this process, waited for at once, unless it is to be talked with."""

    def __init__(self, args: Any, **settings: Any) -> None:
        if args[:2] == [sys.executable, "-m"] and settings.keys() <= {"stdout", "stderr", "env"}:
            settings |= {"preexec_fn": lambda: os._exit(_run(args[1:]))}  # instead of the exec that would follow
        super().__init__(args, **settings)


def main(listed: list[list[str]]) -> int:
    for module in {words[2] for words in listed if words[1] == "-m"}:
        importlib.import_module(module)
    for number, (made, *words) in enumerate(listed):
        if made:
            shutil.rmtree(made, ignore_errors=True)
        sys.stdout.flush()
        sys.stderr.flush()
        if (child := os.fork()) == 0:
            os._exit(_run(words))
        if code := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            print(f"command {number} ended with {code}", file=sys.stderr)
            return 1
    return 0


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
    sys.exit(main(json.loads(Path(sys.argv[1]).read_text())))
