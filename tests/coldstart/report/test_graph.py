from itertools import pairwise
from typing import Any

from coldstart.report.graph import BOX, GAP, graph
from tests.coldstart.report.conftest import Made


def test_folders_of_a_kind_are_one_box(made: Made) -> None:
    drawn = graph(made.results)
    counts = {node.title: (node.done, len(node.folders)) for node in drawn.nodes.values()}
    assert counts["renders"] == (1, 1)
    assert counts["translator gan"] == counts["pictures by gan"] == (2, 2)
    assert counts["detectors: labelled photos"] == (4, 4)
    assert counts["scores"] == (12, 12)
    assert counts["photos"] == (1, 1)  # given
    assert sum(n for _, n in counts.values()) == len(made.results["lineage"]) + 1
    edges = {(drawn.nodes[a].title, drawn.nodes[b].title) for a, b, _ in drawn.edges}
    assert ("photos", "photos split") in edges
    assert ("renders", "translator gan") in edges
    assert ("translator gan", "pictures by gan") in edges
    assert ("pictures by gan", "detectors: translations") in edges
    assert ("photos split", "scores") in edges
    assert ("photos split", "detectors: translations") not in edges


def test_what_is_made_stands_to_the_right_and_nothing_overlaps(made: Made) -> None:
    drawn = graph(made.results)
    for a, b, path in drawn.edges:
        assert drawn.nodes[a].x < drawn.nodes[b].x
        assert path.startswith(f"M{drawn.nodes[a].x + BOX[0]} ")
        assert path.endswith(f" {drawn.nodes[b].x} {drawn.nodes[b].y + BOX[1] // 2}")
    for x in {node.x for node in drawn.nodes.values()}:
        column = sorted(node.y for node in drawn.nodes.values() if node.x == x)
        assert all(below - above >= BOX[1] + GAP[1] for above, below in pairwise(column))
        assert column[0] >= 0 and column[-1] + BOX[1] <= drawn.height


def step(name: str) -> dict[str, Any]:
    return {"id": f"{name}/1", "out": f"out/{name}", "command": name}


def test_a_line_that_skips_a_column_has_a_lane_of_its_own() -> None:
    """a makes b and, with b, c."""
    made_of = {"a": [], "b": ["a"], "c": ["a", "b"]}
    cards = [
        {"folder": f"out/{name}", "complete": True, "parents": {p: {"path": f"out/{p}/file"} for p in parents}}
        for name, parents in made_of.items()
    ]
    drawn = graph(
        {
            "steps": [step(name) for name in made_of],
            "lineage": cards,
            "synthetic": [],
            "folds": [],
            "cells": [],
            "arms": [],
        }
    )
    b = next(node for node in drawn.nodes.values() if node.title == "b")
    lane = int(next(path for a, c, path in drawn.edges if (a, c) == ("a", "c")).split("h")[0].split()[-1])
    assert not b.y <= lane <= b.y + BOX[1]


def test_a_study_that_has_not_begun_has_its_boxes(unmade: dict[str, Any]) -> None:
    drawn = graph(unmade)
    assert drawn.edges == []
    assert all(node.done == 0 for node in drawn.nodes.values())
