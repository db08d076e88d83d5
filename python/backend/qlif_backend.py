# SPDX-License-Identifier: Apache-2.0
"""The build backend: scikit-build-core, and for a source distribution the native library's sources beside the package's.

They lie in ../native of the repository. A source distribution carries them in native/, where CMakeLists.txt looks first, and with them pom.xml,
which names the project's address (qlif_metadata).
"""

import shutil
from pathlib import Path

from scikit_build_core import build as _build
from scikit_build_core.build import (  # noqa: F401  the hooks that stay as they are
    build_editable,
    build_wheel,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

_HERE = Path(__file__).resolve().parent.parent
_CARRIED = ("CMakeLists.txt", "NOTICE", "local-gpus.cmake", "old-glibc.cmake", "include", "src")


def build_sdist(sdist_directory, config_settings=None):
    """A source distribution, with the native library's sources in it."""
    repository = _HERE.parent
    copied = _HERE / "native"
    if copied.exists():
        # Made of a source distribution, or left by a run that was killed: a copy of the repository's is the newer one.
        if not (repository / "native" / "CMakeLists.txt").is_file():
            return _build.build_sdist(sdist_directory, config_settings)
        shutil.rmtree(copied)
    try:
        copied.mkdir()
        for name in _CARRIED:
            source = repository / "native" / name
            if source.is_dir():
                shutil.copytree(source, copied / name)
            else:
                shutil.copy2(source, copied / name)
        shutil.copy2(repository / "pom.xml", copied / "pom.xml")
        return _build.build_sdist(sdist_directory, config_settings)
    finally:
        shutil.rmtree(copied, ignore_errors=True)
