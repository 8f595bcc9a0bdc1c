from pathlib import Path

import pytest
import torch
from PIL import Image

from coldstart.errors import UserError
from detect.detectors import Checkpoint, check
from detect.inference import TOGETHER, Detection, check_picture, detect, detect_pixels, results


class Fixed(torch.nn.Module):
    """Answers with the same three boxes in the input's frame, whatever it sees."""

    def forward(self, pictures: list[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
        assert pictures[0].shape == (3, 100, 100)
        boxes = torch.tensor([[10.0, 30, 30, 50], [11.0, 30, 31, 50], [60.0, 25, 80, 70]])
        return [{"boxes": boxes, "scores": torch.tensor([0.5, 0.9, 0.7]), "labels": torch.tensor([0, 1, 0])}]


@pytest.mark.parametrize(("agnostic", "expected"), [(0.6, ["b", "a"]), (None, ["b", "a", "a"])])
def test_boxes_return_to_the_photo_and_classes_exclude_each_other(
    tmp_path: Path, agnostic: float | None, expected: list[str]
) -> None:
    Image.new("RGB", (200, 100)).save(tmp_path / "a.png")  # scale 0.5, borders of 25 above and below
    config = check({"name": "fcos_lite0", "agnostic_nms": agnostic})
    checkpoint = Checkpoint(Fixed(), config, ["a", "b"], (100, 100))
    (found,) = list(detect(checkpoint, [tmp_path / "a.png"], "cpu"))
    assert [d.name for d in found] == expected
    assert found[0].box == pytest.approx([22, 10, 40, 40])
    assert found[1].box == pytest.approx([120, 0, 40, 90])


class Brightness(torch.nn.Module):
    """Finds one box in each picture, whose score is how bright the picture is."""

    def forward(self, pictures: list[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
        assert len(pictures) <= TOGETHER
        whole, label = torch.tensor([[0.0, 0, 20, 20]]), torch.zeros(1, dtype=torch.long)
        return [{"boxes": whole, "scores": p.mean()[None], "labels": label} for p in pictures]


def test_every_photo_has_its_own_answer_in_its_own_pixels() -> None:
    pictures = [torch.full((3, 20 + i, 20 + i), i, dtype=torch.uint8) for i in range(2 * TOGETHER + 1)]
    checkpoint = Checkpoint(Brightness(), check({"name": "fcos_lite0"}), ["a"], (20, 20))
    found = list(detect_pixels(checkpoint, iter(pictures), "cpu", "32-true"))
    assert [d.score for (d,) in found] == pytest.approx([i / 255 for i in range(len(pictures))])
    assert [d.box for (d,) in found] == [pytest.approx([0, 0, 20 + i, 20 + i]) for i in range(len(pictures))]


def test_results_leave_out_classes_without_id() -> None:
    found = [Detection([0, 0, 1, 1], "a", 0.5), Detection([0, 0, 1, 1], "b", 0.4)]
    assert results(found, 7, {"b": 3}) == [{"image_id": 7, "category_id": 3, "bbox": [0, 0, 1, 1], "score": 0.4}]


def test_a_damaged_photo_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8 damaged")
    Image.effect_noise((200, 200), 50).save(tmp_path / "b.jpg")
    check_picture(tmp_path / "b.jpg")
    (tmp_path / "b.jpg").write_bytes((tmp_path / "b.jpg").read_bytes()[:3000])  # opens, and ends too early
    for name in ("a", "b"):
        with pytest.raises(UserError, match=rf"{name}\.jpg: cannot be read"):
            check_picture(tmp_path / f"{name}.jpg")
