# SPDX-License-Identifier: Apache-2.0
"""What is distributed: the native library's sources lie outside python/, and a source distribution carries them."""

import importlib.util
import platform
import re
import shutil
import subprocess
import sys
import tarfile

import pytest
from conftest import REPOSITORY

import qlif


def backend(package, call):
    """What the build backend of a package's folder returns."""
    ended = subprocess.run(
        [sys.executable, "-c", f"import qlif_backend; print(qlif_backend.{call})"],
        cwd=package,
        env={"PYTHONPATH": str(package / "backend"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.split()[-1]


def unpacked(package, folder):
    """A source distribution of a package's folder, unpacked."""
    with tarfile.open(folder / backend(package, f"build_sdist({str(folder)!r})")) as archive:
        archive.extractall(folder, filter="data")
    return next(path for path in folder.iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A source distribution, unpacked."""
    pytest.importorskip("scikit_build_core")
    return unpacked(REPOSITORY / "python", tmp_path_factory.mktemp("sdist"))


def test_a_source_distribution_has_all_that_is_built(sources):
    for name in ("CMakeLists.txt", "local-gpus.cmake", "include/qlif.h", "src/api.cpp", "src/qlif_model.h", "src/exports.map"):
        assert (sources / "native" / name).read_bytes() == (REPOSITORY / "native" / name).read_bytes()
    assert (sources / "LICENSE").read_bytes() == (REPOSITORY / "LICENSE").read_bytes()
    assert (sources / "src" / "qlif" / "config.py").is_file() and not (sources / "tests").exists()
    assert not (REPOSITORY / "python" / "native").exists()


def configured(sources, folder, cuda):
    return subprocess.run(
        ["cmake", "-S", str(sources), "-B", str(folder), f"-DQLIF_CUDA_WANTED={cuda}"],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("cuda", ["off", "", "local", "all"])
def test_a_source_distribution_is_configured_by_itself(sources, tmp_path, cuda):
    seen = configured(sources, tmp_path, cuda)
    assert seen.returncode == 0, seen.stderr
    assert str(sources / "native") in (tmp_path / "CMakeCache.txt").read_text()
    if "No nvcc on the PATH" not in seen.stdout:
        assert ("GPU code for" in seen.stdout) == (cuda != "off")
        assert ("GPU code for all supported GPUs" in seen.stdout) == (cuda == "all")


def test_gpu_code_that_is_not_known_is_refused(sources, tmp_path):
    seen = configured(sources, tmp_path, "some")
    assert seen.returncode != 0 and "QLIF_CUDA: got 'some', expected 'all', 'local' or 'off'" in seen.stderr


RELATIVE_LINK = re.compile(r"\]\((?!https?:|#)")


def test_the_description_has_no_dead_links(sources):
    information = (sources / "PKG-INFO").read_text()
    assert "# qlif for Python" in information and "`torch.compile(fullgraph=True)`" in information
    assert not RELATIVE_LINK.search(information)
    assert RELATIVE_LINK.search((REPOSITORY / "python" / "README.md").read_text())


@pytest.mark.parametrize(("version", "reference"), [("1.2.3", "v1.2.3"), ("1.2.3.dev0", "HEAD")])
def test_the_address_is_that_of_the_pom(tmp_path, version, reference):
    pytest.importorskip("scikit_build_core")
    repository = tmp_path / "repository"
    left_out = shutil.ignore_patterns("target", ".venv", "tests", "dist-files", "__pycache__")
    for folder in ("python", "native"):
        shutil.copytree(REPOSITORY / folder, repository / folder, ignore=left_out)
    shutil.copy(REPOSITORY / "LICENSE", repository)
    pom = (REPOSITORY / "pom.xml").read_text()
    for name, address in (("url", "https://example.org/qlif"), ("scm", "https://example.org/qlif.git")):
        pom, count = re.subn(f"<publisher.{name}(/>|>.*?</publisher.{name}>)", f"<publisher.{name}>{address}</publisher.{name}>", pom)
        assert count == 1
    (repository / "pom.xml").write_text(pom)
    project = repository / "python" / "pyproject.toml"
    project.write_text(re.sub('^version = ".*"', f'version = "{version}"', project.read_text(), flags=re.MULTILINE))

    # A wheel of a source distribution has what the repository says, too.
    (tmp_path / "sdist").mkdir()
    (tmp_path / "wheel").mkdir()
    source = unpacked(repository / "python", tmp_path / "sdist")
    wheel = tmp_path / "wheel" / backend(source, f"prepare_metadata_for_build_wheel({str(tmp_path / 'wheel')!r})")
    for metadata in ((source / "PKG-INFO").read_text(), (wheel / "METADATA").read_text()):
        assert "Project-URL: Homepage, https://example.org/qlif\n" in metadata
        assert "Project-URL: Source, https://example.org/qlif.git\n" in metadata
        files = f"https://example.org/qlif/blob/{reference}"
        assert f"Project-URL: Changelog, {files}/CHANGELOG.md\n" in metadata
        assert f"({files}/docs/model.md#8-draws)" in metadata and f"({files}/python/examples/mnist.py)" in metadata
        assert not RELATIVE_LINK.search(metadata)


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
