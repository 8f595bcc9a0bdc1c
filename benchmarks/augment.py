"""How long torchvision and kornia take for the same change of one picture, on one core.

    python benchmarks/augment.py

torchvision works on uint8 as read from disk, kornia on float; both give a picture of 312×416.
"""

import time
from collections.abc import Callable

import torch
from kornia import augmentation as K
from torch import Tensor
from torchvision.transforms import v2

CALLS = 60
PAIRS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "colour jitter": (v2.ColorJitter(0.35, 0.35, 0.35, 0.025), K.ColorJiggle(0.35, 0.35, 0.35, 0.025, p=1.0)),
    "blur": (v2.GaussianBlur(5, (0.3, 1.1)), K.RandomGaussianBlur((5, 5), (0.3, 1.1), p=1.0)),
    "jpeg": (v2.JPEG((40, 95)), K.RandomJPEG((40.0, 95.0), p=1.0)),
    "mirror": (v2.RandomHorizontalFlip(1.0), K.RandomHorizontalFlip(p=1.0)),
}


def milliseconds(change: Callable[[Tensor], Tensor], picture: Tensor) -> float:
    """The fastest of three rounds."""
    rounds = []
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(CALLS // 3):
            change(picture)
        rounds.append((time.perf_counter() - start) / (CALLS // 3))
    return min(rounds) * 1000


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    small = torch.randint(0, 255, (3, 13, 10), dtype=torch.uint8)
    picture = v2.functional.resize(small, [416, 312])
    print(f"{'':15} torchvision  kornia   ms per picture")
    for name, (ours, theirs) in PAIRS.items():
        print(f"{name:15} {milliseconds(ours, picture):11.2f} {milliseconds(theirs, picture[None] / 255):7.2f}")


if __name__ == "__main__":
    main()
