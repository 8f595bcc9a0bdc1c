"""End the commands that a command of ours has started."""

import subprocess
import time
from collections.abc import Collection
from typing import Any

__all__ = ["PATIENCE", "end"]

PATIENCE = 10.0  # seconds a child gets to end by itself after Ctrl-C or SIGTERM


def end(children: Collection[subprocess.Popen[Any]]) -> None:
    """SIGTERM to those that still run, and SIGKILL to those that have not ended `PATIENCE` seconds later."""
    running = [child for child in children if child.poll() is None]
    for child in running:
        child.terminate()
    deadline = time.monotonic() + PATIENCE
    for child in running:
        try:
            child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
