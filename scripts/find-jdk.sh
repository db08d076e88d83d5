# Sourced by the entry scripts: exports JAVA_HOME of a JDK 25 or newer, or says what was looked at and exits 1.
# Looked at, in this order: JAVA_HOME, the java on the PATH, the usual folders. The first that is new enough wins.

qlif_jdk_version() {
  # The feature release of the JDK in folder $1, or nothing if there is no JDK (a javac) in it.
  [ -x "$1/bin/javac" ] || return 0
  "$1/bin/javac" -version 2>&1 | sed -n 's/^javac \([0-9][0-9]*\).*/\1/p'
}

qlif_find_jdk() {
  local candidate version seen="" on_path=""
  if command -v javac >/dev/null 2>&1; then
    on_path=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")
  fi
  for candidate in "${JAVA_HOME:-}" "$on_path" /usr/lib/jvm/* /usr/java/* /opt/java/* /opt/jdk* \
      "$HOME"/.sdkman/candidates/java/* "$HOME"/.jdks/* /Library/Java/JavaVirtualMachines/*/Contents/Home; do
    [ -n "$candidate" ] && [ -d "$candidate" ] || continue
    version=$(qlif_jdk_version "$candidate")
    [ -n "$version" ] || continue
    if [ "$version" -ge 25 ]; then
      JAVA_HOME=$candidate
      export JAVA_HOME
      return 0
    fi
    seen="$seen
  $candidate (JDK $version)"
  done
  echo "A JDK 25 or newer is needed and none was found. Install one, or set JAVA_HOME to it." >&2
  [ -z "$seen" ] || echo "Too old:$seen" >&2
  return 1
}

qlif_find_jdk || exit 1
