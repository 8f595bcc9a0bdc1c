"""What was made from what, as a drawing: folders of one kind are one box, since a study has hundreds."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from textwrap import wrap

from coldstart.report.parts import SOURCE, Results, titles

__all__ = ["BOX", "Graph", "Node", "graph"]

BOX, GAP = (148, 56), (36, 14)  # pixels: of a box, between boxes
LANE = 8  # pixels of a column's height for lines that pass through it
LETTERS = 22  # of a line in a box

STAGES = {
    "blender_scenes.render": "renders",
    "coldstart.split": "photos split",
    "detect.label": "photos labelled by a detector",
    "coldstart.subset": "labelled photos of a budget",
}


@dataclass
class Node:
    """Folders of one kind: `folders` with the command that makes each, how many of them are `done`; its place."""

    title: str
    stage: str
    folders: dict[str, str] = field(default_factory=dict)
    done: int = 0
    parents: set[str] = field(default_factory=set)
    x: int = 0
    y: int = 0

    @property
    def lines(self) -> list[str]:
        """The title in at most two lines."""
        return wrap(self.title, LETTERS, max_lines=2, placeholder=" …")


@dataclass(frozen=True)
class Graph:
    """Nodes by key, edges (from, to, SVG path) and the size of the drawing in pixels."""

    nodes: dict[str, Node]
    edges: list[tuple[str, str, str]]
    width: int
    height: int


def graph(results: Results) -> Graph:
    """The drawing of results["lineage"], parents on the left; photos that were there before are boxes too."""
    steps = {step["out"]: step for step in results["steps"]}
    kinds = _kinds(results, {card["folder"] for card in results["lineage"]})
    nodes: dict[str, Node] = {}
    for card in results["lineage"]:
        step = steps[card["folder"]]
        module = step["id"].rpartition("/")[0]
        key, title = kinds.get(card["folder"], (module, STAGES.get(module, module)))
        node = nodes.setdefault(key, Node(title, module))
        node.folders[card["folder"]] = step["command"]
        node.done += bool(card["complete"])
        kinds.setdefault(card["folder"], (key, title))
    for card in results["lineage"]:
        own = kinds[card["folder"]][0]
        for parent in (card["parents"] or {}).values():
            above = _owner(parent["path"], kinds)
            if above is None:
                above = f"photos {parent['path']}"
                given = nodes.setdefault(above, Node(Path(parent["path"]).name, "given", done=1))
                given.folders.setdefault(parent["path"], "")
            if above != own:
                nodes[own].parents.add(above)
    return _placed(nodes)


def _kinds(results: Results, made: Container[str]) -> dict[str, tuple[str, str]]:
    """Folder -> key and title of its box; `made` are the folders that have a card."""
    kinds: dict[str, tuple[str, str]] = {}
    for part in results["synthetic"]:
        if part["name"] != SOURCE:
            kinds[part["folder"]] = (f"out {part['name']}", f"pictures by {part['name']}")
        if part["translator"]:
            kinds[part["translator"]] = (f"gan {part['name']}", f"translator {part['name']}")
    for fold in results["folds"]:
        for side, title in (("train", "photos to learn from"), ("test", "photos to score on")):
            if fold[side]["folder"] in made:  # of a simulated camera; the fold of a split is part of the split
                kinds.setdefault(fold[side]["folder"], (side, title))
    names = titles(results)
    for cell in results["cells"]:
        kinds[cell["detector"]] = (f"detector {cell['arm']}", f"detectors: {names[cell['arm']]}")
        kinds[cell["scores"]] = ("scores", "scores")
    return kinds


def _owner(path: str, kinds: Mapping[str, tuple[str, str]]) -> str | None:
    """The key of the box that a file or folder lies in."""
    for folder in (Path(path), *Path(path).parents):
        if str(folder) in kinds:
            return kinds[str(folder)][0]
    return None


def _placed(nodes: dict[str, Node]) -> Graph:
    """Layers as in Sugiyama et al. 1981: each node as far right as what is made from it lets it be, lines that skip a
    column pass through a lane of their own, and columns are ordered by where their lines come from."""
    columns = _columns(nodes)
    # What stands in each column: nodes by key, lanes by (source, column).
    last: dict[str, int] = {}  # the column that a node's longest line ends in
    for key, node in nodes.items():
        for parent in node.parents:
            last[parent] = max(last.get(parent, 0), columns[key])
    lanes = [(p, c) for p, end in last.items() for c in range(columns[p] + 1, end)]
    middles: dict[str | tuple[str, int], int] = {}
    layers = []
    for number in range(1 + max(columns.values(), default=-1)):
        own: list[str | tuple[str, int]] = [key for key in nodes if columns[key] == number]
        own += [lane for lane in lanes if lane[1] == number]

        def weight(item: str | tuple[str, int], number: int = number) -> float:
            sources = nodes[item].parents if isinstance(item, str) else [item[0]]
            places = [middles[p if columns[p] == number - 1 else (p, number - 1)] for p in sources]
            return sum(places) / len(places) if places else 0.0

        own.sort(key=weight)
        y = 0
        for item in own:
            tall = BOX[1] if isinstance(item, str) else LANE
            middles[item] = y + tall // 2
            y += tall + GAP[1]
        layers.append((own, y - GAP[1]))
    height = max((tall for _, tall in layers), default=0)
    for number, (own, tall) in enumerate(layers):
        for item in own:
            middles[item] += (height - tall) // 2
            if isinstance(item, str):
                nodes[item].x, nodes[item].y = number * (BOX[0] + GAP[0]), middles[item] - BOX[1] // 2
    edges = []
    for key, node in nodes.items():
        for parent in sorted(node.parents):
            through = [middles[parent, c] for c in range(columns[parent] + 1, columns[key])]
            edges.append((parent, key, _line(nodes[parent].x, [middles[parent], *through, middles[key]])))
    return Graph(nodes, edges, len(layers) * (BOX[0] + GAP[0]) - GAP[0], height)


def _columns(nodes: Mapping[str, Node]) -> dict[str, int]:
    """The column of each node, from 0: one before the first that is made from it, as far right as can be."""
    made_from: dict[str, set[str]] = {key: set() for key in nodes}
    for key, node in nodes.items():
        for parent in node.parents:
            made_from[parent].add(key)
    depth: dict[str, int] = {}

    def below(key: str, path: tuple[str, ...] = ()) -> int:
        if key not in depth:
            depth[key] = max((1 + below(k, (*path, key)) for k in made_from[key] if k not in (*path, key)), default=0)
        return depth[key]

    deepest = max((below(key) for key in nodes), default=0)
    return {key: deepest - depth[key] for key in nodes}


def _line(x: int, middles: Sequence[int]) -> str:
    """An SVG path from the right side of a box at `x` over one place a column to the left side of the last."""
    path, bend = f"M{x + BOX[0]} {middles[0]}", GAP[0] // 2
    for before, after in pairwise(middles):
        x += BOX[0] + GAP[0]
        path += f"C{x - bend} {before} {x - bend} {after} {x} {after}h{BOX[0]}"
    return path.removesuffix(f"h{BOX[0]}")
