"""Photos of a test split are refused, wherever they lie and whatever they are called; others are not."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from coldstart.dataset import Dataset, load
from coldstart.errors import UserError
from coldstart.holdout import refuse_test_photos
from coldstart.split import SplitConfig, split
from coldstart.tracking import LoggerConfig


@pytest.fixture
def parts(toy: Callable[..., Dataset], tmp_path: Path) -> Path:
    """The folder of a split of tmp_path/photos."""
    data = toy("photos", 6)
    out = tmp_path / "study" / "target"
    split(SplitConfig(str(data.root), str(out), train=3, near_duplicates=False, logger=LoggerConfig(kind="none")))
    return tmp_path / "study" / "target"


def test_the_train_side_may_teach_and_the_test_side_may_not(parts: Path, tmp_path: Path) -> None:
    refuse_test_photos(parts / "train", tmp_path / "study" / "gan")
    with pytest.raises(
        UserError, match=r"test/images/\S+: belongs to the test split \S+test, .*; give target=\S+train"
    ):
        refuse_test_photos(parts / "test", tmp_path / "elsewhere" / "gan")


def test_the_whole_is_refused_when_a_part_of_it_is_a_test_split_near_the_out_folder(
    parts: Path, tmp_path: Path
) -> None:
    for out in ("study/gan", "study/gan/a"):
        with pytest.raises(UserError, match="belongs to the test split"):
            refuse_test_photos(tmp_path / "photos", tmp_path / out)


def test_another_split_of_the_same_photos_is_another_experiment(parts: Path, tmp_path: Path) -> None:
    other = parts.with_name("other")
    quiet = LoggerConfig(kind="none")
    split(SplitConfig(str(tmp_path / "photos"), str(other), train=4, seed=1, near_duplicates=False, logger=quiet))
    tested = {image["sha256"] for image in load(parts / "test").images}
    assert tested & {image["sha256"] for image in load(other / "train").images}
    refuse_test_photos(other / "train", tmp_path / "study" / "gan")


def test_a_renamed_copy_among_others_is_found(parts: Path, tmp_path: Path) -> None:
    mixed = parts / "mixed"
    mixed.mkdir()
    for folder in ("train", "test"):
        data = load(parts / folder)
        shutil.copy(data.path(data.images[0]), mixed / f"a_{folder}.png")
    with pytest.raises(UserError, match=r"a_test\.png: belongs"):
        refuse_test_photos(mixed, tmp_path / "far" / "away" / "out")
    (mixed / "a_test.png").unlink()
    refuse_test_photos(mixed, tmp_path / "far" / "away" / "out")


def test_a_broken_split_is_named_and_a_foreign_card_is_none(parts: Path, tmp_path: Path) -> None:
    (tmp_path / "photos" / "card.json").write_text("[1]")
    refuse_test_photos(parts / "train", tmp_path / "study" / "gan")
    (parts / "test" / "annotations.json").write_text("{}")
    with pytest.raises(UserError, match=r"annotations\.json: cannot be read"):
        refuse_test_photos(parts / "train", tmp_path / "study" / "gan")
