"""Reads what Weights & Biases keeps of an offline run."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2


def records(file: Path) -> Iterator[wandb_internal_pb2.Record]:
    """The records of a .wandb file: a 7-byte header, then LevelDB's log format (fragments in 32 KiB blocks)."""
    content, place, whole = file.read_bytes(), 7, b""
    while place + 7 <= len(content):
        left = 32768 - place % 32768
        if left < 7:  # a block's end too short for a fragment's header is padding
            place += left
            continue
        length, kind = struct.unpack_from("<HB", content, place + 4)
        whole += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # FULL or LAST
            yield wandb_internal_pb2.Record.FromString(whole)
            whole = b""


def rows(file: Path) -> list[dict[str, Any]]:
    """What was logged at each step."""
    history = (record.history for record in records(file) if record.HasField("history"))
    return [{item.key or item.nested_key[0]: json.loads(item.value_json) for item in h.item} for h in history]
