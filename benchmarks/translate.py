"""How fast translators train, beside the same networks and updates in plain float32 (`plain_gan.py`).

    python benchmarks/translate.py                      # the papers' networks, crops of 256, batch 1
    python benchmarks/translate.py crop=128 steps=5 models=[cut]

Both sides see the same crops. Ours runs as `gan.train` runs it, in a Trainer and with its precision; plain is a loop.
They take turns, so that a busy machine hinders both. Keys are the fields of `Speed`.
"""

import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf
from torch.utils.data import DataLoader, Dataset

from benchmarks import plain_gan
from coldstart import training
from coldstart.cli import typed
from coldstart.tables import aligned
from gan.data import Pair
from gan.models import MODELS

PLAIN: dict[str, type[Any]] = {"cyclegan": plain_gan.CycleGan, "cut": plain_gan.Cut}


@dataclass(frozen=True)
class Speed:
    """Keys of the command line."""

    models: list[str] = field(default_factory=lambda: list(PLAIN))
    base: int = 64
    blocks: int = 9
    crop: int = 256
    batch: int = 1
    steps: int = 3  # of each side in each turn; the first of each turn does not count
    turns: int = 3
    precision: str = "auto"  # of ours
    threads: int = 0  # 0: torch's own choice


class Noise(Dataset[Pair]):
    """Pairs of `crop` pixels: what the pictures show changes no time."""

    def __init__(self, crop: int, count: int) -> None:
        self.crop, self.count = crop, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Pair:
        chance = torch.Generator().manual_seed(index)
        source, target = torch.rand(2, 3, self.crop, self.crop, generator=chance) * 2 - 1
        return Pair(source, target, torch.zeros(1, self.crop, self.crop), torch.zeros(0, self.crop, self.crop))


class Stopwatch(pl.Callback):
    """Seconds from the end of one step to that of the next: loading, updates and Lightning's own work."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_batch_end(self, *_: Any) -> None:
        """One step is done."""
        self.ends.append(time.perf_counter())


def main(keys: list[str]) -> None:
    """Print the table."""
    config = typed(Speed, OmegaConf.from_dotlist(keys))
    if config.threads:
        torch.set_num_threads(config.threads)
    training.quiet()
    print(f"{config}\n{torch.get_num_threads()} threads, ours in {training.precision(config.precision)}\n")
    rows = []
    for name in config.models:
        reference = PLAIN[name](config.base, config.blocks)
        shape = {"generator": {"base": config.base, "blocks": config.blocks}, "discriminator": {"base": config.base}}
        model = MODELS[name](typed(MODELS[name].Config, {"name": name, **shape}, "model"), 1000)
        plain: list[float] = []
        ours: list[float] = []
        for _ in range(config.turns):
            plain += list(plain_steps(reference, config))
            ours += trainer_steps(model, config)
        slow, fast = statistics.median(plain), statistics.median(ours)
        rows.append([name, f"{slow:.2f}", f"{fast:.2f}", f"{slow / fast:.2f}"])
    print(aligned([["model", "plain s/step", "ours s/step", "ratio"], *rows]))


def batches(config: Speed) -> DataLoader[Pair]:
    """As many as a turn takes."""
    return DataLoader(Noise(config.crop, config.batch * (config.steps + 1)), config.batch)


def plain_steps(reference: Any, config: Speed) -> Iterator[float]:
    """Seconds of each step but the first."""
    start = time.perf_counter()
    for index, pair in enumerate(batches(config)):
        reference.step(pair.source, pair.target)
        end = time.perf_counter()
        if index:
            yield end - start
        start = end


def trainer_steps(model: Any, config: Speed) -> list[float]:
    """Seconds of each step but the first."""
    watch = Stopwatch()
    most = (config.steps + 1) * model.OPTIMIZERS
    trainer = training.trainer("cpu", 1, config.precision, most, callbacks=[watch])
    training.fit(trainer, model, batches(config))
    return [end - start for start, end in zip(watch.ends, watch.ends[1:], strict=False)]


if __name__ == "__main__":
    main(sys.argv[1:])
