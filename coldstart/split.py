"""Split a labelled dataset folder into train and test.

    python -m coldstart.split data=DIR train=8 seed=0 out=DIR

writes the dataset folders out/train and out/test. The split is fixed by the seed. Train gets at least one picture of
every class where that is possible, and identical pictures always stay on one side.
"""

import shutil
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from coldstart import cli, lineage, tracking
from coldstart.dataset import Dataset, Image, load, save, sha256
from coldstart.errors import UserError
from coldstart.progress import track

__all__ = ["SplitConfig", "choose", "split"]


@dataclass(frozen=True)
class SplitConfig:
    """See conf/split.yaml; every field is a key of the command line."""

    data: str
    out: str
    train: int | float = 0.5
    seed: int = 0
    logger: tracking.LoggerConfig = field(default_factory=tracking.LoggerConfig)

    def __post_init__(self) -> None:
        check_share(self.train, "train")
        if self.seed < 0:
            raise UserError(f"seed: must be 0 or more, got {self.seed}")


def check_share(train: int | float, key: str) -> None:
    """Refuse what is neither a number of photos nor a fraction.

    Raises:
        UserError: `train` is not a whole number from 1 and not strictly between 0 and 1.
    """
    if not (0 < train < 1 or (train >= 1 and train % 1 == 0)):
        raise UserError(f"{key}: must be a number of photos (1, 2, …) or a fraction between 0 and 1, got {train}")


def choose(dataset: Dataset, train: int | float, seed: int) -> set[int]:
    """Ids of the images that go to train; the others go to test.

    Groups of identical pictures (same sha256 of the file) are shuffled by `seed`. First come those that add the most
    classes train does not have yet, then the rest in shuffled order, until `train` images are taken. A group that would
    overshoot is passed over, so with duplicates train may end up a little smaller than asked for.

    Raises:
        UserError: either side would be empty.
    """
    total = len(dataset.images)
    wanted = round(train * total) if train < 1 else int(train)
    if not 1 <= wanted < total:
        raise UserError(
            f"{dataset.root}: train={train} of its {total} photos leaves train or test empty; "
            f"choose 1 to {total - 1} photos, or another fraction"
        )
    labels = {
        image: {a["category_id"] for a in found if not a.get("ignore")} for image, found in dataset.by_image().items()
    }
    same: dict[str, list[int]] = defaultdict(list)
    for image in dataset.images:
        same[sha256(dataset.path(image))].append(image["id"])
    groups = list(same.values())
    waiting = [groups[i] for i in np.random.default_rng(seed).permutation(len(groups))]
    taken: set[int] = set()
    seen: set[int] = set()

    def fits(group: list[int]) -> bool:
        return len(taken) + len(group) <= wanted

    def new_classes(group: list[int]) -> int:
        return len(set().union(*(labels[i] for i in group)) - seen)

    # max keeps the first of equals, so that the shuffled order decides among them.
    while (best := max(filter(fits, waiting), key=new_classes, default=[])) and new_classes(best):
        waiting.remove(best)
        taken.update(best)
        seen.update(*(labels[i] for i in best))
    for group in waiting:
        if fits(group):
            taken.update(group)
    if not taken:
        raise UserError(f"{dataset.root}: train={train} is fewer than its groups of identical photos; choose more")
    return taken


def split(config: SplitConfig) -> None:
    """Write out/train and out/test."""
    dataset = load(config.data)
    taken = choose(dataset, config.train, config.seed)
    out, settings, parents = Path(config.out), cli.plain(config), {"data": config.data}
    if lineage.claim(out, "split", settings, parents):
        print(f"{out}: already complete")
        return
    with tracking.start(config.logger, "split", settings, out) as run:
        for side, ids in (("train", taken), ("test", {i["id"] for i in dataset.images} - taken)):
            lineage.claim(out / side, "split", {**settings, "side": side}, parents)
            copied = _copy(dataset, ids, out / side, f"copy {side}")
            counts = {"images": len(copied.images), "boxes": len(copied.annotations)}
            lineage.complete(out / side, **counts)
            run.summary({f"{side}/{key}": value for key, value in counts.items()})
            run.images(side, [copied.path(image) for image in copied.images[:8]])
            print(f"{out / side}: {counts['images']} images, {counts['boxes']} boxes")
    lineage.complete(out)


def _copy(dataset: Dataset, ids: set[int], root: Path, description: str) -> Dataset:
    """The images `ids` of `dataset` as a dataset folder of their own, each with the sha256 of its file."""
    images: list[Image] = []
    for image in track([i for i in dataset.images if i["id"] in ids], description, unit="img"):
        picture = dataset.path(image)
        pairs = [(picture, root / "images" / image["file_name"])]
        if dataset.mask_path(image).is_file():
            pairs.append((dataset.mask_path(image), root / "masks" / dataset.mask_path(image).name))
        for source, target in pairs:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        images.append({**image, "sha256": sha256(picture)})
    annotations = [a for a in dataset.annotations if a["image_id"] in ids]
    copied = Dataset(root, images, annotations, dataset.categories, dataset.info)
    save(copied)
    return copied


if __name__ == "__main__":
    cli.run(split, SplitConfig, "split", __doc__)
