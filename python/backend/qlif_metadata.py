# SPDX-License-Identifier: Apache-2.0
"""The package's project URLs, and its description: README.md with links that work outside the repository.

The project's address is publisher.url in the repository's pom.xml, as for the Java artifacts. A source distribution carries that file in native/.
"""

import posixpath
import re
from pathlib import Path
from xml.etree import ElementTree

_HERE = Path(__file__).resolve().parent.parent
_RELATIVE_LINK = re.compile(r"\[([^\]]*)\]\((?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?\)")


def dynamic_metadata(settings, project):
    """What scikit-build-core adds to the table [project]."""
    pom = next(path for path in (_HERE / "native" / "pom.xml", _HERE.parent / "pom.xml") if path.is_file())
    properties = ElementTree.parse(pom).getroot().find("{*}properties")
    address, repository = (
        (properties.findtext(f"{{*}}publisher.{name}") or "").strip() for name in ("url", "scm")
    )
    files = f"{address}/blob/{reference(project['version'])}"
    urls = {}
    if address:
        urls = {
            "Homepage": address,
            "Documentation": f"{files}/docs/README.md",
            "Changelog": f"{files}/CHANGELOG.md",
            "Source": repository or address,
        }
    text = description((_HERE / "README.md").read_text(encoding="utf-8"), files if address else None)
    return {"urls": urls, "readme": {"content-type": "text/markdown", "text": text}}


def reference(version):
    """The tag of a release, or else the default branch."""
    return "HEAD" if ".dev" in version else f"v{version}"


def description(readme, files):
    """The README with absolute links, or, if files, the address of the repository's files, is None, with the links' text alone."""

    def absolute(link):
        text, path, anchor = link.groups()
        if files is None:
            return text
        return f"[{text}]({files}/{posixpath.normpath(posixpath.join('python', path))}{anchor or ''})"

    return _RELATIVE_LINK.sub(absolute, readme)
