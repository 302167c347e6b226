"""Writes test/golden/pickles/*.pt: PyTorch files as people have them, and two that are not to be trusted.

    python oracle/pickles.py
"""
import os
import pickle
from collections import OrderedDict
from pathlib import Path

import torch

folder = Path("test/golden/pickles")
folder.mkdir(parents=True, exist_ok=True)
row = torch.arange(6, dtype=torch.float32) / 4 - 0.5

state = OrderedDict(
    single=row,
    half=row.half().reshape(2, 3),
    brain=row.bfloat16().reshape(3, 2),
    double=row.double(),
    parameter=torch.nn.Parameter(row[:2].clone()),
    count=torch.tensor(7),
    rows=row.reshape(3, 2)[1:],
)
state._metadata = OrderedDict(version=1)


class ModelCheckpoint:
    """Stands for the class that pytorch-lightning leaves in a checkpoint, as the key of a dictionary."""


checkpoint = {"epoch": 3, "global_step": 470000, "rate": 0.5, "callbacks": {ModelCheckpoint: {"best": None, "path": "x" * 300}}, "state_dict": state}
torch.save(checkpoint, folder / "checkpoint.pt")
torch.save({"string_to_token": {"*": 265}, "string_to_param": {"*": row.reshape(2, 3)}, "name": "v", "step": 5}, folder / "embedding.pt")
torch.save({"strided": row.reshape(2, 3).t()}, folder / "strided.pt")
torch.save({"old": row}, folder / "legacy.pt", _use_new_zipfile_serialization=False)


class Code:
    def __reduce__(self):
        return os.system, ("touch /tmp/contextura-was-run",)


torch.save({"state_dict": {"weight": row, "code": Code()}}, folder / "code.pt")
# With a later protocol of pickle, the callable's name comes another way.
torch.save({"weight": row, "code": Code()}, folder / "code4.pt", pickle_module=pickle, pickle_protocol=4)
print(*(f"{path.name} {path.stat().st_size}" for path in sorted(folder.iterdir())), sep="\n")
