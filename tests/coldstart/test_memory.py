"""Freed memory stays with the process."""

import os
import subprocess
import sys

CODE = """
import resource, sys
import torch
from coldstart.memory import keep_freed
if sys.argv[1] == "keep":
    assert keep_freed()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        kept = [torch.ones(1 << 20) for _ in range(40)]  # 160 MB, then all of it freed
        del kept
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


def faults(how: str) -> int:
    """Pages that the kernel had to make for twenty rounds of the same tensors."""
    mapped = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}  # each by itself: what glibc does differs by its history
    done = subprocess.run([sys.executable, "-c", CODE, how], check=True, capture_output=True, text=True, env=mapped)
    return int(done.stdout)


def test_the_same_tensors_again_need_no_new_pages() -> None:
    assert faults("keep") < 500
    assert faults("leave") > 1500  # else this test could not fail; a page may be one of 2 MB
