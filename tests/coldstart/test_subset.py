from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from coldstart import cli
from coldstart.dataset import Annotation, Dataset, load
from coldstart.errors import UserError
from coldstart.subset import SubsetConfig, ranked, subset

Toy = Callable[..., Dataset]


def scattered(seed: int, photos: int = 12, classes: int = 5) -> Dataset:
    """Photos that show some classes each, some of them none."""
    rng = np.random.default_rng(seed)
    shown = rng.random((photos, classes)) < 0.3
    annotations = [{"image_id": int(i), "category_id": int(c)} for i, c in np.argwhere(shown)]
    images = [{"id": i} for i in range(photos)]
    return Dataset(Path("nowhere"), images, annotations, [])  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(20))
def test_a_small_subset_shows_as_much_as_it_can(seed: int) -> None:
    dataset = scattered(seed)
    order = ranked(dataset, seed)
    assert sorted(order) == list(range(12))
    shown = {i: {a["category_id"] for a in found} for i, found in dataset.by_image().items()}
    assert len(shown[order[0]]) == max(map(len, shown.values()))
    seen: set[int] = set()
    for count, image in enumerate(order, 1):  # greedy: nobody could have added more classes
        if len(seen) < len(set().union(*shown.values())):
            assert len(shown[image] - seen) == max(len(shown[i] - seen) for i in order[count - 1 :])
        seen |= shown[image]
    empty = [not shown[image] for image in order]
    assert empty == sorted(empty)


def test_which_photos_is_chance_but_for_the_seed() -> None:
    dataset = Dataset(Path("nowhere"), [{"id": i} for i in range(9)], [], [])  # type: ignore[typeddict-item]
    assert ranked(dataset, 1) == ranked(dataset, 1) != ranked(dataset, 2)


def test_smaller_subsets_are_within_larger_ones(toy: Toy, tmp_path: Path) -> None:
    data = toy("photos", 5)
    names = []
    for count in (1, 3, 9):
        out = tmp_path / str(count)
        subset(
            cli.typed(
                SubsetConfig, {"data": str(data.root), "count": count, "out": str(out), "logger": {"kind": "none"}}
            )
        )
        written = load(out)
        assert written.categories == data.categories
        assert len(written.annotations) == 3 * len(written.images)
        names.append({image["file_name"] for image in written.images})
    assert [len(found) for found in names] == [1, 3, 5]
    assert names[0] < names[1] < names[2]


def test_no_photo_is_no_subset(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="count must be at least 1"):
        SubsetConfig("photos", 0, str(tmp_path))


def test_a_crowd_shows_nothing_to_learn() -> None:
    crowd: Annotation = {"image_id": 0, "category_id": 1, "iscrowd": 1}
    dataset = Dataset(Path("nowhere"), [{"id": i} for i in range(3)], [crowd, {"image_id": 2, "category_id": 1}], [])
    assert {ranked(dataset, seed)[0] for seed in range(9)} == {2}
