# SPDX-License-Identifier: Apache-2.0
"""The operators in C++: compiled at first use against the PyTorch that is installed, and kept.

They lie in the folder that the environment variable QLIF_CACHE names, else in qlif/ of the user's cache, by PyTorch's
version and ABI, so that another PyTorch gets operators of its own.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Optional

import torch

from .. import _library as native

_log = logging.getLogger("qlif")

_SOURCE = Path(__file__).resolve().parent / "operator.cpp"


class BuildError(Exception):
    """Why there are no operators in C++."""


def _header() -> Path:
    for folder in native.package_folders():
        for header in (folder / "torch" / "qlif.h", folder / "../../../native/include/qlif.h"):
            if header.is_file():
                return header.resolve()
    raise BuildError("qlif.h is missing in the installed package")


def _compiler() -> str:
    for name in (os.environ.get("CXX"), "c++", "g++", "clang++"):
        if name and shutil.which(name):
            return name
    raise BuildError("there is no C++ compiler: none of $CXX, c++, g++ and clang++ is on the PATH")


def cache_folder() -> Path:
    """Where compiled operators are kept."""
    named = os.environ.get("QLIF_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qlif"


def _path(header: Path) -> Path:
    abi = int(torch.compiled_with_cxx11_abi())
    content = hashlib.sha256(_SOURCE.read_bytes() + header.read_bytes()).hexdigest()[:16]
    return cache_folder() / f"operator-torch-{torch.__version__}-abi{abi}-{platform.machine()}-{content}.so"


def compile_operators(source: Path, include_folder: Path, target: Path) -> None:
    """Compiles operators against the installed PyTorch. Raises BuildError."""
    compiler = _compiler()
    installed = Path(torch.__file__).resolve().parent
    include = installed / "include"
    if not (include / "torch" / "library.h").is_file():
        raise BuildError(f"the installed PyTorch {torch.__version__} has no headers in {include}")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, made = tempfile.mkstemp(suffix=".so", dir=target.parent)
    except OSError as refused:
        raise BuildError(f"{target.parent} can't be written: {refused}; QLIF_CACHE names another folder") from refused
    os.close(descriptor)
    try:
        command = [
            compiler,
            "-std=c++20",
            "-O2",
            "-fPIC",
            "-shared",
            "-fvisibility=hidden",
            f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}",
            f"-I{include_folder}",
            f"-I{include}",
            f"-I{include}/torch/csrc/api/include",
            str(source),
            "-o",
            made,
            f"-L{installed}/lib",
            "-lc10",
            "-ltorch_cpu",
            "-ltorch",
            "-ldl",
        ]
        ended = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        if ended.returncode != 0:
            errors = (
                [line for line in ended.stderr.splitlines() if "error" in line]
                or ended.stderr.splitlines()
                or ["no message"]
            )
            raise BuildError(f"{compiler} failed with PyTorch {torch.__version__}'s headers: {errors[0]}")
        os.replace(made, target)
    except OSError as refused:
        raise BuildError(f"{compiler} can't be run: {refused}") from refused
    finally:
        if os.path.exists(made):
            os.unlink(made)


def _load(path: Path) -> None:
    try:
        torch.ops.load_library(str(path))
        open_library = ctypes.CDLL(str(path)).qlif_operator_open
    except (OSError, AttributeError) as mismatch:
        raise BuildError(f"{path} does not load with PyTorch {torch.__version__}: {mismatch}") from mismatch
    open_library.restype = ctypes.c_char_p
    open_library.argtypes = [ctypes.c_char_p]
    problem: Optional[bytes] = open_library(os.fsencode(native.library().path))
    if problem is not None:
        # The operators are registered by now, so that others can't take their place.
        raise ImportError(f"{native.library().path}: {problem.decode(errors='replace')}")


def load() -> Path:
    """Loads the operators, after compiling them if there are none yet; the file that they are in. Raises BuildError."""
    header = _header()
    path = _path(header)
    if path.is_file():
        try:
            _load(path)
            return path
        except BuildError as broken:
            # Cut off, or of a PyTorch that was built anew under the same version.
            _log.info("operators are compiled anew: %s", broken)
    else:
        _log.info("operators are compiled against PyTorch %s, once", torch.__version__)
    compile_operators(_SOURCE, header.parent, path)
    _load(path)
    return path
