"""How a scene is filled: the typed form of conf/placement/*.yaml, and how many pieces of what that asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from blender_scenes.catalogue import Product
from blender_scenes.chance import odds
from coldstart.errors import UserError

__all__ = ["Arrangement", "Block", "typical", "wanted"]


@dataclass
class Arrangement:
    """One YAML of conf/placement. Lengths in millimetres, shares 0..1, odds as weights."""

    objects: list[int] | None = None  # [low, high] labelled pieces, of any product; null: each product's own copies
    clutter: list[int] | None = None  # the same for pieces without a label
    gap: float = 4.0  # smallest distance between two pieces that do not rest on each other
    max_overlap: float = 0.3  # largest share of a piece's box that another's box may cover in the picture
    truncated: float = 0.0  # largest share of a piece's box that may lie outside the picture
    visible: list[float] | None = None  # wanted odds of visible fractions, in equal bins from 0 to 1; null: as it comes
    anywhere: float = 0.0  # share of pieces placed over the whole depth, whatever the scene's front_bias
    pack: bool = False  # side by side from the left along the front edge, as a shop does
    facings: list[float] = field(default_factory=lambda: [1.0])  # odds of 1, 2, … equal pieces side by side
    ranks: list[float] = field(default_factory=lambda: [1.0])  # and behind one another
    layers: list[float] = field(default_factory=lambda: [1.0])  # and on top of one another, where that is stable
    leaning: float = 0.0  # share of tall pieces that lean against a wall or a neighbour, if there is one
    pose_odds: dict[str, float] = field(default_factory=dict)  # factors on the weights of the products' poses
    physics: bool = False  # let the pieces fall and settle in Blender
    drop: float = 0.0  # greatest height that they fall from
    tumble: float = 0.0  # how far they are turned before, degrees (standard deviation)

    def __post_init__(self) -> None:
        for key, count in (("objects", self.objects), ("clutter", self.clutter)):
            if count is not None and (len(count) != 2 or not 0 <= count[0] <= count[1] <= 500):
                raise UserError(f"placement.{key}: {list(count)} must be [low, high], rising, within 0..500")
        for key, value, high in (
            ("gap", self.gap, 100),
            ("max_overlap", self.max_overlap, 1),
            ("truncated", self.truncated, 1),
            ("anywhere", self.anywhere, 1),
            ("leaning", self.leaning, 1),
            ("drop", self.drop, 1000),
            ("tumble", self.tumble, 180),
        ):
            if not 0 <= value <= high:
                raise UserError(f"placement.{key}: {value:g} is not in 0..{high}")
        for key, weights in (
            ("visible", [1.0] if self.visible is None else self.visible),
            ("facings", self.facings),
            ("ranks", self.ranks),
            ("layers", self.layers),
        ):
            if not weights or min(weights) < 0 or sum(weights) <= 0:
                raise UserError(f"placement.{key}: {list(weights)} must be odds of 0 or more, one of them above 0")
        if min(self.pose_odds.values(), default=0) < 0:
            raise UserError("placement.pose_odds: factors must be 0 or more")
        if not self.physics and (self.drop or self.tumble):
            raise UserError("placement: drop and tumble need physics=true, or pieces would float")


@dataclass(frozen=True)
class Block:
    """`count` equal pieces that belong together: side by side, behind and on top of one another."""

    product: str
    count: int
    facings: int = 1
    ranks: int = 1
    layers: int = 1


def wanted(
    products: Mapping[str, Product], arrangement: Arrangement, most: int, rng: np.random.Generator
) -> list[Block]:
    """What a scene should hold, in the order in which it is placed; `objects` and `clutter` ask for `most` at most."""
    counts: dict[str, int] = {}
    for label, number in ((True, arrangement.objects), (False, arrangement.clutter)):
        chosen = {name: p for name, p in products.items() if p.label == label}
        if number is None:
            counts |= {n: int(rng.choice(len(p.copies), p=odds(p.copies))) for n, p in chosen.items()}
        elif chosen:
            share = odds([typical(p) for p in chosen.values()])
            total = min(int(rng.integers(number[0], number[1] + 1)), most)
            counts |= dict(zip(chosen, rng.multinomial(total, share).tolist(), strict=True))
    blocks = []
    for name, count in counts.items():
        left = count
        while left:
            facings, ranks, layers = (
                _pick(o, rng) for o in (arrangement.facings, arrangement.ranks, arrangement.layers)
            )
            blocks.append(Block(name, min(left, facings * ranks * layers), facings, ranks, layers))
            left -= blocks[-1].count
    rng.shuffle(blocks)  # type: ignore[arg-type]
    return blocks


def typical(product: Product) -> float:
    """How many pieces of it a scene holds on average."""
    return float(np.arange(len(product.copies)) @ odds(product.copies))


def _pick(weights: Sequence[float], rng: np.random.Generator) -> int:
    return 1 + int(rng.choice(len(weights), p=odds(weights)))
