# SPDX-License-Identifier: Apache-2.0
"""What is distributed: the native library's sources lie outside python/, and a source distribution carries them."""

import importlib.util
import platform
import subprocess
import sys
import tarfile

import pytest
from conftest import REPOSITORY

import qlif


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A source distribution, unpacked."""
    pytest.importorskip("scikit_build_core")
    folder = tmp_path_factory.mktemp("sdist")
    made = subprocess.run(
        [sys.executable, "-c", f"import qlif_backend; print(qlif_backend.build_sdist({str(folder)!r}))"],
        cwd=REPOSITORY / "python",
        env={"PYTHONPATH": str(REPOSITORY / "python" / "backend"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    with tarfile.open(folder / made.stdout.split()[-1]) as archive:
        archive.extractall(folder, filter="data")
    return folder / f"qlif-{qlif.__version__}"


def test_a_source_distribution_has_all_that_is_built(sources):
    for name in ("CMakeLists.txt", "include/qlif.h", "src/api.cpp", "src/qlif_model.h", "src/exports.map"):
        assert (sources / "native" / name).read_bytes() == (REPOSITORY / "native" / name).read_bytes()
    assert (sources / "LICENSE").read_bytes() == (REPOSITORY / "LICENSE").read_bytes()
    assert (sources / "src" / "qlif" / "config.py").is_file() and not (sources / "tests").exists()
    assert not (REPOSITORY / "python" / "native").exists()


@pytest.mark.parametrize("cuda", ["off", ""])
def test_a_source_distribution_is_configured_by_itself(sources, tmp_path, cuda):
    configured = subprocess.run(
        ["cmake", "-S", str(sources), "-B", str(tmp_path), f"-DQLIF_CUDA_WANTED={cuda}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert configured.returncode == 0, configured.stderr
    assert str(sources / "native") in (tmp_path / "CMakeCache.txt").read_text()


def test_what_is_installed_is_for_manylinux():
    """python/test installs the wheel that python/dist makes, which is refused if its library needs a newer glibc."""
    from importlib.metadata import distribution

    installed = distribution("qlif")
    tags = [line for line in installed.read_text("WHEEL").splitlines() if line.startswith("Tag: ")]
    if tags == [f"Tag: py3-none-linux_{platform.machine()}"]:
        pytest.skip("not the wheel of python/dist")
    assert tags == [f"Tag: py3-none-manylinux_2_28_{platform.machine()}"]
    names = {str(file) for file in installed.files}
    assert {"qlif/libqlif.so", "qlif/NOTICE", "qlif/torch/qlif.h", "qlif/torch/operator.cpp"} <= names
    assert any(name.endswith("LICENSE") for name in names)
    assert not any(name.startswith(("tests", "native")) for name in names)


def test_the_version_is_one():
    from importlib.metadata import version

    from qlif import _library

    assert qlif.__version__ == version("qlif") == _library.library().version.replace("-SNAPSHOT", ".dev0")


def test_no_jvm_and_no_pytorch_is_loaded():
    told = subprocess.run(
        [sys.executable, "-c", "import qlif, sys; print('torch' in sys.modules, 'jpype' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == ["False", "False"]
    assert importlib.util.find_spec("qlif.torch") is not None
