"""Pictures from chance: draw from a generator that has learnt the photos alone (docs/stylegan2.md).

    python -m gan.sample checkpoint=outputs/gan/a/generator.safetensors count=64 truncation=0.7 out=outputs/samples/a

Writes a plain folder of pictures without labels, 000000.png and so on, which serves as a folder of photos wherever no
labels are needed. Picture i depends on the checkpoint, `seed`, `truncation` and i alone; what an interrupted call has
written is kept, and a larger `count` goes on from there. sheets/ is to look at: the first samples, the way from one to
the next, and the coarse styles of some with the fine styles of others.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from omegaconf import MISSING
from torch import Tensor

from coldstart import cli, dataset, lineage, tracking, training
from coldstart.errors import UserError
from coldstart.progress import track
from gan.callbacks import picture_grid
from gan.checkpoint import GENERATOR_FILES, load_sampler
from gan.networks.stylegan2 import StyleGAN2Generator, picture_of, sample, style_of

__all__ = ["SampleConfig", "draw"]

COLUMNS, SHOWN = 8, 64  # of a sheet; pictures on that of the samples
WAYS = 4  # rows of the sheet of ways
MIXED = 6  # rows and columns of the sheet of mixtures


@dataclass(frozen=True)
class SampleConfig:
    """See conf/gan_sample.yaml."""

    checkpoint: str = MISSING
    weights: str = "best"
    count: int = 64
    truncation: float = 0.7
    seed: int = 0
    out: str = MISSING
    accelerator: str = "auto"
    logger: tracking.LoggerConfig = field(default_factory=tracking.LoggerConfig)

    def __post_init__(self) -> None:
        if self.weights not in GENERATOR_FILES:
            raise UserError(f"weights: {self.weights!r} is none of {', '.join(GENERATOR_FILES)}")
        if self.count < 1:
            raise UserError(f"count: must be at least 1, got {self.count}")
        if not 0 <= self.truncation <= 1:
            raise UserError(f"truncation: must lie in [0, 1], got {self.truncation}; 1 is off")
        if self.seed < 0:
            raise UserError(f"seed: must not be negative, got {self.seed}")


def draw(config: SampleConfig) -> None:
    """Write `config.count` pictures and the sheets to `config.out`.

    Raises:
        UserError: bad config, a checkpoint of another kind, or `out` holding another config's data.
    """
    path, out = Path(config.checkpoint), Path(config.out)
    if config.weights != "best":
        path = path.with_name(GENERATOR_FILES[config.weights])
    generator, name = load_sampler(path)
    generator.to(training.device(config.accelerator))
    if lineage.claim(out, "gan.sample", cli.plain(config), parents={"checkpoint": path}, extends=["count"]):
        print(f"{out}: already drawn")
        return
    with tracking.start(config.logger, "gan.sample", cli.plain(config), out) as run:
        for index in track(range(config.count), f"drawing from {name}", unit="image"):
            file = out / f"{index:06d}.png"
            if not file.is_file():
                _write(file, [[sample(generator, config.seed, index, config.truncation)]])
        sheets = []
        for title, rows in _sheets(generator, config):
            sheets.append(out / "sheets" / f"{title}.png")
            _write(sheets[-1], rows)
        run.images("sheets", sheets, [file.stem for file in sheets])
        run.summary({"images": config.count})
    lineage.complete(out)
    print(f"{out}: {config.count} images drawn")


def _sheets(generator: StyleGAN2Generator, config: SampleConfig) -> Iterator[tuple[str, list[list[Tensor]]]]:
    """The sheets by name, row by row."""
    seed, psi = config.seed, config.truncation

    def style(index: int) -> Tensor:
        return style_of(generator, seed, index, psi)

    shown = range(min(config.count, SHOWN))
    pictures = [sample(generator, seed, index, psi) for index in shown]
    white = torch.ones_like(pictures[0])
    pictures += [white] * (-len(pictures) % COLUMNS)
    yield "samples", [pictures[start : start + COLUMNS] for start in range(0, len(pictures), COLUMNS)]

    ways = [
        (i, torch.lerp(style(i), style(i + 1), step)) for i in range(WAYS) for step in torch.linspace(0, 1, COLUMNS)
    ]
    between = [picture_of(generator, way, seed, i) for i, way in ways]
    yield "interpolation", [between[start : start + COLUMNS] for start in range(0, len(between), COLUMNS)]

    coarse, fine = range(MIXED), range(MIXED, 2 * MIXED)
    half = (torch.arange(generator.styles, device=generator.average.device) < generator.styles // 2)[:, None]
    above = [white, *(sample(generator, seed, j, psi) for j in fine)]
    mixed = [[torch.where(half, style(i), style(j)) for j in fine] for i in coarse]
    below = [
        [sample(generator, seed, i, psi), *(picture_of(generator, w, seed, i) for w in row)]
        for i, row in zip(coarse, mixed, strict=True)
    ]
    yield "mixing", [above, *below]


def _write(file: Path, rows: list[list[Tensor]]) -> None:
    dataset.write_atomic(file, dataset.png_bytes(picture_grid(rows)))


if __name__ == "__main__":
    cli.run(draw, SampleConfig, "gan_sample", __doc__)
