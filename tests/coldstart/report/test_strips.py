import pytest
import torch

from coldstart.report.strips import groups, nearest
from tests.coldstart.report.conftest import Made


def test_the_nearest_has_the_highest_cosine() -> None:
    photos = torch.tensor([[1.0, 0.0], [3.0, 3.0], [0.0, 9.0]])
    found = nearest(torch.tensor([[0.1, 0.1], [0.0, 0.2]]), photos)
    assert [place for place, _ in found] == [1, 2]
    assert [alike for _, alike in found] == pytest.approx([1, 1])
    assert nearest(torch.ones(2, 2), torch.zeros(0, 2)) == []


def test_a_strip_is_a_render_its_translation_and_a_photo_of_the_train_side(made: Made) -> None:
    (group,) = groups(made.results)
    assert group.title == "Translator gan, taught by the photos of fold0"
    assert group.command and group.command.startswith("python -m gan.translate")
    assert len(group.rows) == 4
    for row in group.rows:
        assert [shown.caption.split(":")[0] for shown in row] == ["render", "translation", "nearest photo"]
        assert all(shown.uri for shown in row)
        assert len({shown.uri for shown in row}) == 3


def test_renders_alone_have_strips_too(made: Made) -> None:
    source = [part for part in made.results["synthetic"] if part["name"] == "source"]
    (group,) = groups({**made.results, "synthetic": source})
    assert group.title == "Renders"
    assert {len(row) for row in group.rows} == {2}
