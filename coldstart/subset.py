"""Some photos of a labelled dataset folder: what a detector gets that may learn from `count` of them.

    python -m coldstart.subset data=outputs/split/train count=3 seed=0 out=outputs/three

The photos of a smaller count are among those of a larger one. Each next photo is the one that shows most of the classes
that are still lacking, by chance among equals: what one would label first.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from coldstart import cli, lineage, tracking
from coldstart.dataset import Dataset, asked, load
from coldstart.errors import UserError
from coldstart.split import copy_part

__all__ = ["SubsetConfig", "ranked", "subset"]


@dataclass(frozen=True)
class SubsetConfig:
    """See conf/subset.yaml; every field is a key of the command line."""

    data: str
    count: int
    out: str
    seed: int = 0
    logger: tracking.LoggerConfig = field(default_factory=tracking.LoggerConfig)

    def __post_init__(self) -> None:
        if self.count < 1 or self.seed < 0:
            raise UserError("count must be at least 1 and seed not below 0")


def ranked(dataset: Dataset, seed: int) -> list[int]:
    """The ids of all images, in the order in which a growing subset takes them.

    Photos in turn until every class was seen, then from the beginning; those without a box come last.
    """
    waiting = [dataset.images[k]["id"] for k in np.random.default_rng(seed).permutation(len(dataset.images))]
    shown = {image: {a["category_id"] for a in found if asked(a)} for image, found in dataset.by_image().items()}
    order: list[int] = []
    seen: set[int] = set()
    while waiting:
        best = max(waiting, key=lambda image: len(shown[image] - seen))  # the first of equals
        if not shown[best] - seen and seen:
            seen = set()
            continue
        seen |= shown[best]
        waiting.remove(best)
        order.append(best)
    return order


def subset(config: SubsetConfig) -> None:
    """Write the first `count` photos of `config.data`, all of them if there are fewer."""
    dataset, out, settings = load(config.data), Path(config.out), cli.plain(config)
    if lineage.claim(out, "subset", settings, {"data": config.data}):
        print(f"{out}: already complete")
        return
    with tracking.start(config.logger, "subset", settings, out) as run:
        copied = copy_part(dataset, set(ranked(dataset, config.seed)[: config.count]), out, "copy")
        counts = {"images": len(copied.images), "boxes": len(copied.annotations)}
        run.summary(counts)
    lineage.complete(out, **counts)
    print(f"{out}: {counts['images']} images, {counts['boxes']} boxes")


if __name__ == "__main__":
    cli.run(subset, SubsetConfig, "subset", __doc__)
