"""How fast translators train, beside the same updates in plain float32 (`plain_gan.py`), and how fast they translate.

    python -m benchmarks.translate                      # the papers' networks, crops of 256, batch 1
    python -m benchmarks.translate crop=128 steps=5 models=[cut]

Both sides of the first table see the same crops. Ours runs as `gan.train` runs it, in a Trainer and with its precision;
plain is a loop. They take turns, so that a busy machine hinders both. The second table is of the networks alone,
without reading and writing files. Keys are the fields of `Speed`.
"""

import statistics
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks import plain_gan
from coldstart import training
from coldstart.cli import conf_dir, typed
from coldstart.memory import keep_freed
from coldstart.tables import aligned
from gan.data import Pair
from gan.models import MODELS
from gan.translate import translate_image

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
    translators: list[str] = field(default_factory=lambda: ["bilateral", "cyclegan_small", "cyclegan"])
    side: int = 320  # of the pictures that are translated
    pictures: int = 20  # translated by each


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
    keep_freed()  # as our commands do; plain has it too
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
    rates = [[name, *(f"{rate:.1f}" for rate in pictures(name, config))] for name in config.translators]
    print(f"\n{aligned([['translator', '1 picture at a time, images/s', 'a picture a thread, images/s'], *rates])}")


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


def pictures(name: str, config: Speed) -> tuple[float, float]:
    """Pictures per second through the generator of preset `name`, files apart; with all threads on one, and on many."""
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        preset = OmegaConf.to_container(compose("gan_train", [f"model={name}"]).model)
    model = MODELS[preset["name"]](typed(MODELS[preset["name"]].Config, preset, "model"), 1)
    generator, threads = model.final.eval(), torch.get_num_threads()
    shown = [torch.rand(1, 3, config.side, config.side) * 2 - 1 for _ in range(config.pictures)]

    def translate(image: Tensor) -> Tensor:
        with training.autocast(config.precision):
            return translate_image(generator, image)

    def rate(pool: ThreadPoolExecutor) -> float:
        list(pool.map(translate, shown[:threads]))
        start = time.perf_counter()
        list(pool.map(translate, shown))
        return len(shown) / (time.perf_counter() - start)

    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(threads) as many:
        together = rate(one)
        torch.set_num_threads(1)
        apart = rate(many)
    torch.set_num_threads(threads)
    return together, apart


if __name__ == "__main__":
    main(sys.argv[1:])
