import pytest
import torch

from detect.letterbox import GREY, Letterbox, letterbox


@pytest.mark.parametrize("source", [(1000, 1333), (1080, 1920), (640, 480), (50, 400), (312, 416)])
def test_boxes_go_there_and_back(source: tuple[int, int]) -> None:
    place = Letterbox(source, (312, 416))
    boxes = torch.tensor([[0.0, 0.0, *source], [source[0] / 4, source[1] / 3, source[0] / 2, source[1] / 2]])
    framed = place.forward(boxes)
    assert framed[0].tolist() == pytest.approx(
        [*place.offset, place.offset[0] + place.inner[0], place.offset[1] + place.inner[1]]
    )
    assert framed.min() >= 0
    assert framed[:, 2].max() <= 312
    assert framed[:, 3].max() <= 416
    torch.testing.assert_close(place.inverse(framed), boxes)


def test_inverse_clips_to_the_picture() -> None:
    assert Letterbox((100, 100), (50, 80)).inverse(torch.tensor([[-5.0, 0, 60, 80]])).tolist() == [[0, 0, 100, 100]]


def test_the_picture_lies_where_the_boxes_say() -> None:
    picture = torch.zeros(3, 100, 200, dtype=torch.uint8)
    framed, place = letterbox(picture, (80, 80))
    assert framed.shape == (3, 80, 80)
    rows = (framed[0] != GREY).any(1).nonzero().flatten()
    assert (rows.min().item(), rows.max().item() + 1) == (place.offset[1], place.offset[1] + place.inner[1]) == (20, 60)
