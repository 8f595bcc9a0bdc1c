import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coldstart import lineage
from coldstart.dataset import Dataset
from coldstart.errors import UserError

CONFIG: dict[str, Any] = {"seed": 1, "count": 4, "model": {"name": "a", "lr": 0.1}, "out": "x", "workers": 1}


def test_a_folder_is_claimed_gone_on_in_and_completed(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    assert lineage.claim(out, "stage", CONFIG) is False
    assert not lineage.is_complete(out)
    (out / "half.png").write_bytes(b"")
    assert lineage.claim(out, "stage", CONFIG) is False
    lineage.complete(out, images=4)
    assert lineage.is_complete(out)
    assert lineage.read_card(out)["images"] == 4
    assert lineage.claim(out, "stage", CONFIG) is True


def test_what_does_not_change_the_data_may_differ(tmp_path: Path) -> None:
    lineage.claim(tmp_path / "out", "stage", CONFIG)
    lineage.complete(tmp_path / "out")
    again = {**CONFIG, "workers": 8, "logger": {"kind": "none"}, "accelerator": "gpu"}
    assert lineage.claim(tmp_path / "out", "stage", again) is True


def test_a_key_that_extends_may_grow(tmp_path: Path) -> None:
    out = tmp_path / "out"
    lineage.claim(out, "stage", CONFIG, extends=["count"])
    lineage.complete(out)
    assert lineage.claim(out, "stage", {**CONFIG, "count": 9}, extends=["count"]) is False
    assert lineage.read_card(out)["config"]["count"] == 9
    assert not lineage.is_complete(out)
    with pytest.raises(UserError, match="differs in count"):
        lineage.claim(out, "stage", {**CONFIG, "count": 3})


@pytest.mark.parametrize(
    ("config", "stage", "named"),
    [
        ({**CONFIG, "seed": 2}, "stage", "seed"),
        ({**CONFIG, "model": {"name": "a", "lr": 0.2}}, "stage", "model.lr"),
        ({**CONFIG, "extra": 1}, "stage", "extra"),
        (CONFIG, "another", "stage"),
    ],
)
def test_another_config_is_refused_and_changes_nothing(
    tmp_path: Path, config: dict[str, Any], stage: str, named: str
) -> None:
    lineage.claim(tmp_path / "out", "stage", CONFIG)
    before = (tmp_path / "out" / "card.json").read_bytes()
    with pytest.raises(UserError, match=f"another config .differs in {named}."):
        lineage.claim(tmp_path / "out", stage, config)
    assert (tmp_path / "out" / "card.json").read_bytes() == before


def test_changed_parents_are_another_config(
    tmp_path: Path, toy: Callable[..., Dataset], change: Callable[..., None]
) -> None:
    parent = toy("parent", 1).root
    lineage.claim(tmp_path / "out", "stage", CONFIG, {"source": parent})
    assert lineage.claim(tmp_path / "out", "stage", CONFIG, {"source": parent}) is False
    change(parent, lambda content: content["annotations"].pop())
    with pytest.raises(UserError, match=r"differs in parents.source"):
        lineage.claim(tmp_path / "out", "stage", CONFIG, {"source": parent})


def test_a_claim_is_withdrawn_unless_something_came_of_it(tmp_path: Path) -> None:
    out = tmp_path / "out"
    lineage.claim(out, "stage", CONFIG)
    (out / "images").mkdir()
    lineage.withdraw(out)
    assert not out.exists()
    lineage.claim(out, "stage", CONFIG)
    (out / "image.png").write_bytes(b"")
    lineage.withdraw(out)
    assert (out / "card.json").is_file()


def test_a_foreign_folder_or_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(UserError, match=r"is not empty and has no card.json"):
        lineage.claim(tmp_path / "mine", "stage", CONFIG)
    with pytest.raises(UserError, match="is a file"):
        lineage.claim(tmp_path / "mine" / "thesis.txt", "stage", CONFIG)
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_parent_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(UserError, match="cannot be written"):
        lineage.claim(tmp_path / "out", "stage", CONFIG)


def test_a_call_killed_while_it_wrote_its_card_goes_on(tmp_path: Path) -> None:
    (tmp_path / ".card.json.x7f3k9a2").write_text('{"stage"')
    assert lineage.claim(tmp_path, "stage", CONFIG) is False
    assert lineage.read_card(tmp_path)["config"] == CONFIG


def test_a_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        lineage.claim(tmp_path / "file" / "out", "stage", CONFIG)


def test_cards_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no card.json"):
        lineage.read_card(tmp_path)
    (tmp_path / "card.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read as JSON"):
        lineage.read_card(tmp_path)
    for text in ("[]", json.dumps({"config": 3})):
        (tmp_path / "card.json").write_text(text)
        with pytest.raises(UserError, match="is not a card of ours"):
            lineage.read_card(tmp_path)


def test_a_fingerprint_follows_the_content(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"1")
    first = lineage.fingerprint(folder)
    assert first == lineage.fingerprint(folder)
    (folder / "a.jpg").write_bytes(b"2")
    assert lineage.fingerprint(folder) != first


def test_a_parent_counts_by_its_content_not_by_its_path(tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text("same")
    here, there = tmp_path / "here", tmp_path / "there"
    lineage.claim(tmp_path / "out", "stage", {"source": str(here)}, {"source": here})
    lineage.claim(tmp_path / "out", "stage", {"source": str(there)}, {"source": there})
    (there / "a.txt").write_text("other")
    with pytest.raises(UserError, match=r"parents\.source"):
        lineage.claim(tmp_path / "out", "stage", {"source": str(there)}, {"source": there})


def test_the_number_of_devices_is_part_of_a_config(tmp_path: Path) -> None:
    """Each device has a batch of its own: two learn something else than one."""
    lineage.claim(tmp_path / "out", "stage", {**CONFIG, "devices": 2})
    assert lineage.claim(tmp_path / "out", "stage", {**CONFIG, "devices": 2}) is False
    with pytest.raises(UserError, match="differs in devices"):
        lineage.claim(tmp_path / "out", "stage", {**CONFIG, "devices": 1})


def test_a_dataset_folder_counts_by_its_pictures_too(toy: Callable[..., Dataset], change: Callable[..., None]) -> None:
    data = toy("data", 2)
    first = lineage.fingerprint(data.root)
    assert lineage.fingerprint(data.root) == first
    pictures = [data.path(image) for image in data.images]
    pictures[1].write_bytes(pictures[0].read_bytes())
    second = lineage.fingerprint(data.root)
    assert second != first
    # A picture whose own hash is recorded is not read again: thousands of renders would take their time.
    change(data.root, lambda content: [image.update(sha256="0") for image in content["images"]])
    recorded = lineage.fingerprint(data.root)
    assert recorded != second
    pictures[1].unlink()
    assert lineage.fingerprint(data.root) == recorded


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"images": 3}', '{"images": [3]}', '{"images": [{"file_name": "%s"}]}' % ("a" * 5000)]
)
def test_a_malformed_folder_has_a_fingerprint(tmp_path: Path, content: str) -> None:
    (tmp_path / "annotations.json").write_text(content)
    assert lineage.fingerprint(tmp_path)


def test_pictures_beside_the_json_count(tmp_path: Path) -> None:
    (tmp_path / "annotations.json").write_text('{"images": [{"file_name": "a.jpg"}]}')
    found = set()
    for content in (b"1", b"2"):
        (tmp_path / "a.jpg").write_bytes(content)
        found.add(lineage.fingerprint(tmp_path))
    assert len(found) == 2


def test_results_among_the_photos_are_not_photos(tmp_path: Path) -> None:
    out, again = tmp_path / "found", tmp_path / "more" / "found"
    (tmp_path / "a.jpg").write_bytes(b"1")
    for folder in (out, again):
        assert lineage.claim(folder, "stage", CONFIG, {"images": tmp_path}) is False
        (folder / "detections").mkdir()
        (folder / "detections" / "a.jpg").write_bytes(b"drawn")
        lineage.complete(folder)
    assert lineage.claim(out, "stage", CONFIG, {"images": tmp_path}) is True
    (tmp_path / "more" / "b.jpg").write_bytes(b"2")
    with pytest.raises(UserError, match=r"differs in parents\.images"):
        lineage.claim(out, "stage", CONFIG, {"images": tmp_path})


def test_the_files_that_a_config_names_are_found_by_their_keys(tmp_path: Path) -> None:
    mesh, art = tmp_path / "a.obj", tmp_path / "a.png"
    mesh.touch()
    art.touch()
    layers = [{"fill": "#ffffff"}, {"picture": str(art)}]
    config = {"products": {"jam": {"mesh": {"file": str(mesh)}, "art": layers}}, "long": "x" * 5000, "none": "a\0b"}
    assert lineage.named_files(config) == {"products.jam.mesh.file": mesh, "products.jam.art.1.picture": art}


def test_with_a_mesh_come_the_files_that_it_names(tmp_path: Path) -> None:
    texts = {
        "a.obj": "mtllib a.mtl b.mtl\nmtllib gone.mtl\nv 0 0 0\n",
        "a.mtl": "newmtl m\nKd 1 1 1\nmap_Kd -s 1 1 1 textures/red.png\nmap_Bump my bump.png\nmap_Ks a.mtl\n",
        "b.mtl": "map_Kd red.png\n",
        "b.gltf": '{"buffers": [{"uri": "b.bin"}, {"byteLength": 3}], '
        '"images": [{"uri": "my%20bump.png"}, {"uri": "data:,"}]}',
        "c.gltf": "[]",
        "d.gltf": "no JSON",
        **dict.fromkeys(("textures/red.png", "red.png", "my bump.png", "b.bin", "other.png"), "x"),
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    def names(mesh: str) -> set[str]:
        found = lineage.named_files({"file": str(tmp_path / mesh)})
        return {path.relative_to(tmp_path).as_posix() for path in found.values()}

    assert names("a.obj") == {"a.obj", "a.mtl", "b.mtl", "textures/red.png", "red.png", "my bump.png"}
    assert names("b.gltf") == {"b.gltf", "b.bin", "my bump.png"}
    assert names("c.gltf") == {"c.gltf"}
    assert names("d.gltf") == {"d.gltf"}
    (tmp_path / "d.gltf").write_text('{"buffers": null, "images": [3]}')
    assert names("d.gltf") == {"d.gltf"}


def test_a_picture_that_moves_to_another_class_changes_the_fingerprint(tmp_path: Path) -> None:
    for name in ("red", "blue"):
        (tmp_path / name).mkdir()
    (tmp_path / "red" / "a.jpg").write_bytes(b"1")
    before = lineage.fingerprint(tmp_path)
    (tmp_path / "red" / "a.jpg").rename(tmp_path / "blue" / "a.jpg")
    assert lineage.fingerprint(tmp_path) != before


def test_a_name_in_another_encoding_has_a_fingerprint(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"1")
    assert len(lineage.fingerprint(tmp_path)) == 64


def test_listed_parents_count_by_their_content_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("same")
    names = [str(tmp_path / "a.txt"), str(tmp_path / "." / ".." / tmp_path.name / "a.txt")]
    for name in names:
        lineage.claim(tmp_path / "out", "stage", {"real": [name], "score": 1}, {"real_0": name, "score_from": name})
    with pytest.raises(UserError, match="differs in score"):
        lineage.claim(
            tmp_path / "out", "stage", {"real": names[:1], "score": 2}, {"real_0": names[0], "score_from": names[0]}
        )
