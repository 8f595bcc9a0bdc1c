"""Split a labelled dataset folder into train and test, or into folds for cross-validation.

    python -m coldstart.split data=DIR train=8 seed=0 out=DIR
    python -m coldstart.split data=DIR folds=5 seed=0 out=DIR

writes the dataset folders out/train, out/val (with val=) and out/test, or out/fold0/train, out/fold0/test and so on.
Pictures that show the same thing stay on one side: equal and nearly equal photos, one capture session, one scene, a
render and its translations. Beyond that, every side gets its share of each class's boxes and of full and empty
pictures.
"""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coldstart import cli, groups, lineage, tracking
from coldstart.dataset import Dataset, Image, asked, list_photos, load, save, sha256
from coldstart.duplicates import near_duplicates
from coldstart.errors import UserError
from coldstart.formats.files import companions, moved
from coldstart.holdout import targets_behind
from coldstart.progress import track
from coldstart.stratify import stratify

__all__ = ["SplitConfig", "choose", "copy_part", "folds", "split"]

BINS = 3  # few, some and many boxes a picture, each a label of its own

Groups = list[list[int]]
Sides = dict[str, set[int]]


@dataclass(frozen=True)
class SplitConfig:
    """See conf/split.yaml; every field is a key of the command line."""

    data: str
    out: str
    train: int | float = 0.5
    val: int | float = 0
    folds: int = 0
    seed: int = 0
    session: list[str] = field(default_factory=lambda: list(groups.SESSION_KEYS))
    session_gap: float = groups.SESSION_GAP
    session_pattern: str | None = None
    near_duplicates: bool = True
    translators: list[str] = field(default_factory=list)
    logger: tracking.LoggerConfig = field(default_factory=tracking.LoggerConfig)

    def __post_init__(self) -> None:
        check_share(self.train, "train")
        if self.val:
            check_share(self.val, "val")
        if self.folds not in (0, *range(2, 1000)):
            raise UserError(f"folds: must be 0 (train and test) or at least 2, got {self.folds}")
        if self.folds and self.val:
            raise UserError("val: a fold has train and test alone; leave val out, or folds")
        if unknown := set(self.session) - set(groups.SESSION_KEYS):
            raise UserError(f"session: {sorted(unknown)[0]!r} is none of {', '.join(groups.SESSION_KEYS)}")
        if not self.session_gap >= 0:
            raise UserError(f"session_gap: must be 0 seconds or more, got {self.session_gap}")
        if self.seed < 0:
            raise UserError(f"seed: must be 0 or more, got {self.seed}")


def check_share(train: int | float, key: str) -> None:
    """Refuse what is neither a number of photos nor a fraction.

    Raises:
        UserError: `train` is not a whole number from 1 and not strictly between 0 and 1.
    """
    if not (0 < train < 1 or (train >= 1 and train % 1 == 0)):
        raise UserError(f"{key}: must be a number of photos (1, 2, …) or a fraction between 0 and 1, got {train}")


def choose(
    dataset: Dataset,
    train: int | float,
    seed: int,
    *,
    val: int | float = 0,
    grouped: Groups | None = None,
    in_train: Iterable[int] = (),
) -> Sides:
    """Image ids of the sides train, val (if asked for) and test.

    `grouped` are the pictures that stay together (by default those of `groups.together`), `in_train` those that must
    be in train. Train gets every class where that is possible; with groups of several pictures, sides may become a
    little larger or smaller than asked for.

    Raises:
        UserError: a side would be empty, or train too small for `in_train`.
    """
    total = len(dataset.images)
    wanted = {side: round(x * total) if x < 1 else int(x) for side, x in (("train", train), ("val", val)) if x}
    wanted["test"] = total - sum(wanted.values())
    if min(wanted.values()) < 1:
        most = total - 1 - wanted.get("val", 0)
        raise UserError(
            f"{dataset.root}: train={train}{f' val={val}' if val else ''} of its {total} photos leaves train or test "
            f"empty; choose 1 to {max(most, 1)} photos for train, or another fraction"
        )
    grouped = groups.together(dataset, groups.sessions(dataset)) if grouped is None else grouped
    fixed, free = _parted(grouped, in_train)
    if len(fixed) > wanted["train"]:
        raise UserError(
            f"{dataset.root}: {len(fixed)} of its photos taught a translator (or go with one that did) and must be in "
            f"train; give train={len(fixed)} or more"
        )
    room = np.array([wanted["train"] - len(fixed), *list(wanted.values())[1:]])
    dealt = _deal(dataset, free, room, seed, complete_first=True)
    sides = dict(zip(wanted, dealt, strict=True))
    sides["train"] |= fixed
    for side, ids in sides.items():
        if not ids:
            raise UserError(
                f"{dataset.root}: its {len(grouped)} groups of photos that belong together (copies, one session, one "
                f"scene) leave {side} empty; ask for another number of photos, or see session= in --help"
            )
    return sides


def folds(
    dataset: Dataset, count: int, seed: int, *, grouped: Groups | None = None, in_train: Iterable[int] = ()
) -> list[Sides]:
    """Train and test of each of `count` folds; every picture is in the test of one fold, but for those `in_train`.

    Raises:
        UserError: there are fewer groups than folds.
    """
    grouped = groups.together(dataset, groups.sessions(dataset)) if grouped is None else grouped
    fixed, free = _parted(grouped, in_train)
    if len(free) < count:
        raise UserError(
            f"{dataset.root}: has {len(free)} groups of photos that belong together (copies, one session, one scene), "
            f"too few for folds={count}; ask for fewer folds, or see session= in --help"
        )
    pictures = sum(map(len, free))
    room = np.array([pictures // count + (k < pictures % count) for k in range(count)])
    tests = _deal(dataset, free, room, seed)
    if not all(tests):
        raise UserError(f"{dataset.root}: its groups of photos are too large for folds={count}; ask for fewer folds")
    everything = fixed.union(*tests)
    return [{"train": everything - test, "test": test} for test in tests]


def _parted(grouped: Groups, in_train: Iterable[int]) -> tuple[set[int], Groups]:
    """The ids that must be in train, with those that go with them; and the groups that are free."""
    fixed = set(in_train)
    bound = [ids for ids in grouped if fixed & set(ids)]
    return set().union(*bound), [ids for ids in grouped if not fixed & set(ids)]


def _deal(
    dataset: Dataset, grouped: Groups, room: NDArray[np.int64], seed: int, *, complete_first: bool = False
) -> list[set[int]]:
    """The image ids of each side, stratified by the boxes of each class and the number of boxes in a picture."""
    sizes = np.array([len(ids) for ids in grouped], dtype=np.int64)
    labels = _labels(dataset, grouped)
    sides = stratify(labels, sizes, room, np.random.default_rng(seed), complete_first=complete_first)
    return [{i for ids, side in zip(grouped, sides, strict=True) if side == k for i in ids} for k in range(len(room))]


def _labels(dataset: Dataset, grouped: Groups) -> NDArray[np.float64]:
    """Groups × (classes + BINS): boxes of each class, and pictures with few, some and many boxes."""
    column = {c["id"]: k for k, c in enumerate(dataset.categories)}
    counted = {image: [a for a in found if asked(a)] for image, found in dataset.by_image().items()}
    order = sorted(counted, key=lambda image: len(counted[image]))
    bins = {image: rank * BINS // len(order) for rank, image in enumerate(order)}
    labels = np.zeros((len(grouped), len(column) + BINS))
    for row, ids in enumerate(grouped):
        for image in ids:
            labels[row, len(column) + bins[image]] += 1
            for a in counted[image]:
                labels[row, column[a["category_id"]]] += 1
    return labels


def split(config: SplitConfig) -> None:
    """Write the folders of the sides, or of every fold's sides."""
    dataset = load(config.data)
    grouped = _grouped(dataset, config)
    used = _used(dataset, config.translators)
    parts: Mapping[str, Sides]
    if config.folds:
        dealt = folds(dataset, config.folds, config.seed, grouped=grouped, in_train=used)
        parts = {f"fold{k}/": sides for k, sides in enumerate(dealt)}
    else:
        parts = {
            "": choose(dataset, config.train, config.seed, val=config.val, grouped=grouped, in_train=used),
        }
    out, settings, parents = Path(config.out), cli.plain(config), {"data": config.data}
    parents |= {f"translator {n}": folder for n, folder in enumerate(config.translators)}
    if lineage.claim(out, "split", settings, parents):
        print(f"{out}: already complete")
        return
    with tracking.start(config.logger, "split", settings, out) as run:
        for part, side, ids in ((part, side, ids) for part, sides in parts.items() for side, ids in sides.items()):
            folder = out / part / side
            lineage.claim(folder, "split", {**settings, "side": side}, parents)
            copied = copy_part(dataset, ids, folder, f"copy {part}{side}")
            counts = {"images": len(copied.images), "boxes": len(copied.annotations)}
            lineage.complete(folder, **counts)
            run.summary({f"{part}{side}/{key}": value for key, value in counts.items()})
            run.images(f"{part}{side}", [copied.path(image) for image in copied.images[:8]])
            print(f"{folder}: {counts['images']} images, {counts['boxes']} boxes")
    lineage.complete(out)


def _grouped(dataset: Dataset, config: SplitConfig) -> Groups:
    """What must not be parted. Where all photos are one session, sessions say nothing and are left out."""
    sessions = groups.sessions(dataset, config.session, config.session_gap, config.session_pattern)
    if len(sessions) == 1 and len(dataset.images) > 1:
        print(
            f"{dataset.root}: all photos are of one session, which is split nevertheless: "
            "its test photos look more like its train photos than those of another day would"
        )
    grouped = groups.together(dataset, sessions)
    if config.near_duplicates:
        photos = [image for image in dataset.images if "index" not in image]  # renders may well be alike
        pairs = near_duplicates([dataset.path(image) for image in photos])
        alike = [(photos[pair.first]["id"], photos[pair.second]["id"]) for pair in pairs]
        grouped = groups.connected([image["id"] for image in dataset.images], [*grouped, *alike])
    largest = max(map(len, grouped))
    print(f"{len(dataset.images)} photos, {len(grouped)} groups that stay together, the largest of {largest}")
    return grouped


def _used(dataset: Dataset, translators: Iterable[str]) -> set[int]:
    """Ids of the photos that translators have learned from."""
    for folder in translators:
        lineage.read_card(folder)  # without one, nobody knows what it has learned from
    targets = [target for folder in translators for target in targets_behind(folder)]
    digests = {sha256(photo) for target in targets for photo in list_photos(target)}
    return {image["id"] for image in dataset.images if digests and sha256(dataset.path(image)) in digests}


def copy_part(dataset: Dataset, ids: set[int], root: Path, description: str) -> Dataset:
    """The images `ids` of `dataset` as a dataset folder of their own, each with the sha256 of its file.

    Masks, passes and scene records come along; `source` leads to the same picture as before.
    """
    images: list[Image] = []
    for image in track([i for i in dataset.images if i["id"] in ids], description, unit="img"):
        picture = dataset.path(image)
        for name, source in {f"images/{image['file_name']}": picture, **companions(dataset, image)}.items():
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        images.append({**moved(image, dataset.root, root), "sha256": sha256(picture)})
    annotations = [a for a in dataset.annotations if a["image_id"] in ids]
    copied = Dataset(root, images, annotations, dataset.categories, dataset.info)
    save(copied)
    return copied


if __name__ == "__main__":
    cli.run(split, SplitConfig, "split", __doc__)
