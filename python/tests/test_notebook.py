# SPDX-License-Identifier: Apache-2.0
"""The notebook runs from top to bottom, in a kernel of its own, and learns."""

import pytest
from conftest import REPOSITORY

pytest.importorskip("torch")
nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")

NOTEBOOK = REPOSITORY / "python" / "examples" / "quickstart.ipynb"


def test_outputs_are_not_committed():
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        assert not cell.get("outputs") and not cell.get("execution_count"), cell.source


@pytest.mark.filterwarnings("ignore")
def test_the_notebook_runs(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    # In a folder of its own: there, too, nothing is to be installed.
    notebook.cells.append(nbformat.v4.new_code_cell("print(same, accuracy > 0.9)"))
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()
    text = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "the same seed, the same spikes: True" in text
    assert text.splitlines()[-1] == "True True"
    pictures = [output for cell in notebook.cells for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
    assert len(pictures) == 3
    assert (tmp_path / "network.safetensors").exists()
