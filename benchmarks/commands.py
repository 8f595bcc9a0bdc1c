"""How benchmarks start Coldstart's commands."""

import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["run"]


def run(module: str, out: Path, **keys: Any) -> None:
    """One of Coldstart's commands; it shows its own progress, and is done at once where it has been done."""
    given = [f"{key}={value}".replace(" ", "") for key, value in {**keys, "out": out, "logger": "none"}.items()]
    print(f"\n{module} {' '.join(given)}", flush=True)
    subprocess.run([sys.executable, "-m", module, *given], check=True)
