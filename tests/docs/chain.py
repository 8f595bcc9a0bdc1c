"""Runs commands one after another as `python` would, each in a fork of one process that has imported all their modules.

python chain.py COMMANDS.json, a list of [folder that is made anew or null, "-m", module, argument, …] or of
[…, script, argument, …]; ends at the first that fails, with its number.
"""

import importlib
import json
import os
import runpy
import shutil
import sys
from pathlib import Path


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
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(json.loads(Path(sys.argv[1]).read_text())))
