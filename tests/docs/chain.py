"""Runs commands one after another as `python -m` would, each in a fork of one process that has imported them all.

python chain.py COMMANDS.json, a list of [module, argument, …]; ends at the first that fails, with its number.
"""

import importlib
import json
import os
import runpy
import sys
from pathlib import Path


def main(listed: list[list[str]]) -> int:
    for module in {module for module, *_ in listed}:
        importlib.import_module(module)
    for number, (module, *arguments) in enumerate(listed):
        sys.stdout.flush()
        sys.stderr.flush()
        if (child := os.fork()) == 0:
            sys.argv = [module, *arguments]
            try:
                runpy.run_module(module, run_name="__main__", alter_sys=True)
            except SystemExit as ended:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(ended.code if isinstance(ended.code, int) else int(ended.code is not None))
            os._exit(0)
        if code := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            print(f"command {number} ended with {code}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(json.loads(Path(sys.argv[1]).read_text())))
