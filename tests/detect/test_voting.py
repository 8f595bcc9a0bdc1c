import math

import pytest
import torch
from torchvision.ops import box_iou

from detect.voting import VOTERS, suppress_and_vote

BOX = torch.tensor([20.0, 30.0, 60.0, 90.0])


def crowd(count: int, noise: float) -> dict[str, torch.Tensor]:
    """Boxes about `BOX`, as a dense detector finds them."""
    boxes = BOX + noise * torch.randn(count, 4, generator=torch.Generator().manual_seed(0))
    return {"boxes": boxes, "scores": torch.linspace(0.9, 0.5, count), "labels": torch.ones(count, dtype=torch.long)}


def test_a_crowd_knows_better_than_its_best() -> None:
    found = crowd(30, noise=1.5)
    voted = suppress_and_vote(found, nms=0.6, sigma=0.1, most=10)
    assert voted["boxes"].shape == (1, 4)
    assert voted["scores"].tolist() == pytest.approx([0.9])
    before, after = ((boxes - BOX).abs().mean() for boxes in (found["boxes"][0], voted["boxes"][0]))
    assert after < before / 2


def test_weights_are_scores_and_overlaps() -> None:
    found = crowd(3, noise=2)
    weights = [
        float(score) * math.exp(-((1 - float(iou)) ** 2) / 0.05)
        for score, iou in zip(found["scores"], box_iou(found["boxes"][:1], found["boxes"])[0], strict=True)
    ]
    expected = sum(w * box for w, box in zip(weights, found["boxes"], strict=True)) / sum(weights)
    torch.testing.assert_close(suppress_and_vote(found, nms=0.6, sigma=0.05, most=10)["boxes"][0], expected)


def test_other_classes_and_places_have_no_vote() -> None:
    boxes = torch.stack([BOX, BOX + 3, BOX + 500])
    found = {"boxes": boxes, "scores": torch.tensor([0.9, 0.8, 0.7]), "labels": torch.tensor([0, 1, 0])}
    voted = suppress_and_vote(found, nms=0.6, sigma=0.1, most=10)
    torch.testing.assert_close(voted["boxes"], boxes)
    assert voted["labels"].tolist() == [0, 1, 0]
    assert len(suppress_and_vote(found, nms=0.6, sigma=0.1, most=2)["boxes"]) == 2


def test_an_empty_box_stays_where_it_is() -> None:
    point = torch.tensor([[5.0, 5.0, 5.0, 5.0]])
    found = {"boxes": point, "scores": torch.tensor([0.9]), "labels": torch.tensor([0])}
    assert suppress_and_vote(found, nms=0.6, sigma=0.1, most=10)["boxes"].tolist() == point.tolist()


def test_nothing_found_stays_nothing() -> None:
    nothing = {"boxes": torch.zeros(0, 4), "scores": torch.zeros(0), "labels": torch.zeros(0, dtype=torch.long)}
    assert suppress_and_vote(nothing, nms=0.6, sigma=0.1, most=10)["boxes"].shape == (0, 4)


def test_autocast_does_not_round_boxes() -> None:
    found = crowd(30, noise=1.5)
    exact = suppress_and_vote(found, nms=0.6, sigma=0.1, most=10)["boxes"]
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(suppress_and_vote(found, nms=0.6, sigma=0.1, most=10)["boxes"], exact)


def test_the_best_vote() -> None:
    found = crowd(VOTERS + 500, noise=1.5)
    expected = suppress_and_vote({key: value[:VOTERS] for key, value in found.items()}, nms=0.5, sigma=0.1, most=1)
    torch.testing.assert_close(suppress_and_vote(found, nms=0.5, sigma=0.1, most=1), expected)
