"""How the C library keeps memory for the next tensor."""

import ctypes

__all__ = ["keep_freed"]

# Parameters of glibc's mallopt(3), from malloc.h, and what they are set to in bytes.
SETTINGS = {-3: 32 << 20, -1: 1 << 30, -2: 64 << 20}  # largest block not mapped by itself; free top kept; added to it


def keep_freed() -> bool:
    """Keep up to 1 GiB that was freed instead of giving it back, so that new tensors need no new pages; False if not.

    By default glibc returns what a step's tensors leave, and the kernel clears each page again for the next: a sixth
    of a detector's training step on a CPU. Another C library stays as it is.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl and macOS have none; Windows takes no None
        return False
    return all(mallopt(name, value) for name, value in SETTINGS.items())
