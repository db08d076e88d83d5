# SPDX-License-Identifier: Apache-2.0
# Sourced by the entry scripts, which set $root, the checkout's folder, and $program, their name in messages. Refuses a folder
# that Java's tools can't work in and an unknown QLIF_CUDA, and defines qlif_build for ./qlif and ./benchmark, which builds a module if needed.

qlif_refuse() {
  echo "$program: $*" >&2
  exit 1
}

# Java encodes file names in the locale's encoding: with ASCII it can't open, or even list, files with other letters in their names.
qlif_encoding=$(locale charmap 2>/dev/null || true)
case $qlif_encoding in
  '' | ANSI_X3.4-1968 | US-ASCII)
    export LC_ALL=C.UTF-8
    qlif_encoding=UTF-8
    ;;
esac

case $root/ in
  *:*) qlif_refuse "the checkout can't be used in $root: for Java's tools, a path ends at ':'; move or rename the folder" ;;
  *'!/'*) qlif_refuse "the checkout can't be used in $root: for Java, the name of a jar file ends at '!/'; move or rename the folder" ;;
  *'${'*) qlif_refuse "the checkout can't be used in $root: Maven takes '\${' for a variable; move or rename the folder" ;;
  *\\*) qlif_refuse "the checkout can't be used in $root: Maven takes a backslash for the end of a name; move or rename the folder" ;;
  *$'\n'*) qlif_refuse "the checkout can't be used in $(printf %q "$root"), with a line break in its path; move or rename the folder" ;;
  *[![:ascii:]]*)
    if command -v iconv >/dev/null && ! printf %s "$root" | iconv -f "$qlif_encoding" -t UTF-8 >/dev/null 2>&1; then
      qlif_refuse "the checkout can't be used in $(printf %q "$root"), whose name is not in the locale's encoding," \
        "$qlif_encoding; move or rename the folder"
    fi
    ;;
esac

# Here, where the message stands alone: native/build's would be buried in Maven's.
case ${QLIF_CUDA:-local} in
  all | local | off) ;;
  *) qlif_refuse "QLIF_CUDA: got '$QLIF_CUDA', expected 'all', 'local' or 'off'" ;;
esac

# The sources of a module: every file with its checksum. Times are unreliable: clocks are set, files are copied and checked out.
qlif_sources() {
  (
    cd -- "$root" >/dev/null
    LC_ALL=C find pom.xml ./*/pom.xml ./*/src/main docs/model.md gpu/src/generated gpu/build-library native \( -path native/target -o -name __pycache__ \) -prune \
      -o -type f -exec cksum {} + 2>&1 | LC_ALL=C sort
  )
}

# The results of a build of module $1, which makes jar $2: the jar and the libraries beside it, with their sizes.
qlif_made() {
  (cd -- "$root/$1/target" >/dev/null && wc -c "$2" lib/*.jar) 2>&1
}

# Whether the last build of module $1 made the GPU code that QLIF_CUDA asks for.
qlif_has_gpu_code() {
  local made
  made=$(cat "$root/$1/target/built.for" 2>/dev/null || true)
  case ${QLIF_CUDA:-local}/$made in
    "$made/$made" | local/all) ;;
    *) return 1 ;;
  esac
}

# Whether the sources and the results are those in the stamp of the last complete build.
qlif_is_built() {
  qlif_has_gpu_code "$1" && [ -f "$root/$1/target/built" ] && [ "$(<"$root/$1/target/built")" = "$(qlif_sources; qlif_made "$1" "$2")" ]
}

# Builds module $1, which makes jar $2 and the folder lib beside it, unless it is up to date.
qlif_build() {
  qlif_is_built "$1" "$2" || qlif_build_anew "$1" "$2"
}

qlif_build_anew() {
  local target=$root/$1/target log=$root/$1/target/build.log state=$root/target sources status=0 why
  # In a subshell, since a failed redirection of 'exec' ends the shell.
  if ! mkdir -p "$target" "$state" 2>/dev/null || ! (: >"$log" && : >>"$state/build.lock") 2>/dev/null; then
    qlif_refuse "the program is not built completely, and can't be built: $target or $state can't be written"
  fi
  if command -v flock >/dev/null; then
    # Two first uses at once would build over each other; the second finds the work done.
    exec 9>>"$state/build.lock"
    flock 9
    if qlif_is_built "$1" "$2"; then
      exec 9>&-
      return 0
    fi
  fi
  # Computed before the build, since files may be edited while it runs.
  sources=$(qlif_sources)
  if [ ! -f "$target/built" ]; then
    why="; the first build downloads dependencies, which takes a while"
  elif ! qlif_has_gpu_code "$1"; then
    why=" again, since QLIF_CUDA=${QLIF_CUDA:-local} asks for other GPU code"
  elif [[ $(<"$target/built") == "$sources"$'\n'* ]]; then
    why=" again, since parts of the last build are missing"
  else
    why=" again, since sources have changed"
  fi
  echo "$program: building$why" >&2
  # The archive of ./qlif belongs to the old jars.
  rm -f "$target/built" "$target"/*.jsa "$target"/*.jsa.*
  if [ -f "$state/build.started" ]; then
    # The last build was killed, and may have left an incomplete file that Maven would not replace.
    rm -rf "$root"/*/target/{classes,lib,maven-archiver,maven-status,generated-sources,*.jar}
  fi
  : >"$state/build.started"
  # Libraries of an earlier version would stay.
  rm -rf "$target/lib"
  # ./build verify runs the tests; to run the program, they need not even be compiled, and neither need code for other GPUs than this machine's.
  QLIF_CUDA=${QLIF_CUDA:-local} "$root/build" -q -Dmaven.test.skip=true package -pl "$1" -am </dev/null >"$log" 2>&1 9>&- || status=$?
  if [ "$status" -gt 128 ]; then
    echo "$program: the build was interrupted" >&2
    exit "$status"
  fi
  rm -f "$state/build.started"
  if [ "$status" -ne 0 ]; then
    echo "$program: the build failed; the end of $log:" >&2
    tail -n 30 "$log" >&2
    exit 1
  fi
  printf '%s\n' "${QLIF_CUDA:-local}" >"$target/built.for"
  printf '%s\n' "$sources" "$(qlif_made "$1" "$2")" >"$target/built.new"
  mv -f "$target/built.new" "$target/built"
  exec 9>&-
}
