import dataclasses

import pytest
import torch
from torch import Tensor

from coldstart.errors import UserError
from detect.augment import Augmentation, AugmentConfig

COLOURS = torch.tensor([[255, 0, 0], [0, 255, 0], [0, 0, 255]])
BOXES = torch.tensor([[30.0, 40, 80, 110], [120, 60, 170, 130], [70, 170, 150, 220]])


def scene() -> Tensor:
    picture = torch.full((3, 260, 200), 127, dtype=torch.uint8)
    for colour, (x0, y0, x1, y1) in zip(COLOURS, BOXES.int().tolist(), strict=True):
        picture[:, y0:y1, x0:x1] = colour[:, None, None]
    return picture


def coloured_box(picture: Tensor, label: int) -> list[float]:
    """Box of the pixels nearer to the label's colour than to grey."""
    distance = (picture.float() - COLOURS[label][:, None, None]).abs().sum(0)
    rows, columns = (distance < 255).nonzero().T
    return [columns.min().item(), rows.min().item(), columns.max().item() + 1, rows.max().item() + 1]


def test_boxes_stay_on_their_objects() -> None:
    augmentation = Augmentation(AugmentConfig(chance=0.9, crop=0.55, zoom_out=1.4), (150, 200))
    seen = moved = 0
    for seed in range(60):
        torch.manual_seed(seed)
        picture, boxes, labels = augmentation.move(scene(), BOXES.clone(), torch.arange(3))
        assert picture.shape == (3, 200, 150)
        for box, label in zip(boxes, labels.tolist(), strict=True):
            assert coloured_box(picture, label) == pytest.approx(box.tolist(), abs=2)
            seen += 1
            moved += abs(float(box[0]) - float(BOXES[label, 0]) * 0.75) > 5
    assert seen > 120
    assert moved > seen / 2


def test_each_strength_does_something_and_nothing_when_off() -> None:
    off = AugmentConfig(0, 0, 0, 0, 0, 1.0, 1.0, [0.3, 1.1], [40, 95], 0.0, 0.0)
    labels = torch.arange(3)
    plain, boxes, _ = Augmentation(off, (200, 260))(scene(), BOXES, labels)
    torch.testing.assert_close(plain, scene().float() / 255)
    torch.testing.assert_close(boxes, BOXES)
    for change in ({"brightness": 0.5}, {"contrast": 0.5}, {"saturation": 0.5}, {"hue": 0.2}, {"mirror": 1.0}):
        torch.manual_seed(1)
        changed, _, _ = Augmentation(dataclasses.replace(off, **change), (200, 260))(scene(), BOXES, labels)
        assert (changed - plain).abs().mean() > 1e-3, change
    for change in ({"temperature": 1.0}, {"illumination": 0.5, "chance": 1.0}, {"motion": 7, "chance": 1.0}):
        torch.manual_seed(1)
        quiet = dataclasses.replace(off, blur=[1e-3, 1e-3], jpeg=[100, 100])
        changed, boxes, _ = Augmentation(dataclasses.replace(quiet, **change), (200, 260))(scene(), BOXES, labels)
        assert (changed - plain).abs().mean() > 1e-3, change
        torch.testing.assert_close(boxes, BOXES)
        torch.manual_seed(1)
        again, _, _ = Augmentation(dataclasses.replace(quiet, **change), (200, 260))(scene(), BOXES, labels)
        assert torch.equal(changed, again)
    camera = Augmentation(dataclasses.replace(off, noise=0.05, chance=1.0), (200, 260))
    assert (camera(scene(), BOXES, labels)[0] - plain).abs().mean() > 1e-3


def test_a_wide_blur_is_as_wide_as_it_says() -> None:
    point = torch.zeros(3, 65, 65, dtype=torch.uint8)
    point[:, 32, 32] = 255
    for sigma in (1.1, 4.0):
        spread = Augmentation(AugmentConfig(blur=[sigma, sigma], chance=1.0), (65, 65)).blur(point.float())[0].sum(0)
        measured = float(((torch.arange(65) - 32) ** 2 * spread / spread.sum()).sum() ** 0.5)
        assert measured == pytest.approx(sigma, rel=0.15)


def test_a_picture_without_boxes_passes() -> None:
    augmentation = Augmentation(AugmentConfig(chance=1.0), (64, 64))
    picture, boxes, labels = augmentation(scene(), torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))
    assert picture.shape == (3, 64, 64)
    assert 0 <= picture.min() <= picture.max() <= 1
    assert boxes.shape == (0, 4)
    assert labels.shape == (0,)


def test_a_picture_whose_boxes_all_lie_at_its_edge_passes() -> None:
    augmentation = Augmentation(AugmentConfig(chance=1.0), (96, 128))
    sliver = torch.tensor([[158.2, 20.0, 160.0, 80.0]])  # no crop of 160×120 has its centre inside
    for seed in range(6):
        torch.manual_seed(seed)
        _, boxes, _ = augmentation(torch.zeros(3, 120, 160, dtype=torch.uint8), sliver, torch.zeros(1).long())
        assert len(boxes) <= 1


def test_the_weakest_light_from_one_side() -> None:
    augmentation = Augmentation(AugmentConfig(chance=1.0, illumination=0.005), (64, 64))
    assert augmentation(scene(), BOXES, torch.arange(len(BOXES)))[0].shape == (3, 64, 64)


@pytest.mark.parametrize(
    "bad",
    [
        {"hue": 0.6},
        {"crop": 0.0},
        {"zoom_out": 0.9},
        {"blur": [1.0]},
        {"jpeg": [0, 101]},
        {"noise": -1.0},
        {"chance": 2.0},
        {"motion": 4},
        {"illumination": 1.5},
        {"copy_paste": -0.1},
        {"pasted": [0, 2]},
        {"mosaic": 2.0},
        {"min_visible": 1.1},
    ],
)
def test_bad_strengths_are_named(bad: dict[str, object]) -> None:
    with pytest.raises(UserError, match=rf"augment\.{next(iter(bad))}"):
        AugmentConfig(**bad)  # type: ignore[arg-type]
