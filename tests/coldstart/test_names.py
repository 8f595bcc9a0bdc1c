from pathlib import Path

import pytest
import yaml

from coldstart.cli import conf_dir
from coldstart.errors import UserError
from coldstart.names import Synonyms, keys, matched


@pytest.fixture(scope="module")
def groceries() -> Synonyms:
    return Synonyms.load(["groceries"])


@pytest.mark.parametrize(
    ("label", "target", "how"),
    [
        ("joghurt", "joghurt", "same"),
        ("Jógurt", "joghurt", "synonym"),
        ("YOGHURT ", "joghurt", "synonym"),
        ("  egg__BOX", "eggBox", "spelling"),
        ("Egg-Boxes", "eggBox", "singular"),
        ("Kaese", "cheese", "synonym"),
        ("KÄSE", "cheese", "synonym"),
        ("ka\u0308se", "cheese", "synonym"),  # an a and a combining diaeresis
        ("œufs", "eggBox", "synonym"),
        ("jus d’orange", "orangeJuice", "synonym"),
        ("Sárgarépa", "carrot", "synonym"),
        ("agua  mineral", "water", "synonym"),
        ("tomatoes", "tomato", "singular"),
        ("strawberies", None, "unknown"),
        ("ketschup", "ketchup", "fuzzy"),
        ("mushrom", "mushroom", "fuzzy"),
        ("tee", None, "unknown"),
        ("???", None, "unknown"),
    ],
)
def test_spellings_and_languages(groceries: Synonyms, label: str, target: str | None, how: str) -> None:
    found = groceries.match(label, 85)
    assert (found.name, found.target, found.how) == (label, target, how)


def test_every_product_has_synonyms_of_its_own() -> None:
    products = [yaml.safe_load(f.read_text()) for f in (conf_dir() / "product").rglob("*.yaml")]
    assert {p["category"] for p in products} == set(Synonyms.load(["groceries"]).classes)


def test_fuzzy_can_be_off_and_never_chooses_between_two() -> None:
    synonyms = Synonyms({"pepper": [], "peppar": [], "melon": []})
    assert synonyms.match("peppir", 60).target is None
    assert synonyms.match("mellon", 85).target == "melon"
    assert synonyms.match("mellon", 101).target is None


def test_unknown_names_stop_with_suggestions(groceries: Synonyms) -> None:
    with pytest.raises(UserError, match=r"no class for 'mlk' \(nearest: milk, .*; 'sofa' \(nearest: .*names="):
        matched(["milk", "mlk", "sofa"], groceries, 101)


def test_your_file_adds_to_the_shipped_one(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("milk: [Moo juice]\nsofa:\n")
    table = matched(["moo-juice", "Sofas", "Milch"], Synonyms.load(["groceries", str(mine)]), 85)
    assert [m.target for m in table] == ["milk", "sofa", "milk"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("milk: [tej]\njoghurt: [TEJ]\n", "'tej' stands for both milk and joghurt"),
        ("- milk", "expected lines"),
        ("milk: tej", "'milk': expected `class"),
        ("yes: [tej]", "True: expected `class"),
        ("milk: [", "neither a YAML file of synonyms"),
        ("milk: !!python/object/apply:os.system ['true']", "neither a YAML file"),
    ],
)
def test_a_file_that_means_nothing_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UserError, match=message):
        Synonyms.load([str(tmp_path / "a.yaml")])
    with pytest.raises(UserError, match="nor one of groceries"):
        Synonyms.load([str(tmp_path / "none.yaml")])


def test_keys_ignore_what_people_vary() -> None:
    assert keys("Orange  Juice") == keys("orange-juice") == keys("orangeJuice") == {"orangejuice"}
    assert keys("Möhre") == {"mohre", "moehre"}
