"""Runs commands of the docs in a folder, with a few keys more that make each as small as it gets."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.docs.commands import ROOT, Command

__all__ = ["QUICK", "SMALL", "run"]

QUICK = ["logger=csv"]
SMALL: Mapping[str, Sequence[str]] = {  # what is added to a command of a module
    "blender_scenes.new_product": [],
    "blender_scenes.preview": ["count=1", "size=[96,128]", "samples=1", *QUICK],
    "blender_scenes.render": ["count=3", "size=[96,128]", "samples=1", "workers=1", *QUICK],
    "coldstart.convert": [],
    "coldstart.merge": QUICK,
    "coldstart.split": ["train=4", *QUICK],
    "coldstart.statistics": QUICK,
    "coldstart.subset": QUICK,
    "detect.classify": ["steps=2", "batch=4", "size=[32,32]", "range_steps=0", "lr=1e-3", *QUICK],
    "detect.compare": ["draws=20"],
    "detect.doctor": QUICK,
    "detect.evaluate": ["draws=20", *QUICK],
    "detect.export": QUICK,
    "detect.label": ["score=0.02", *QUICK],
    "detect.lr": ["steps=10", "batch=2", "size=[96,128]", *QUICK],
    "detect.margins": ["score=0.01"],
    "detect.predict": QUICK,
    "detect.recognise": QUICK,
    "detect.train": ["steps=2", "batch=4", "size=[96,128]", *QUICK],
    "gan.audit": QUICK,
    "gan.train": ["steps=2", "batch=1", "crop=32", *QUICK],
    "gan.translate": QUICK,
}


def run(listed: Iterable[Command], folder: Path) -> None:
    """Run the commands, `python -m …` all of them, one after another.

    Raises:
        AssertionError: one of them fails.
    """
    listed = list(listed)
    (folder / "commands.json").write_text(json.dumps([[*c.words[2:], *SMALL[c.words[2]]] for c in listed]))
    ran = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("chain.py")), "commands.json"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    done = ran.stderr.rsplit("command ", 1)[-1].split()
    assert ran.returncode == 0, f"{listed[int(done[0])] if done and done[0].isdigit() else ''}\n{ran.stderr[-3000:]}"
