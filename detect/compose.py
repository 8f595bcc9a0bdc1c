"""Pictures made of several: objects cut from one and pasted into another, and mosaics of four."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from detect.augment import AugmentConfig

__all__ = ["IGNORED", "Composer", "Sample", "mosaic", "paste"]

IGNORED = -1  # label of boxes that are not asked for
WHOLE = 0.8  # objects of which less is visible are not cut out: what hides them would be missing
SCALE = (0.7, 1.3)  # of a pasted object, times its size in relation to its picture's height
FEATHER = 0.7  # sigma of a cut-out's edge, pixels
CUT = (0.3, 0.7)  # where a mosaic's pictures meet, as a share of its sides
ZOOM = (0.5, 1.0)  # side of what a mosaic shows of a picture, of the largest part that fits


@dataclass(frozen=True)
class Sample:
    """A 3×H×W uint8 picture, its N×4 boxes x1 y1 x2 y2 in its pixels and their N labels from 0 (or IGNORED).

    `visible` is how much of each object is seen (N, 0..1); `objects` (H×W uint8) says where: 1 + its place in `boxes`.
    """

    picture: Tensor
    boxes: Tensor
    labels: Tensor
    visible: Tensor
    objects: Tensor | None = None


class Composer:
    """Sample by index, with objects of the other kind pasted in and as a mosaic of its own kind, each by chance.

    The first `synthetic` samples are rendered, the others photos: a composed picture stays of the kind of its first.
    Draws from torch's global generator alone.
    """

    def __init__(self, samples: Sequence[Sample], synthetic: int, config: AugmentConfig) -> None:
        self.samples, self.config = samples, config
        self.kinds = [range(synthetic), range(synthetic, len(samples))]
        # Objects by class, so that a rare class is pasted as often as a common one.
        self.whole: list[list[list[tuple[int, int]]]] = []
        for kind in self.kinds if config.copy_paste else ():
            by_class: dict[int, list[tuple[int, int]]] = defaultdict(list)
            for index in kind:
                sample = samples[index]
                for row in ((sample.visible >= WHOLE) & (sample.labels != IGNORED)).nonzero()[:, 0].tolist():
                    by_class[int(sample.labels[row])].append((index, row))
            self.whole.append([by_class[label] for label in sorted(by_class)])

    def __call__(self, index: int) -> Sample:
        """The sample, or what was made of it."""
        kind = 0 if index in self.kinds[0] else 1
        sample = self._pasted(index, kind)
        if _chance(self.config.mosaic):
            others = [self.kinds[kind][_whole(len(self.kinds[kind]))] for _ in range(3)]
            sample = mosaic([sample, *(self._pasted(i, kind) for i in others)], self.config.min_visible)
        return sample

    def _pasted(self, index: int, kind: int) -> Sample:
        sample = self.samples[index]
        if not _chance(self.config.copy_paste) or not self.whole[1 - kind]:
            return sample
        least, most = self.config.pasted
        objects = []
        for _ in range(least + _whole(most - least + 1)):
            of_class = self.whole[1 - kind][_whole(len(self.whole[1 - kind]))]
            donor, row = of_class[_whole(len(of_class))]
            objects.append((self.samples[donor], row))
        return paste(sample, objects, self.config.min_visible)


def paste(sample: Sample, objects: Sequence[tuple[Sample, int]], min_visible: float) -> Sample:
    """Paste objects (donor, row) into `sample` at random places: copy-paste (Ghiasi et al. 2021, arXiv 2012.07177).

    An object is cut out by its donor's `objects`, or as its box where there are none. It is as large in relation to the
    picture's height as in its donor, times `SCALE`. Of what it covers, boxes shrink to what is still seen, and objects
    of which less than `min_visible` is left are no targets any more; neither is what would be pasted mostly outside the
    frame. The result has no `objects`.
    """
    picture = sample.picture.clone()
    height, width = picture.shape[1:]
    regions = list(_regions(sample))
    boxes, labels = list(sample.boxes), list(sample.labels)
    full = [int(region.sum()) for region in regions]
    visible = sample.visible.tolist()
    for donor, row in objects:
        patch, alpha = _cut(donor, row, height / donor.picture.shape[1] * _between(SCALE))
        side_y, side_x = alpha.shape
        x, y = _whole(width) - side_x // 2, _whole(height) - side_y // 2
        inside = (slice(max(0, -y), min(side_y, height - y)), slice(max(0, -x), min(side_x, width - x)))
        seen = alpha[inside]
        share = float((seen > 0.5).sum() / (alpha > 0.5).sum().clamp(min=1))
        if share < min_visible:
            continue
        frame = (slice(max(0, y), max(0, y) + seen.shape[0]), slice(max(0, x), max(0, x) + seen.shape[1]))
        mixed = seen * patch[:, inside[0], inside[1]] + (1 - seen) * picture[:, frame[0], frame[1]]
        picture[:, frame[0], frame[1]] = mixed.round().to(torch.uint8)
        covered = torch.zeros(height, width, dtype=torch.bool)
        covered[frame] = seen > 0.5
        regions = [region & ~covered for region in regions]
        regions.append(covered)
        full.append(int(covered.sum()))
        boxes.append(_tight(covered))
        labels.append(donor.labels[row])
        visible.append(float(donor.visible[row]) * share)
    kept = []
    for i, region in enumerate(regions):
        left = int(region.sum())
        if left < full[i]:  # what nothing covers keeps its box to the fraction of a pixel
            visible[i] *= left / full[i]
            if visible[i] < min_visible or not left:
                continue
            boxes[i] = _within(_tight(region), boxes[i])
        kept.append(i)
    return Sample(
        picture,
        torch.stack([boxes[i] for i in kept]) if kept else torch.zeros(0, 4),
        torch.stack([labels[i] for i in kept]) if kept else torch.zeros(0, dtype=torch.long),
        torch.tensor([visible[i] for i in kept]),
    )


def mosaic(samples: Sequence[Sample], min_visible: float) -> Sample:
    """Four pictures around a random point, each cut to its quarter (Bochkovskiy et al. 2020, arXiv 2004.10934).

    As large as the first. Objects of which less than `min_visible` is left are no targets.
    """
    height, width = samples[0].picture.shape[1:]
    middle_y, middle_x = round(height * _between(CUT)), round(width * _between(CUT))
    canvas = torch.empty_like(samples[0].picture)
    parts = []
    corners = [(0, 0), (middle_x, 0), (0, middle_y), (middle_x, middle_y)]
    for sample, (left, top) in zip(samples, corners, strict=True):
        w, h = (middle_x if left == 0 else width - middle_x), (middle_y if top == 0 else height - middle_y)
        their_h, their_w = sample.picture.shape[1:]
        scale = min(their_w / w, their_h / h) * _between(ZOOM)
        cut_w, cut_h = max(1, round(w * scale)), max(1, round(h * scale))
        x, y = _whole(their_w - cut_w + 1), _whole(their_h - cut_h + 1)
        part = sample.picture[:, y : y + cut_h, x : x + cut_w]
        canvas[:, top : top + h, left : left + w] = F.resize(part, [h, w], antialias=True)
        cut = torch.tensor([x, y, x + cut_w, y + cut_h])
        inside = torch.cat([sample.boxes[:, :2].maximum(cut[:2]), sample.boxes[:, 2:].minimum(cut[2:])], dim=1)
        share = _area(inside) / _area(sample.boxes).clamp(min=1e-6)
        visible = sample.visible * share
        kept = (share > 0) & ((share >= 1) | (visible >= min_visible))
        moved = (inside - cut[:2].repeat(2)) * torch.tensor([w / cut_w, h / cut_h] * 2) + torch.tensor([left, top] * 2)
        parts.append((moved[kept], sample.labels[kept], visible[kept]))
    return Sample(canvas, *(torch.cat(column) for column in zip(*parts, strict=True)))


def _regions(sample: Sample) -> Tensor:
    """N×H×W: the pixels of each object; those of its whole box where nobody knows better."""
    if sample.objects is not None:
        return sample.objects[None] == torch.arange(1, len(sample.boxes) + 1, dtype=torch.uint8)[:, None, None]
    height, width = sample.picture.shape[1:]
    x1, y1, x2, y2 = sample.boxes.round().T[:, :, None, None]
    xs, ys = torch.arange(width)[None, None] + 0.5, torch.arange(height)[None, :, None] + 0.5
    return (x1 < xs) & (xs < x2) & (y1 < ys) & (ys < y2)


def _cut(donor: Sample, row: int, scale: float) -> tuple[Tensor, Tensor]:
    """The object's pixels, 3×h×w in 0..255, and how much of each is its own, h×w in 0..1; scaled, edges feathered."""
    height, width = donor.picture.shape[1:]
    x1, y1 = donor.boxes[row, :2].floor().int().clamp(min=0).tolist()
    x2, y2 = donor.boxes[row, 2:].ceil().int().tolist()
    window = slice(y1, max(min(y2, height), y1 + 1)), slice(x1, max(min(x2, width), x1 + 1))
    patch = donor.picture[:, window[0], window[1]].float()
    own = torch.ones(patch.shape[1:]) if donor.objects is None else (donor.objects[window] == row + 1).float()
    size = [max(2, round(side * scale)) for side in own.shape]
    both = F.resize(torch.cat([patch, own[None]]), size, antialias=True)
    soft = F.gaussian_blur(F.pad(both[3:], [1]), [3, 3], [FEATHER, FEATHER])[0, 1:-1, 1:-1]  # nothing lies around it
    return both[:3].clamp(0, 255), soft.clamp(0, 1)


def _tight(region: Tensor) -> Tensor:
    """The box around an H×W region."""
    rows, columns = region.any(dim=1).nonzero(), region.any(dim=0).nonzero()
    return torch.stack([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]).float()[:, 0]


def _within(box: Tensor, outer: Tensor) -> Tensor:
    """`box`, but `outer`'s side where they are less than a pixel apart."""
    return torch.where((box - outer).abs() < 1, outer, box)


def _area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(dim=1)


def _chance(probability: float) -> bool:
    """Draws only where there is something to decide, so that what is off leaves the other draws as they are."""
    return probability > 0 and float(torch.rand(())) < probability


def _between(ends: tuple[float, float]) -> float:
    return float(torch.empty(()).uniform_(*ends))


def _whole(count: int) -> int:
    """A whole number from 0 to below `count`."""
    return int(torch.randint(count, ()))
