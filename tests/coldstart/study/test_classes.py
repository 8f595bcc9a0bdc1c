from collections.abc import Callable

import pytest

from coldstart import cli
from coldstart.dataset import Dataset, categories_from, load, save
from coldstart.errors import UserError
from coldstart.study.classes import check_classes, of_renders
from coldstart.study.config import RealConfig, StudyConfig
from coldstart.study.plan import plan

Make = Callable[..., StudyConfig]


def test_the_renders_classes_are_those_of_the_chosen_products(config: Make) -> None:
    chosen = cli.compose(
        "render", ["scene=fridge_a", "product=[milk_bottle,milk_carton,bag]", "+products.bag.label=false"]
    )
    assert of_renders(chosen) == ["milk"]  # what the scene says of products that are not chosen counts for nothing
    fridge_a = ["eggBox", "joghurt", "ketchup", "mushroom", "mustard", "orange", "squash", "water"]
    assert plan(config()).rendered == fridge_a
    assert not plan(config(arms={"real": {"title": "photos", "real": True}})).rendered


def test_what_only_one_side_has_is_said(toy: Callable[..., Dataset]) -> None:
    photos = RealConfig(data=str(toy("photos", 2).root))  # milk, orange, water
    assert not check_classes(["milk", "orange", "water"], photos)
    unrendered, unlabelled = check_classes(["apple", "orange", "water"], photos)
    assert "no render shows milk, which photos have" in unrendered
    assert "no photo labels apple, which renders show" in unlabelled
    assert not check_classes([], photos)
    assert not check_classes(["apple"], RealConfig())


def test_renders_of_nothing_that_the_photos_label_are_refused(toy: Callable[..., Dataset]) -> None:
    photos, other = toy("photos", 2), toy("other", 2, seed=1)
    save(Dataset(photos.root, photos.images, photos.annotations, categories_from(list("abc"))))
    real = RealConfig(data=str(photos.root))
    with pytest.raises(UserError, match="labels a, b, c, and the renders show none of these but milk; choose"):
        check_classes(["milk"], real)
    assert check_classes(["milk"], RealConfig(data=str(photos.root), test=str(other.root)))
    assert load(photos.root).class_names == ["a", "b", "c"]
