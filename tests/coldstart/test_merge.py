import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from coldstart import cli, lineage
from coldstart.dataset import Dataset, categories_from, load, save, sha256
from coldstart.errors import UserError
from coldstart.merge import MergeConfig, category_ids, merge
from coldstart.tracking import LoggerConfig

QUIET = LoggerConfig(kind="none")
Toy = Callable[..., Dataset]
Change = Callable[[Path, Callable[[dict], object]], None]  # type: ignore[type-arg]


def merged(out: Path, *sources: Dataset) -> Dataset:
    merge(MergeConfig([str(s.root) for s in sources], str(out), logger=QUIET))
    return load(out)


def reorder(data: Dataset, names: list[str]) -> Dataset:
    """The same dataset with its classes numbered in the order of `names`."""
    old = {c["id"]: c["name"] for c in data.categories}
    new = {c["name"]: c["id"] for c in categories_from(names)}
    annotations = [{**a, "category_id": new[old[a["category_id"]]]} for a in data.annotations]
    save(Dataset(data.root, data.images, annotations, categories_from(names), data.info))
    return load(data.root)


def test_nothing_is_lost_and_everything_is_numbered(renders: Toy, tmp_path: Path) -> None:
    a, b = renders("a", 3, seed=1), renders("b", 2, seed=2)
    for data in (a, b):
        (data.root / "depth").mkdir()
        for image in data.images:
            data.pass_path(image, "depth").write_bytes(f"{data.root.name}{image['id']}".encode())
    both = merged(tmp_path / "out", a, b)
    assert [i["id"] for i in both.images] == [1, 2, 3, 4, 5]
    assert [i["file_name"] for i in both.images] == [f"{n:06d}.png" for n in range(5)]
    assert [x["id"] for x in both.annotations] == list(range(1, 16))
    pairs = [(data, image) for data in (a, b) for image in data.images]
    for (data, old), new in zip(pairs, both.images, strict=True):
        assert sha256(both.path(new)) == sha256(data.path(old)) == new["sha256"]
        assert both.mask_path(new).read_bytes() == data.mask_path(old).read_bytes()
        assert both.pass_path(new, "depth").read_text() == f"{data.root.name}{old['id']}"
        scene = json.loads((both.root / new["scene"]).read_text())
        assert scene["image"] == {k: v for k, v in new.items() if k != "sha256"}
        assert scene["unplaced"] == json.loads((data.root / old["scene"]).read_text())["unplaced"]
        assert (new["seed"], new["look"]) == (old["seed"], "warm")  # type: ignore[typeddict-item]
        own = ("id", "image_id")
        kept = [[{k: v for k, v in x.items() if k not in own} for x in d.by_image()[i["id"]]]
                for d, i in ((data, old), (both, new))]  # fmt: skip
        assert kept[0] == kept[1]
    assert both.info["merged"] == [{"description": "toy renders"}] * 2
    card = lineage.read_card(both.root)
    assert {p["sha256"] for p in card["parents"].values()} == {lineage.fingerprint(d.root) for d in (a, b)}
    assert card["complete"]


def test_classes_in_another_order_are_renumbered(renders: Toy, tmp_path: Path) -> None:
    a, b = renders("a", 1, seed=1), reorder(renders("b", 1, seed=2), ["water", "milk", "orange"])
    both = merged(tmp_path / "out", a, b)
    assert both.class_names == ["milk", "orange", "water"]
    assert [x["track"] for x in both.annotations if x["image_id"] == 2] == ["milk-2", "orange-2", "water-2"]
    assert [x["category_id"] for x in both.annotations if x["image_id"] == 2] == [1, 2, 3]
    scene = json.loads((both.root / both.images[1]["scene"]).read_text())
    assert len(scene["annotations"]) == 3


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["milk", "orange", "Water"], r"/b: class 'Water' is spelt 'water' in .*/a"),
        (["milk", "orange ", "water"], "class 'orange ' is spelt 'orange'"),
        (["milk", "orange", "jam"], r"/b: lacks water and has jam besides"),
        (["milk", "orange", "water", "jam"], r"/b: has jam besides, compared"),
    ],
)
def test_classes_that_clash_are_refused_before_anything_is_written(
    toy: Toy, tmp_path: Path, change: Change, names: list[str], message: str
) -> None:
    a, b = toy("a", 1), toy("b", 1)
    change(b.root, lambda content: content.update(categories=categories_from(names)))
    with pytest.raises(UserError, match=message):
        merged(tmp_path / "out", a, b)
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match="lacks orange, water, compared"):
        category_ids([a, Dataset(b.root, [], [], categories_from(["milk"]))])


def test_looks_of_one_scene_keep_sharing_its_record(renders: Toy, tmp_path: Path, change: Change) -> None:
    a, b = renders("a", 2, seed=1), renders("b", 2, seed=2)
    change(b.root, lambda content: content["images"][1].update(scene="scenes/000000.json"))
    both = merged(tmp_path / "out", a, load(b.root))
    assert [i["scene"][-6:-5] for i in both.images] == ["0", "1", "2", "2"]


def test_the_origin_of_a_translation_is_still_found(toy: Toy, tmp_path: Path, change: Change) -> None:
    a, b = toy("a", 1), toy("b", 1, seed=1)
    change(b.root, lambda content: content["images"][0].update(source="../a/images/000000.png"))
    both = merged(tmp_path / "deep" / "out", a, load(b.root))
    assert (both.root / both.images[1]["source"]).resolve() == a.path(a.images[0]).resolve()


def test_a_finished_merge_rests_and_a_moved_source_is_the_same(
    toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = toy("a", 2), toy("b", 2)
    merged(tmp_path / "out", a, b)
    assert "2 pictures are copies" in capsys.readouterr().out
    shutil.move(b.root, tmp_path / "moved")
    merged(tmp_path / "out", a, load(tmp_path / "moved"))
    assert "already complete" in capsys.readouterr().out
    with pytest.raises(UserError, match="holds data of another config"):
        merged(tmp_path / "out", a, toy("c", 2, seed=5))


def test_bad_input_is_one_line(renders: Toy, tmp_path: Path, change: Change) -> None:
    a, b = renders("a", 1), renders("b", 1)
    with pytest.raises(UserError, match="give two dataset folders or more"):
        MergeConfig([str(a.root)], "out")
    with pytest.raises(UserError, match="names the same folder twice"):
        MergeConfig([str(a.root), f"{a.root}/../a"], "out")
    with pytest.raises(UserError, match="sources has no value"):
        cli.typed(MergeConfig, {"sources": "???", "out": "out"})
    (b.root / "scenes" / "000000.json").write_text("[")
    with pytest.raises(UserError, match="is not a scene record of ours"):
        merged(tmp_path / "out", a, b)
    change(b.root, lambda content: content["images"][0].update(scene="../a/scenes/000000.json"))
    with pytest.raises(UserError, match="scene must be a path within the folder"):
        merged(tmp_path / "other", a, load(b.root))
    assert not (tmp_path / "other").exists()
