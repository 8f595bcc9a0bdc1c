import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blender_scenes.matching import marks
from coldstart.errors import UserError

SIZE = (1000, 1333)


def test_marks_survive_json(marked: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    content = marked() | {"lamps": [{"kind": "bulb", "wall": "ceiling"}]}
    content["points"]["lamp0.a"] = [500, 100]
    first = marks.parse(content, SIZE)
    file = tmp_path / "points.json"
    file.write_text(json.dumps(first.to_json()))
    assert marks.read(file, SIZE) == first
    assert "lamp0.a" in first.points and "lamp0.a" not in first.solid


def _line(content: dict[str, Any]) -> None:
    content["points"] = {name: [500, 40 * k] for k, name in enumerate(content["points"])}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda c: c["points"].update({"shelf0.front_left": [1200, 10]}), "outside the photo, 1000×1333"),
        (lambda c: c["points"].update({"shelf0.front_left": [-1, 10]}), "outside the photo"),
        (lambda c: c["points"].update({"shelf0.middle": [1, 10]}), "unknown point 'shelf0.middle'"),
        (lambda c: c["points"].update({"shelf00.front_left": [1, 10]}), "unknown point 'shelf00.front_left'"),
        (lambda c: c["points"].update({"shelf7.front_left": [1, 10]}), "shelves lists 3"),
        (lambda c: c["points"].update({"shelf0.front_left": "here"}), r"must be \[x, y\]"),
        (lambda c: c.update(points=dict(list(c["points"].items())[:4])), "at least 6"),
        (lambda c: c["points"].update({"shelf0.front_left": [10**400, 1]}), r"must be \[x, y\]"),
        (lambda c: c["points"].update({f"shelf{'9' * 5000}.front_left": [1, 10]}), "unknown point"),
        (lambda c: c.update(lengths={"cabinet.width": 10**400}), "not in 5..3000 mm"),
        (lambda c: c.update(details=[{"kind": "sticker", "wall": "left", "text": ["x"]}]), "text must be text, got"),
        (lambda c: c.update(points=[]), "points must be a mapping"),
        (_line, "lie on one line"),
        (lambda c: c.update(lengths={}), "no length is known"),
        (lambda c: c.update(lengths={"cabinet.width": -3}), "not in 5..3000 mm"),
        (lambda c: c.update(lengths={"cabinet.girth": 3}), "unknown length"),
        (lambda c: c.update(shelves=[]), "at least one of rimmed"),
        (lambda c: c.update(shelves=["wood"]), "must be a list of rimmed"),
        (lambda c: c.update(products=["table"]), "none of the shelves"),
        (lambda c: c["points"].pop("product0.top"), "product0.top is missing"),
        (lambda c: c.update(size=[640, 480]), r"photo of \[640, 480\] pixels"),
        (lambda c: c.update(lamps=[{"kind": "sun", "wall": "ceiling"}]), "kinds are bulb, panel"),
        (lambda c: c.update(size=None), "size: None must be a list"),
        (lambda c: c.update(products=None), "products: None must be a list"),
        (lambda c: c.update(lamps=None), "lamps: None must be a list"),
        (lambda c: c.update(lamps=["bulb"]), "must have kind and wall"),
        (lambda c: c.update(shelf=["glass"]), "unknown entry 'shelf'"),
    ],
)
def test_bad_points_are_one_clear_line(
    marked: Callable[..., dict[str, Any]], spoil: Callable[[dict[str, Any]], None], said: str
) -> None:
    content = marked()
    spoil(content)
    with pytest.raises(UserError, match=said) as error:
        marks.parse(content, SIZE, "points.json")
    assert "\n" not in str(error.value) and str(error.value).startswith("points.json")


def test_a_file_that_is_missing_or_no_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.json: cannot be read"):
        marks.read(tmp_path / "none.json", SIZE)
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(UserError, match="is not JSON"):
        marks.read(tmp_path / "bad.json", SIZE)
