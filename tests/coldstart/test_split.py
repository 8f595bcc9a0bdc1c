import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from coldstart import lineage
from coldstart.dataset import Dataset, load, save, sha256
from coldstart.errors import UserError
from coldstart.split import SplitConfig, choose, split
from coldstart.tracking import LoggerConfig

QUIET = LoggerConfig(kind="none")

Toy = Callable[..., Dataset]


def hashes(root: Path) -> list[str]:
    dataset = load(root)
    return [sha256(dataset.path(image)) for image in dataset.images]


def test_every_image_lands_on_one_side(toy: Toy, tmp_path: Path) -> None:
    data = toy("data", 10)
    split(SplitConfig(str(data.root), str(tmp_path / "out"), train=4, seed=3, logger=QUIET))
    train, test = hashes(tmp_path / "out" / "train"), hashes(tmp_path / "out" / "test")
    assert (len(train), len(test)) == (4, 6)
    assert sorted(train + test) == sorted(hashes(data.root))
    sides = [load(tmp_path / "out" / side) for side in ("train", "test")]
    assert sum(len(side.annotations) for side in sides) == len(data.annotations)
    assert all(image["sha256"] == sha256(side.path(image)) for side in sides for image in side.images)
    card = lineage.read_card(tmp_path / "out" / "train")
    assert card["complete"]
    assert card["parents"]["data"]["sha256"] == lineage.fingerprint(data.root)


def test_the_seed_decides(toy: Toy) -> None:
    data = toy("data", 12)
    assert choose(data, 6, 1) == choose(data, 6, 1)
    assert len({frozenset(choose(data, 6, seed)) for seed in range(5)}) > 1


def test_a_fraction_is_of_the_photos(toy: Toy) -> None:
    assert len(choose(toy("data", 8), 0.25, 0)) == 2


def test_identical_pictures_stay_together(toy: Toy) -> None:
    data = toy("data", 6)
    for copy in (1, 2):
        shutil.copyfile(data.path(data.images[0]), data.path(data.images[copy]))
    for seed in range(6):
        assert len(choose(data, 3, seed) & {1, 2, 3}) in (0, 3)


def test_a_rare_class_is_in_train(toy: Toy) -> None:
    data = toy("data", 10)
    # Only the last picture shows class 3.
    kept = [a for a in data.annotations if a["category_id"] != 3 or a["image_id"] == 10]
    save(Dataset(data.root, data.images, kept, data.categories))
    assert all(10 in choose(load(data.root), 2, seed) for seed in range(5))


def test_masks_go_along(toy: Toy, tmp_path: Path) -> None:
    data = toy("data", 2)
    (data.root / "masks").mkdir()
    for image in data.images:
        shutil.copyfile(data.path(image), data.mask_path(image))
    split(SplitConfig(str(data.root), str(tmp_path / "out"), train=1, logger=QUIET))
    assert all(len(list((tmp_path / "out" / side / "masks").iterdir())) == 1 for side in ("train", "test"))


@pytest.mark.parametrize("train", [0, -1, 1.5, float("inf"), float("nan")])
def test_a_share_that_means_nothing_is_refused(train: float) -> None:
    with pytest.raises(UserError, match="train: must be a number of photos"):
        SplitConfig("data", "out", train=train)


@pytest.mark.parametrize("train", [4, 9, 0.01, 0.99])
def test_an_empty_side_is_refused_before_anything_is_written(toy: Toy, tmp_path: Path, train: float) -> None:
    data = toy("data", 4)
    with pytest.raises(UserError, match="leaves train or test empty"):
        split(SplitConfig(str(data.root), str(tmp_path / "out"), train=train, logger=QUIET))
    assert not (tmp_path / "out").exists()


def test_nothing_but_identical_pictures_is_refused(toy: Toy) -> None:
    data = toy("data", 3)
    for image in data.images[1:]:
        shutil.copyfile(data.path(data.images[0]), data.path(image))
    with pytest.raises(UserError, match="groups of identical photos"):
        choose(data, 2, 0)


def test_a_finished_split_is_left_alone(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = SplitConfig(str(toy("data", 4).root), str(tmp_path / "out"), train=2, logger=QUIET)
    split(config)
    before = (tmp_path / "out" / "train" / "annotations.json").stat().st_mtime_ns
    split(config)
    assert "already complete" in capsys.readouterr().out
    assert (tmp_path / "out" / "train" / "annotations.json").stat().st_mtime_ns == before
