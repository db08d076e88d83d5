# SPDX-License-Identifier: Apache-2.0
"""Where operators come from: compiled once and kept; in Python without a compiler; what is wrong is named."""

import os
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

from qlif.torch import _build  # noqa: E402

# A layer's spikes, and the kind of operators that computed them.
PROGRAM = """
import torch, qlif.torch
from qlif.torch import _operators
torch.manual_seed(1)
layer = qlif.torch.QLIFLayer(7)
spikes, voltages = layer(torch.randn(20, 3, 7).mul(3).requires_grad_())
voltages.sum().backward()
print(_operators.KIND, int(spikes.sum()), layer.qlifs.V_th.grad.sum().item().hex())
"""


def run(**environment):
    return subprocess.run(
        [sys.executable, "-W", "always", "-c", PROGRAM],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=900,
    )


@pytest.fixture(scope="module")
def compiled():
    """What the operators in C++ compute, in the cache that is there."""
    ended = run(QLIF_OPERATOR="cpp")
    assert ended.returncode == 0, ended.stderr
    kind, *numbers = ended.stdout.split()
    assert kind == "cpp"
    return numbers


def test_without_a_compiler_python_serves(compiled, tmp_path):
    ended = run(PATH=str(tmp_path), CXX="", QLIF_CACHE=str(tmp_path / "cache"), QLIF_OPERATOR="")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == ["python", *compiled]
    assert "RuntimeWarning: qlif.torch: falling back to operators in Python" in ended.stderr
    assert "there is no C++ compiler" in ended.stderr


def test_asked_for_means_asked_for(tmp_path):
    ended = run(PATH=str(tmp_path), CXX="", QLIF_CACHE=str(tmp_path), QLIF_OPERATOR="cpp")
    assert ended.returncode != 0 and "ImportError: qlif.torch: the C++ operators are not available" in ended.stderr
    ended = run(QLIF_OPERATOR="rust")
    assert ended.returncode != 0 and "QLIF_OPERATOR: got 'rust', expected 'cpp', 'python' or nothing" in ended.stderr


def test_a_compiler_that_fails_is_named(compiled, tmp_path):
    compiler = tmp_path / "compiler"
    compiler.write_text("#!/bin/sh\necho 'operator.cpp:1: error: no such thing' >&2\nexit 1\n")
    compiler.chmod(0o755)
    ended = run(CXX=str(compiler), QLIF_CACHE=str(tmp_path / "cache"), QLIF_OPERATOR="")
    assert ended.stdout.split() == ["python", *compiled]
    assert f"{compiler} failed with PyTorch {torch.__version__}'s headers: operator.cpp:1: error" in ended.stderr
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_broken_file_is_compiled_anew(compiled, tmp_path, monkeypatch):
    monkeypatch.setenv("QLIF_CACHE", str(tmp_path))
    broken = _build._path(_build._header())
    broken.write_bytes(b"\x7fELF cut off")
    compiler = tmp_path / "compiler"
    compiler.write_text("#!/bin/sh\necho called >&2\nexit 1\n")
    compiler.chmod(0o755)
    ended = run(QLIF_CACHE=str(tmp_path), CXX=str(compiler), QLIF_OPERATOR="")
    assert ended.stdout.split() == ["python", *compiled] and "failed with PyTorch" in ended.stderr


def test_a_folder_that_can_not_be_written(compiled, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    ended = run(QLIF_CACHE=str(file / "cache"), QLIF_OPERATOR="")
    assert ended.stdout.split() == ["python", *compiled]
    assert "can't be written" in ended.stderr and "QLIF_CACHE names another folder" in ended.stderr


def test_another_pytorch_has_a_file_of_its_own(monkeypatch):
    header = _build._header()
    path = _build._path(header)
    monkeypatch.setattr(torch, "__version__", "9.9.9")
    assert _build._path(header) != path and "torch-9.9.9" in _build._path(header).name
