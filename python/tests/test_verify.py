# SPDX-License-Identifier: Apache-2.0
"""`python -m qlif.verify`: every golden case passes, and what is broken fails with a reason."""

import json
import re
import shutil
import struct
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from qlif import verify


def test_all_golden_cases_pass(golden):
    ended = subprocess.run(
        [sys.executable, "-m", "qlif.verify", str(golden)], capture_output=True, text=True, timeout=1800
    )
    lines = ended.stdout.splitlines()
    assert [line for line in lines if line.startswith("FAILED")] == []
    count = len(list(golden.glob("*.safetensors")))
    assert count > 70 and lines[-1] == f"{count} passed, 0 failed" and ended.returncode == 0


def changed(golden, tmp_path, change, case="spec-000-qubit-multi_qubit"):
    source = golden / f"{case}.safetensors"
    tensors = load_file(source)
    with open(source, "rb") as file:
        metadata = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))["__metadata__"]
    config = json.loads(metadata["config"])
    change(tensors, config)
    metadata["config"] = json.dumps(config)
    path = tmp_path / "case.safetensors"
    save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, path, metadata)
    return path


CHANGES = {
    "expect_v .*off by": lambda tensors, config: tensors.update(expect_v=tensors["expect_v"] + 1),
    "expect_grad_input .*off by": lambda tensors, config: tensors.update(
        expect_grad_input=tensors["expect_grad_input"] * 2
    ),
    "expect_spikes .*differ, the first at index 0": lambda tensors, config: tensors.update(
        expect_spikes=1 - tensors["expect_spikes"]
    ),
    "no comparison uses": lambda tensors, config: tensors.update(expect_other=tensors["input"]),
    "'param_eta' is missing": lambda tensors, config: (tensors.pop("param_eta"), tensors.pop("expect_grad_eta", None)),
    "'input' is missing": lambda tensors, config: tensors.pop("input"),
    "not finite": lambda tensors, config: tensors["input"].__setitem__((0, 0, 0), np.nan),
    "other than 0 and 1": lambda tensors, config: tensors["expect_spikes"].__setitem__((0, 0, 0), 2),
    "tau.*: got -": lambda tensors, config: tensors.update(param_tau=-tensors["param_tau"]),
    "option: got 'x'": lambda tensors, config: config.update(x=1),
    "expected QLIF, LIF or RNG": lambda tensors, config: config.update(model="LSTM"),
    "expected float32": lambda tensors, config: tensors.update(grad_y=tensors["grad_y"].astype(np.float64)),
    "'grad_y': got the shape": lambda tensors, config: tensors.update(grad_y=tensors["grad_y"][1:]),
    "nothing to compare": lambda tensors, config: [
        tensors.pop(name) for name in list(tensors) if name.startswith("expect_")
    ],
}


@pytest.mark.parametrize("message", CHANGES)
def test_a_changed_case_fails(golden, tmp_path, message):
    path = changed(golden, tmp_path, CHANGES[message])
    passed, line = verify.verify(path)
    assert not passed
    assert line.startswith(f"FAILED {path}: ")
    assert re.search(message, line), line


def test_broken_files(golden, tmp_path):
    whole = (golden / "spec-000-qubit-multi_qubit.safetensors").read_bytes()
    header = json.dumps({"a": {"dtype": "F32", "shape": [2**62, 8], "data_offsets": [0, 4]}}).encode()
    for content in (
        b"",
        whole[:7],
        whole[:100],
        whole[:-1],
        b"\xff" * 64,
        struct.pack("<Q", 2**62) + b"{}",
        struct.pack("<Q", len(header)) + header + b"\0\0\0\0",
        struct.pack("<Q", 2) + b"{}",
        b"\x80\x04K\x01.",
    ):
        path = tmp_path / "broken.safetensors"
        path.write_bytes(content)
        passed, line = verify.verify(path)
        assert not passed and line.startswith(f"FAILED {path}: ")


def test_what_it_is_told(golden, tmp_path, capsys):
    assert verify.main([str(tmp_path / "absent")]) == 2
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 1 failed"
    assert verify.main([str(tmp_path)]) == 2
    capsys.readouterr()
    shutil.copy(golden / "rng-philox-000.safetensors", tmp_path)
    assert verify.main([str(tmp_path), str(tmp_path / "absent")]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 1 failed"
    assert verify.main([str(tmp_path)]) == 0
