# SPDX-License-Identifier: Apache-2.0
"""The example learns, and what the documentation shows runs."""

import importlib.util
import re

import pytest
from conftest import REPOSITORY

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("linear", ["", " --spike-linear"])
def test_the_network_learns(capsys, linear):
    path = REPOSITORY / "python" / "examples" / "mnist.py"
    spec = importlib.util.spec_from_file_location("mnist", path)
    mnist = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(mnist)
    arguments = "--epochs 2 --images 2000 --tests 1000 --hidden 128 --T 10 --lr 3e-3" + linear
    assert mnist.main(arguments.split()) > 0.6
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize("page", ["python/README.md", "README.md", "docs/quickstart.md"])
def test_the_examples_of_the_documentation_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # examples save files
    examples = re.findall(r"```python\n(.*?)```", (REPOSITORY / page).read_text(), re.DOTALL)
    assert examples
    scope = {"__name__": "example"}
    for example in examples:
        exec(compile(example, page, "exec"), scope)
