"""Training pictures from dataset folders: read once, mixed by an exact quota, augmented by seed."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from coldstart import dataset as folders
from coldstart.errors import UserError
from coldstart.pictures import UNREADABLE, opened, rgb
from coldstart.progress import track
from detect.augment import Augmentation
from detect.compose import IGNORED, Composer, Sample
from detect.letterbox import Letterbox

__all__ = ["Batches", "Sample", "TrainingSet", "class_names", "labels", "loader", "read", "read_picture", "targets"]

Targets = list[dict[str, Tensor]]


def class_names(datasets: Sequence[folders.Dataset]) -> list[str]:
    """All category names, in the order in which the folders name them first: classes are matched by name, not by id."""
    return list(dict.fromkeys(name for dataset in datasets for name in dataset.class_names))


def targets(annotations: Sequence[folders.Annotation]) -> list[folders.Annotation]:
    """What a detector is asked for: annotations without `ignore` and `iscrowd`."""
    return [a for a in annotations if folders.asked(a)]


def labels(dataset: folders.Dataset, names: Sequence[str]) -> list[int]:
    """The class, as a place in `names`, of each of a folder's `targets`."""
    category = {c["id"]: names.index(c["name"]) for c in dataset.categories}
    return [category[a["category_id"]] for a in targets(dataset.annotations)]


def read_picture(path: Any) -> Tensor:
    """3×H×W uint8 as stored: EXIF orientation is not applied, since boxes are for stored pixels.

    Raises:
        UserError: the file is no readable picture.
    """
    with opened(path) as picture:
        return torch.from_numpy(np.array(rgb(picture))).permute(2, 0, 1).contiguous()


def read(dataset: folders.Dataset, names: Sequence[str], size: tuple[int, int], *, masks: bool = False) -> list[Sample]:
    """Decode a folder's pictures, shrunk to at most twice the training size so that crops stay sharp.

    With `masks`, also where each object is seen, for pictures that have an instance mask.
    """
    category = {c["id"]: names.index(c["name"]) for c in dataset.categories}
    grouped = dataset.by_image()
    samples = []
    for record in track(dataset.images, f"reading {dataset.root.name}", unit="image"):
        picture = read_picture(dataset.path(record))
        ordered = sorted(grouped[record["id"]], key=folders.asked, reverse=True)  # what is asked for comes first
        wanted = targets(ordered)
        boxes = torch.tensor([a["bbox"] for a in ordered], dtype=torch.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        width, height = record["width"], record["height"]
        boxes = torch.minimum(boxes.clamp(min=0), torch.tensor([width, height] * 2))
        objects = _objects(dataset.mask_path(record), wanted) if masks else None
        place = Letterbox((width, height), (2 * size[0], 2 * size[1]))
        if place.inner[0] < width:
            shrunk = torch.nn.functional.interpolate
            picture = shrunk(picture[None], place.inner[::-1], mode="bilinear", antialias=True)[0]
            boxes = boxes * torch.tensor([place.inner[0] / width, place.inner[1] / height] * 2)
            if objects is not None:
                objects = shrunk(objects[None, None], place.inner[::-1], mode="nearest-exact")[0, 0]
        labels = torch.tensor([category[a["category_id"]] if folders.asked(a) else IGNORED for a in ordered]).long()
        visible = torch.tensor([a.get("visible_fraction", 1.0) for a in ordered], dtype=torch.float32)
        # Boxes to be ignored may lie outside.
        kept = (labels != IGNORED) | ((boxes[:, 2:] - boxes[:, :2]).amin(dim=1) > 0)
        samples.append(Sample(picture, boxes[kept], labels[kept], visible[kept], objects))
    return samples


def _objects(path: Path, wanted: Sequence[folders.Annotation]) -> Tensor | None:
    """The mask at `path` with 1 + the place in `wanted` instead of instance values; None where there is none."""
    if not path.is_file() or not all("instance" in a for a in wanted) or len(wanted) > 254:
        return None
    try:
        with Image.open(path) as picture:
            instances = np.array(picture)
    except UNREADABLE as error:
        raise UserError(f"{path}: cannot be read as a mask ({error})") from None
    rows = np.zeros(max([int(instances.max()), *(a["instance"] for a in wanted)]) + 1, dtype=np.uint8)
    rows[[a["instance"] for a in wanted]] = np.arange(1, len(wanted) + 1)
    return torch.from_numpy(rows[instances])


class Batches(Sampler[list[tuple[int, int]]]):
    """Batches of (sample index, seed); `samples` and `quota` (exact) are (synthetic, real) counts.

    Samples are numbered synthetic first; each kind is walked through in a new random order again and again. With
    `weights`, one a sample, a sample comes so many times in a round as its weight is of its kind's mean, on average;
    with `phases`, (first batch, quota) in rising order, the quota changes there. The same `seed` gives the same batches
    whatever the number of workers. Iteration begins at batch `start`, where an interrupted training stood; the length
    stays `steps`, from which Lightning counts.
    """

    def __init__(
        self,
        samples: tuple[int, int],
        quota: tuple[int, int],
        steps: int,
        seed: int | list[int],
        start: int = 0,
        *,
        weights: Sequence[float] | None = None,
        phases: Sequence[tuple[int, tuple[int, int]]] = (),
    ) -> None:
        synthetic, real = samples
        self.pools = [range(synthetic), range(synthetic, synthetic + real)]
        self.weights = np.ones(synthetic + real) if weights is None else np.array(weights, dtype=float)
        self.phases = [(0, quota), *phases]
        self.steps, self.seed, self.start = steps, seed, start

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        generator = np.random.default_rng(self.seed)
        used = [any(quota[kind] for _, quota in self.phases) for kind in range(2)]
        streams = {
            kind: _endless(self.pools[kind], self.weights[self.pools[kind]], generator.spawn(1)[0])
            for kind in range(2)
            if used[kind]
        }
        for step in range(self.steps):
            quota = next(quota for first, quota in reversed(self.phases) if first <= step)
            indices = [next(stream) for kind, stream in streams.items() for _ in range(quota[kind])]
            seeds = generator.integers(2**62, size=len(indices)).tolist()
            if step >= self.start:
                yield list(zip(indices, seeds, strict=True))


def _endless(pool: range, weights: NDArray[np.float64], generator: np.random.Generator) -> Iterator[int]:
    times = weights / weights.mean()
    whole, rest = np.floor(times).astype(int), times % 1
    while True:
        counts = whole + (generator.random(len(pool)) < rest) if rest.any() else whole
        places = np.repeat(np.arange(len(pool)), counts)
        yield from (pool[i] for i in generator.permutation(places))


class TrainingSet(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Augmented samples; the key is (sample index, seed). The first `synthetic` are rendered, the others photos."""

    def __init__(self, samples: Sequence[Sample], augmentation: Augmentation, synthetic: int) -> None:
        self.augmentation = augmentation
        self.composer = Composer(samples, synthetic, augmentation.config)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
        index, seed = key
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            sample = self.composer(index)
            return self.augmentation(sample.picture, sample.boxes, sample.labels)


def loader(samples: Sequence[Sample], augmentation: Augmentation, batches: Batches, workers: int) -> DataLoader[Any]:
    """Batches as torchvision's detectors want them: a list of pictures and a list of targets."""
    return DataLoader(
        TrainingSet(samples, augmentation, len(batches.pools[0])),
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=_collate,
        persistent_workers=workers > 0,
    )


def _collate(items: list[tuple[Tensor, Tensor, Tensor]]) -> tuple[list[Tensor], Targets]:
    return [p for p, _, _ in items], [_target(boxes, labels) for _, boxes, labels in items]


def _target(boxes: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """`boxes` N×4 and `labels` N of what is asked for, and `ignored` K×4, which teach neither that something is there
    nor that nothing is (of the detectors, `fcos_lite0` heeds them)."""
    asked = labels != IGNORED
    return {"boxes": boxes[asked], "labels": labels[asked], "ignored": boxes[~asked]}
