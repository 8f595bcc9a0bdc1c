from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from blender_scenes.arrange import Arrangement, wanted
from blender_scenes.config import RenderConfig
from coldstart.errors import UserError


def test_counts_follow_copies_or_objects(config: Callable[..., RenderConfig]) -> None:
    products = config("product=[ketchup,water]").products
    rng = np.random.default_rng(0)
    products["ketchup"].copies = [0, 0, 0, 1]
    products["water"].copies = [0, 1]
    assert Counter({b.product: 1 for b in wanted(products, Arrangement(), 99, rng)}) == {"ketchup": 1, "water": 1}
    assert sum(b.count for b in wanted(products, Arrangement(), 99, rng)) == 4
    assert sum(b.count for b in wanted(products, Arrangement(objects=[8, 10]), 5, rng)) == 5
    totals = Counter()
    for _ in range(50):
        blocks = wanted(products, Arrangement(objects=[8, 10]), 99, rng)
        assert 8 <= sum(b.count for b in blocks) <= 10
        for block in blocks:
            totals[block.product] += block.count
    assert totals["ketchup"] > 2 * totals["water"]


def test_blocks_hold_equal_pieces(config: Callable[..., RenderConfig]) -> None:
    products = config("product=[ketchup,water]").products
    arrangement = Arrangement(objects=[30, 30], facings=[0, 0, 1], ranks=[0, 1], layers=[1])
    blocks = wanted(products, arrangement, 99, np.random.default_rng(0))
    assert sum(b.count for b in blocks) == 30
    assert max(b.count for b in blocks) == 6
    assert sum(b.count < 6 for b in blocks) <= 2  # one rest for each product


def test_unlabelled_pieces_are_counted_by_themselves(config: Callable[..., RenderConfig]) -> None:
    products = config("product=[ketchup,water]").products
    products["water"].label = False
    blocks = wanted(products, Arrangement(objects=[5, 5], clutter=[3, 3]), 99, np.random.default_rng(0))
    counts = Counter({n: sum(b.count for b in blocks if b.product == n) for n in products})
    assert counts == {"ketchup": 5, "water": 3}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"objects": [5, 3]}, "placement.objects: [5, 3]"),
        ({"gap": -1}, "placement.gap: -1"),
        ({"visible": []}, "placement.visible"),
        ({"layers": [0, 0]}, "placement.layers"),
        ({"pose_odds": {"lying": -1}}, "placement.pose_odds"),
        ({"drop": 10}, "physics=true"),
    ],
)
def test_bad_values_are_refused(fields: dict, said: str) -> None:
    with pytest.raises(UserError) as error:
        Arrangement(**fields)
    assert said in str(error.value)
