"""Dataset folders in the formats of others: YOLO, Pascal VOC and WebDataset, there and back.

A format is a module with three functions: `is_one(folder)`, `write(dataset, shard_bytes)`, which gives the files of
the other format, and `read(folder)`, which gives a dataset and the files of its folder. None of them writes to disk:
`coldstart.convert` does.
"""
