"""Boxes are found again by colour after every composition."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from detect.augment import Augmentation, AugmentConfig
from detect.compose import Composer, Sample, mosaic, paste

COLOURS = torch.tensor([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [255, 0, 255], [0, 255, 255]])
PLACES = [(10, 12, 40, 50), (60, 20, 96, 44), (30, 70, 80, 100)]


def sample(labels: tuple[int, ...], *, masks: bool, size: tuple[int, int] = (110, 120)) -> Sample:
    """Rectangles of the labels' colours on grey; with `masks`, they are known to the pixel."""
    picture = torch.full((3, size[1], size[0]), 127, dtype=torch.uint8)
    objects = torch.zeros(size[1], size[0], dtype=torch.uint8)
    for row, (label, (x1, y1, x2, y2)) in enumerate(zip(labels, PLACES, strict=False), start=1):
        picture[:, y1:y2, x1:x2] = COLOURS[label][:, None, None]
        objects[y1:y2, x1:x2] = row
    boxes = torch.tensor(PLACES[: len(labels)]).float().reshape(-1, 4)
    return Sample(picture, boxes, torch.tensor(labels), torch.ones(len(labels)), objects if masks else None)


def coloured(picture: Tensor, label: int) -> Tensor:
    """H×W: pixels of the label's colour, edges apart."""
    return (picture.float() - COLOURS[label][:, None, None]).abs().sum(0) < 150


def box_of(region: Tensor) -> list[int]:
    rows, columns = region.nonzero().T
    return [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1]


def fits(picture: Tensor, box: Tensor, label: int) -> bool:
    """Whether the label's colour fills `box` to all its sides, and does not go on beyond them."""
    region = coloured(picture, label)
    height, width = region.shape
    x1, y1, x2, y2 = box.round().int().tolist()
    inside = region[y1:y2, x1:x2]
    if not inside.any() or box_of(inside) != pytest.approx([0, 0, x2 - x1, y2 - y1], abs=2):
        return False
    beyond = [region[y1:y2, x - 1 : x] for x in (x1 - 2, x2 + 3) if 0 < x <= width]
    beyond += [region[y - 1 : y, x1:x2] for y in (y1 - 2, y2 + 3) if 0 < y <= height]
    return not any(side.float().mean() > 0.2 for side in beyond)


def seeds(count: int) -> Iterator[int]:
    for seed in range(count):
        torch.manual_seed(seed)
        yield seed


def check(made: Sample, *, least: float) -> tuple[int, int]:
    """How many boxes fit their colour, of how many; no colour of which much is seen lacks a box."""
    assert len(made.boxes) == len(made.labels) == len(made.visible)
    for label in range(len(COLOURS)):
        if label not in made.labels.tolist():
            assert coloured(made.picture, label).sum() < least
    pairs = zip(made.boxes, made.labels.tolist(), strict=True)
    return sum(fits(made.picture, box, label) for box, label in pairs), len(made.boxes)


def most(counts: list[tuple[int, int]], *, at_least: int) -> None:
    """All boxes fit, but for a few that lie beside their own colour, or are slivers of mixed colours."""
    fitting, boxes = (sum(column) for column in zip(*counts, strict=True))
    assert boxes >= at_least
    assert fitting >= 0.94 * boxes


def test_what_is_pasted_covers_and_shrinks_what_was_there() -> None:
    whole, shrunk, counts = 0, 0, []
    for _ in seeds(80):
        target, donor = sample((0, 1, 2), masks=True), sample((3, 4), masks=True)
        made = paste(target, [(donor, 0), (donor, 1)], 0.3)
        counts.append(check(made, least=0.35 * 1500))
        for box, label, visible in zip(made.boxes, made.labels.tolist(), made.visible.tolist(), strict=True):
            if label < 3:
                before = coloured(target.picture, label).sum()
                assert visible == pytest.approx(float(coloured(made.picture, label).sum() / before), abs=0.12)
                whole += visible == 1
                shrunk += visible < 1 and bool((box != target.boxes[label]).any())
        assert all(v >= 0.3 for v in made.visible.tolist())
    most(counts, at_least=300)
    assert whole > 40
    assert shrunk > 10


def test_a_photo_takes_pastes_without_masks_and_gives_boxes() -> None:
    counts = []
    for _ in seeds(60):
        made = paste(sample((0, 1), masks=False), [(sample((3, 4, 5), masks=False), 2)], 0.3)
        counts.append(check(made, least=0.35 * 2000))
    most(counts, at_least=120)


def test_what_is_hidden_too_much_is_no_target() -> None:
    target = sample((0,), masks=True)
    target.visible[0] = 0.4  # the renderer says that more than half is hidden already
    dropped = 0
    for _ in seeds(40):
        made = paste(target, [(sample((3, 4, 5), masks=True), 2)], 0.3)
        left = float(coloured(made.picture, 0).sum() / coloured(target.picture, 0).sum())
        if left < 0.7:
            assert 0 not in made.labels
            dropped += 1
        elif left > 0.8:
            assert 0 in made.labels
    assert dropped > 3


def test_only_the_object_is_pasted_where_its_mask_is_known() -> None:
    donor = sample((3, 4), masks=True)
    donor.objects[10:30, 10:40] = 0  # type: ignore[index]  # the upper half of the first box is not the object
    for _ in seeds(20):
        made = paste(sample((), masks=True), [(donor, 0)], 0.0)
        if len(made.boxes):
            x1, y1, x2, y2 = made.boxes[0].int().tolist()
            assert coloured(made.picture, 3)[y1:y2, x1:x2].float().mean() > 0.8


def test_a_mosaic_keeps_boxes_on_their_objects() -> None:
    kinds = [sample((label,), masks=True) for label in range(4)]
    kinds[1] = sample((1,), masks=True, size=(150, 105))
    counts = []
    for _ in seeds(80):
        made = mosaic(kinds, 0.3)
        assert made.picture.shape == kinds[0].picture.shape
        counts.append(check(made, least=0.35 * 2000))
    most(counts, at_least=100)


def test_the_whole_chain_keeps_boxes_on_their_objects() -> None:
    """All at once, with everything geometric that training does after it.

    Only whole objects are targets here: a crop of what is left of a covered one may have a smaller box than the crop of
    its box.
    """
    config = AugmentConfig(copy_paste=0.7, mosaic=0.5, chance=0.6, min_visible=1.0)
    renders = [sample((0,), masks=True), sample((1,), masks=True), sample((2,), masks=True), sample((4,), masks=True)]
    composer = Composer([*renders, sample((3,), masks=False), sample((5,), masks=False)], 4, config)
    augmentation = Augmentation(config, (110, 120))
    counts = []
    for seed in seeds(200):
        made = composer(seed % 6)
        picture, boxes, kept = augmentation.move(made.picture, made.boxes, made.labels)
        pairs = [(box, label) for box, label in zip(boxes, kept.tolist(), strict=True) if (box[2:] - box[:2]).min() > 8]
        counts.append((sum(fits(picture, box, label) for box, label in pairs), len(pairs)))
    most(counts, at_least=200)


def test_pastes_come_from_the_other_kind_and_mosaics_from_the_same() -> None:
    config = AugmentConfig(copy_paste=1.0, pasted=[2, 2])
    samples = [sample((0, 1), masks=True), sample((2,), masks=True), sample((3, 4), masks=False)]
    composer = Composer(samples, 2, config)
    for seed in seeds(20):
        made = composer(seed % 3)
        own, pasted = ({0, 1, 2}, {3, 4}) if seed % 3 < 2 else ({3, 4}, {0, 1, 2})
        assert set(made.labels.tolist()) & pasted
        assert set(made.labels.tolist()) <= own | pasted
    composer = Composer(samples, 2, AugmentConfig(mosaic=1.0))
    assert all(set(composer(2).labels.tolist()) <= {3, 4} for _ in seeds(10))


def test_hidden_objects_are_not_cut_out() -> None:
    donor = sample((3, 4), masks=True)
    donor.visible[1] = 0.5
    composer = Composer([donor, sample((0,), masks=False)], 1, AugmentConfig(copy_paste=1.0))
    assert all(4 not in composer(1).labels for _ in seeds(20))


def test_what_is_off_draws_nothing(toys: Callable[..., Path]) -> None:
    samples = [sample((0,), masks=True)]
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    assert Composer(samples, 1, AugmentConfig())(0) is samples[0]
    assert torch.equal(before, torch.random.get_rng_state())
