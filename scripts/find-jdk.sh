# SPDX-License-Identifier: Apache-2.0
# Sourced by the entry scripts: exports the JAVA_HOME of a JDK 25 or newer, or lists what was searched and exits with 1.
# Searches, in this order: JAVA_HOME, the javac on the PATH, the usual folders. The first JDK that is new enough is used.
# QLIF_JDK_FOLDERS, folders or patterns separated by colons, replaces the usual folders.

qlif_jdk_version() {
  # The feature release of the JDK in folder $1, or nothing if there is no JDK (a javac) in it.
  [ -x "$1/bin/javac" ] || return 0
  local version=""
  # The file that every JDK carries answers at once; asking javac starts a JVM.
  if [ -r "$1/release" ]; then
    version=$(sed -n 's/^JAVA_VERSION="\([0-9][0-9]*\).*/\1/p' "$1/release")
  fi
  [ -n "$version" ] || version=$("$1/bin/javac" -version 2>&1 | sed -n 's/^javac \([0-9][0-9]*\).*/\1/p')
  echo "$version"
}

qlif_find_jdk() {
  local home=${HOME:-/nonexistent} on_path="" candidate version looked="" patterns
  patterns="/usr/lib/jvm/*:/usr/java/*:/opt/java/*:/opt/jdk*:$home/.sdkman/candidates/java/*:$home/.jdks/*"
  patterns=${QLIF_JDK_FOLDERS:-$patterns:/Library/Java/JavaVirtualMachines/*/Contents/Home}
  if command -v javac >/dev/null 2>&1; then
    on_path=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")
  fi
  # Patterns are left unquoted to be split at colons, and only there, and then expanded.
  local IFS=:
  for candidate in "${JAVA_HOME:-}" "$on_path" $patterns; do
    [ -n "$candidate" ] && [ -d "$candidate" ] || continue
    version=$(qlif_jdk_version "$candidate")
    if [ -n "$version" ] && [ "$version" -ge 25 ]; then
      # A caller's relative path would not survive a change of folder.
      JAVA_HOME=$(CDPATH='' cd -- "$candidate" >/dev/null && pwd)
      export JAVA_HOME
      return 0
    fi
    version=${version:+JDK $version}
    looked="$looked
  $candidate: ${version:-no JDK}"
  done
  {
    echo "No JDK 25 or newer was found. Install one, or set JAVA_HOME to it. Searched:"
    echo "  JAVA_HOME: ${JAVA_HOME:-not set}"
    echo "  javac on the PATH: ${on_path:-none}"
    echo "  folders: $patterns"
    [ -z "$looked" ] || echo "Found:$looked"
  } >&2
  return 1
}

qlif_find_jdk || exit 1
