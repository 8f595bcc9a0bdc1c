"""Runs commands of the docs in a folder, with a few keys more that make each as small as it gets."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.docs.commands import ROOT, Command

__all__ = ["OTHERS", "Chain"]

OTHERS = {"chromium", "convert", "montage", "pip", "ray", "wandb", "mkdir", "cp", ".", "short"}  # programs, not ours
# They add to what is in the folder `out`.
KEEPING = {"blender_scenes.match", "blender_scenes.new_product", "coldstart.convert"}
QUICK = ["logger=csv"]
TINY = ["size=[96,128]", *QUICK]
SMALL: Mapping[str, Sequence[str]] = {  # what is added to a command of a module, or of a script that takes keys
    "benchmarks.settings_detector": [
        *("samples=[1]", "count=4", "fine=2", "fine_samples=1", "seeds=[0]", "steps=2", "batch=4", "draws=20"),
        *("size=[96,128]", "photos=path/to/labels"),
    ],
    "benchmarks.translators": [
        "count=4",
        "size=[128,160]",
        "steps=2",
        "every=1",
        "places=[simulated]",
        "models=[fda]",
    ],
    "benchmarks/audit.py": ["outputs/renders", "outputs/translated"],  # these rather than many that it renders
    "benchmarks/growth.py": ["count=4"],
    "benchmarks/render.py": ["count=2", "size=[48,64]", "samples=1"],
    "benchmarks/settings.py": ["count=1", "size=[48,64]"],
    "blender_scenes.preview": ["count=1", "samples=1", *TINY],
    "blender_scenes.render": ["count=4", "samples=1", "workers=1", *TINY],
    "blender_scenes.sheet": ["variants=1", "cell=32", "samples=1"],
    "coldstart": [
        *("source.count=4", "source.samples=1", "workers=1", "parallel=1", "folds=1", "budgets=[0,1]", "seeds=[0]"),
        *("real.simulated.train=2", "real.simulated.test=2", "draws=20", "detector.steps=2", "detector.batch=4"),
        *("translators.gan.steps=2", "translators.gan.crop=32", "translators.gan.overrides=[]"),
        *("cache=cells", "size=[96,128]", "logger=none"),  # studies of the same pictures share them
    ],
    "coldstart.merge": QUICK,
    "coldstart.split": QUICK,
    "coldstart.statistics": QUICK,
    "coldstart.subset": QUICK,
    "detect.classify": ["steps=2", "batch=4", "size=[32,32]", "range_steps=0", "lr=1e-3", *QUICK],
    "detect.compare": ["draws=20"],
    "detect.doctor": QUICK,
    "detect.evaluate": ["draws=20", *QUICK],
    "detect.export": QUICK,
    "detect.label": ["score=0.02", *QUICK],
    "detect.lr": ["steps=10", "batch=2", *TINY],
    "detect.margins": ["score=0.01"],
    "detect.predict": QUICK,
    "detect.recognise": QUICK,
    "detect.train": ["steps=2", "batch=4", *TINY],
    "gan.audit": QUICK,
    "gan.evaluate": QUICK,
    "gan.sample": QUICK,
    "gan.train": ["steps=2", "batch=1", "crop=32", *QUICK],
    "gan.translate": QUICK,
}


class Chain:
    """A process of chain.py."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("chain.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            text=True,
        )

    def run(self, listed: Iterable[Command], folder: Path) -> None:
        """Run the commands, `python …` all of them, in `folder`; what is there already of what one makes is removed.

        Raises:
            AssertionError: one of them fails.
        """
        listed = list(listed)
        log = folder / "commands.log"
        log.unlink(missing_ok=True)  # it may be linked
        request = {"folder": str(folder), "log": str(log), "commands": [_small(command) for command in listed]}
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        if failed := json.loads(self.process.stdout.readline()):
            number, code = failed
            raise AssertionError(f"{listed[number]}\nended with {code}\n{log.read_text()[-3000:]}")

    def close(self) -> None:
        self.process.communicate(timeout=60)


def _small(command: Command) -> list[str | None]:
    """The folder that the command makes, and its words with those that make it small."""
    start, program = (["-m"], command.words[2]) if command.words[1] == "-m" else ([], command.words[1])
    keys = command.words[len(start) + 2 :]
    made = None if program in KEEPING else next((key[4:] for key in keys if key.startswith("out=")), None)
    assert not made or not Path(made).is_absolute(), f"{command}: would be made outside the test's folder"
    return [made, *start, program if start else str(ROOT / program), *keys, *SMALL.get(program, [])]
