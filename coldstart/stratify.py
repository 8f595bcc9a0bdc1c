"""Deal groups of pictures out to the sides of a split, so that each side gets its share of every label."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["stratify"]


def stratify(
    labels: NDArray[np.float64],
    sizes: NDArray[np.int64],
    room: NDArray[np.int64],
    generator: np.random.Generator,
    *,
    complete_first: bool = False,
) -> NDArray[np.int64]:
    """Iterative stratification (Sechidis et al. 2011, algorithm 1) of groups instead of single examples.

    `labels` (groups × labels) counts what each group holds, `sizes` its pictures, `room` how many pictures each side is
    to get; their sums are equal. The rarest label comes first; each group goes to the side that lacks most of that
    label, of those that still have room for it (ties: most room, then chance). A group that has room nowhere goes where
    most is left, so that sides of large groups may end up a little off. With `complete_first`, the first side gets a
    group of every label before any other does, as far as it has room.

    Returns:
        The side of each group, from 0.
    """
    shares = room / room.sum()
    lacking = shares[:, None] * labels.sum(axis=0)  # sides × labels
    left = room.astype(float)
    seen = np.zeros(labels.shape[1], dtype=bool)  # what the first side has got
    sides = np.full(len(sizes), -1)
    shuffled = generator.permutation(len(sizes))
    while (sides < 0).any():
        waiting = shuffled[sides[shuffled] < 0]
        counts = (labels[waiting] > 0).sum(axis=0)
        label = int(np.where(counts > 0, counts, np.iinfo(np.int64).max).argmin()) if counts.any() else None
        holders = waiting if label is None else waiting[labels[waiting, label] > 0]
        wanted = left if label is None else lacking[:, label]
        first = complete_first and label is not None and not seen[label]
        new = ((labels[holders] > 0) & ~seen).sum(axis=1) if first else np.zeros(len(holders))
        # What is large must find room early; what completes the first side best comes before that.
        group = int(holders[np.lexsort((-sizes[holders], -new))[0]])
        fits = left >= sizes[group]
        if first and fits[0]:
            side = 0
        elif fits.any():
            chance = generator.random(len(room))
            side = int(np.lexsort((chance, -left, -wanted, ~fits))[0])
        else:
            side = int(left.argmax())
        sides[group] = side
        lacking[side] -= labels[group]
        left[side] -= sizes[group]
        if side == 0:
            seen |= labels[group] > 0
    return sides
