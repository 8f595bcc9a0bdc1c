"""A product cut out of its photo by a box around it.

GrabCut (Rother, Kolmogorov and Blake, SIGGRAPH 2004): colours of product and background as mixtures of Gaussians, in
turn with the cut of least cost between them, where cutting along an edge of the picture is cheap. What lies outside the
box is background, and its innermost part product: white tubs before white walls would be lost otherwise.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.cluster.vq import kmeans2
from scipy.ndimage import binary_fill_holes, label
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from coldstart.errors import UserError

__all__ = ["cutout", "largest"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

MARGIN = 0.2  # of the box's sides: the background around it that is looked at
WORKING = 150  # pixels of the longer side while cutting
COLOURS = 5  # Gaussians of each mixture
ROUNDS = 5
SMOOTHNESS = 50.0  # the paper's γ
SCALE = 100.0  # capacities are whole numbers
CORE = (0.25, 0.4)  # of the box's width and height: half axes of the ellipse that is product for sure
LEAST = 0.75  # of the box's width and height: what a product must span of it


def cutout(pixels: NDArray[np.uint8], box: tuple[int, int, int, int]) -> Mask:
    """H×W mask of the product in `box` [x, y, width, height] of H×W×3 `pixels`.

    Raises:
        UserError: nothing in the box stands out from what is around it.
    """
    x, y, w, h = box
    height, width = pixels.shape[:2]
    x0, y0 = max(round(x - MARGIN * w), 0), max(round(y - MARGIN * h), 0)
    x1, y1 = min(round(x + w + MARGIN * w), width), min(round(y + h + MARGIN * h), height)
    scale = min(WORKING / max(x1 - x0, y1 - y0), 1.0)
    size = (max(round((x1 - x0) * scale), 8), max(round((y1 - y0) * scale), 8))
    small = np.asarray(Image.fromarray(pixels[y0:y1, x0:x1]).resize(size, Image.Resampling.BOX)) / 255
    columns, rows = (np.arange(size[0]) + 0.5) / scale + x0, (np.arange(size[1]) + 0.5) / scale + y0
    inside = ((rows > y) & (rows < y + h))[:, None] & ((columns > x) & (columns < x + w))[None]
    core = (((columns - x - w / 2) / w / CORE[0]) ** 2)[None] + (((rows - y - h / 2) / h / CORE[1]) ** 2)[:, None] < 1
    found = _grabcut(small, inside, core)
    span = [found.any(axis=axis).sum() / scale for axis in (0, 1)]
    if span[0] < LEAST * w or span[1] < LEAST * h:
        raise UserError(
            f"box {list(box)}: what stands out in it is only {span[0]:.0f}×{span[1]:.0f} pixels; "
            "draw the box tight around the product, or give a mask="
        )
    grown = Image.fromarray((255 * found).astype(np.uint8)).resize((x1 - x0, y1 - y0), Image.Resampling.BICUBIC)
    mask = np.zeros((height, width), dtype=bool)
    mask[y0:y1, x0:x1] = np.asarray(grown) > 127
    mask[:, : max(x, 0)] = mask[:, x + w :] = False
    mask[: max(y, 0)] = mask[y + h :] = False
    return largest(mask)


def largest(mask: Mask) -> Mask:
    """The largest connected piece of a mask, its holes filled."""
    parts, count = label(mask)
    if count == 0:
        return mask
    best = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    filled: Mask = binary_fill_holes(parts == best)
    return filled


def _grabcut(picture: Floats, inside: Mask, core: Mask) -> Mask:
    """H×W product within `inside`, with `core` in it, of an H×W×3 picture (0..1)."""
    found = inside.copy()
    links = _links(picture)
    flat = picture.reshape(-1, 3)
    for _ in range(ROUNDS):
        if not found.any() or found.all():
            break
        product, background = (_unlikeliness(picture[m], flat).reshape(inside.shape) for m in (found, ~found))
        cut = largest(_least_cut(product, background, inside, core, links))
        if (cut == found).all():
            break
        found = cut
    return found


def _unlikeliness(samples: Floats, pixels: Floats) -> Floats:
    """−log density of N×3 `pixels` under a mixture of Gaussians fitted to M×3 `samples`."""
    centres, which = kmeans2(samples, min(COLOURS, len(samples)), minit="++", seed=0)
    density = np.full(len(pixels), 1e-30)
    for k in range(len(centres)):
        own = samples[which == k]
        if len(own) < 4:
            continue
        spread = np.cov(own.T) + 2e-4 * np.eye(3)
        away = pixels - own.mean(axis=0)
        power = np.einsum("ni,ij,nj->n", away, np.linalg.inv(spread), away)
        density += len(own) / len(samples) * np.exp(-0.5 * power) / np.sqrt((2 * np.pi) ** 3 * np.linalg.det(spread))
    unlikely: Floats = -np.log(density)
    return unlikely


def _links(picture: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Neighbouring pixels (8 of each) and what it costs to cut between them: less where the colour changes."""
    height, width = picture.shape[:2]
    index = np.arange(height * width).reshape(height, width)
    pairs = []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        a = (slice(0, height - down), slice(max(-right, 0), width - max(right, 0)))
        b = (slice(down, height), slice(max(right, 0), width - max(-right, 0)))
        change = ((picture[a] - picture[b]) ** 2).sum(axis=2)
        pairs.append((index[a].ravel(), index[b].ravel(), change.ravel(), np.hypot(down, right)))
    mean = np.mean(np.concatenate([p[2] for p in pairs])) + 1e-9
    costs = np.concatenate([SMOOTHNESS / far * np.exp(-change / (2 * mean)) for _, _, change, far in pairs])
    return np.concatenate([p[0] for p in pairs]), np.concatenate([p[1] for p in pairs]), costs


def _least_cut(
    product: Floats,
    background: Floats,
    inside: Mask,
    core: Mask,
    links: tuple[NDArray[np.int64], NDArray[np.int64], Floats],
) -> Mask:
    """The pixels on the product's side of the cut of least cost (Boykov and Jolly 2001)."""
    count = product.size
    source, sink = count, count + 1
    low = np.minimum(product, background)
    to_source, to_sink = (background - low).ravel(), (product - low).ravel()
    sure, outside = core.ravel(), ~inside.ravel()
    to_source[sure], to_sink[sure] = 1e4, 0
    to_source[outside], to_sink[outside] = 0, 1e4
    a, b, cost = links
    pixel = np.arange(count)
    rows = np.concatenate([a, b, np.full(count, source), pixel])
    columns = np.concatenate([b, a, pixel, np.full(count, sink)])
    capacity = np.round(SCALE * np.concatenate([cost, cost, to_source, to_sink])).astype(np.int32)
    graph = csr_matrix((capacity, (rows, columns)), shape=(count + 2, count + 2))
    graph.eliminate_zeros()
    left = graph - maximum_flow(graph, source, sink).flow
    left.data = np.maximum(left.data, 0)
    left.eliminate_zeros()
    reached = breadth_first_order(left, source, return_predecessors=False)
    side = np.zeros(count + 2, dtype=bool)
    side[reached] = True
    cut: Mask = side[:count].reshape(product.shape)
    return cut
