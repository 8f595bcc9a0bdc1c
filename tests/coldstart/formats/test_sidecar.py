import json
from collections.abc import Callable

import pytest

from coldstart.dataset import Annotation, Dataset, Image, write_atomic
from coldstart.errors import UserError
from coldstart.formats import yolo
from coldstart.formats.sidecar import Found, Label, assemble, head

Toy = Callable[..., Dataset]


def everything(annotation: Annotation, image: Image) -> bool:
    return annotation["bbox"][2] > 0


def found(data: Dataset) -> list[Found]:
    """The pictures and labels of a dataset as a format would state them."""
    by_image = data.by_image()
    return [
        Found(
            data.path(i),
            i["file_name"],
            (i["width"], i["height"]),
            [
                Label(data.class_names[a["category_id"] - 1], [v + 0.001 for v in a["bbox"]], bool(a["ignore"]))
                for a in by_image[i["id"]]
                if everything(a, i)
            ],
        )
        for i in data.images
    ]


@pytest.fixture
def data(renders: Toy) -> Dataset:
    """A dataset folder with a side-car in it."""
    data = renders("data", 4)
    for name, content in head(data).items():
        write_atomic(data.root / name, content)
    return data


def test_what_is_unchanged_gets_its_fields_back(data: Dataset) -> None:
    back = assemble(data.root, found(data), None, everything).dataset
    assert (back.images, back.annotations, back.categories, back.info) == (
        data.images,
        data.annotations,
        data.categories,
        data.info,
    )


def test_a_labelling_tool_may_move_delete_and_add(data: Dataset) -> None:
    pictures = found(data)
    first, second, third, fourth = pictures
    moved = first.labels[0].box
    first.labels[0] = Label(first.labels[0].category, [moved[0] + 1, *moved[1:]])
    gone = second.labels.pop()
    third.labels.append(Label("jam", [1.0, 2.0, 3.0, 4.0]))
    fourth.labels[0] = Label(fourth.labels[0].category, fourth.labels[0].box, ignore=not fourth.labels[0].ignore)
    back = assemble(data.root, pictures, None, everything).dataset
    assert back.class_names == [*data.class_names, "jam"]
    new = [a for a in back.annotations if a["id"] > len(data.annotations)]
    assert [(a["image_id"], a["bbox"]) for a in new] == [(1, first.labels[0].box), (3, [1.0, 2.0, 3.0, 4.0])]
    assert all("instance" not in a for a in new)
    shown = [a for a in back.annotations if a["image_id"] == 2 and a["bbox"][2] > 0]
    assert len(shown) == len(second.labels)
    assert gone.category not in [back.class_names[a["category_id"] - 1] for a in shown]
    flags = [[a["ignore"] for a in d.annotations if a["image_id"] == 4] for d in (back, data)]
    assert sum(x != y for x, y in zip(*flags, strict=True)) == 1


def test_pictures_may_come_and_go(data: Dataset) -> None:
    pictures = found(data)[1:]
    pictures.append(Found(pictures[0].path, "new.png", (96, 128), [Label("milk", [0.0, 0.0, 9.0, 9.0])]))
    back = assemble(data.root, pictures, None, everything).dataset
    assert [(i["id"], i["file_name"]) for i in back.images[-1:]] == [(5, "new.png")]
    assert [i["id"] for i in back.images] == [2, 3, 4, 5]
    assert {a["image_id"] for a in back.annotations} == {2, 3, 4, 5}


def test_classes_in_another_order_are_renumbered(data: Dataset) -> None:
    names = ["water", "milk", "orange"]
    back = assemble(data.root, found(data), names, everything).dataset
    assert back.class_names == names

    def classes(dataset: Dataset) -> list[str]:
        return [dataset.class_names[a["category_id"] - 1] for a in dataset.annotations]

    assert classes(back) == classes(data)


def test_a_broken_side_car_is_refused(data: Dataset) -> None:
    file = data.root / "coldstart" / "annotations.json"
    for content in ("[]", "{", '{"images": 3}', json.dumps({**json.loads(file.read_text()), "categories": []})):
        file.write_text(content)
        with pytest.raises(UserError, match=r"annotations\.json"):
            assemble(data.root, found(data), None, everything)


def test_two_pictures_of_one_name_are_refused(data: Dataset) -> None:
    with pytest.raises(UserError, match=r"stand for 000000\.png"):
        assemble(data.root, found(data) + found(data)[:1], None, everything)


def test_ignored_objects_wait_in_the_side_car(renders: Toy) -> None:
    data = renders("data", 4)
    output = yolo.write(data, 0)
    lines = [
        line for files in output.pictures for n, text in files.items() if ".txt" in n for line in text.splitlines()
    ]
    assert len(lines) == sum(not a["ignore"] for a in data.annotations)
    assert json.loads(output.head["coldstart/annotations.json"])["annotations"] == data.annotations
