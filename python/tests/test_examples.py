"""The example learns, and what the README shows runs."""

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


def test_the_readmes_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (REPOSITORY / "python" / "README.md").read_text()
    examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(examples) >= 2
    for example in examples:
        exec(compile(example, "README.md", "exec"), {"__name__": "example"})
