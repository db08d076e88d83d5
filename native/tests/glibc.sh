#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# glibc.sh LIBRARY [OBJDUMP]: checks that the library runs with glibc 2.28, and has no search path.
set -eu
objdump=${2:-objdump}
command -v "$objdump" >/dev/null || { echo "skipped: there is no objdump"; exit 77; }
newest=$("$objdump" -T "$1" | sed -n 's/.*(\{0,1\}GLIBC_\([0-9.]*\)).*/\1/p' | sort -Vu | tail -n 1)
[ -n "$newest" ] || { echo "objdump names no version of glibc: $("$objdump" -T "$1" | head -n 20)"; exit 1; }
echo "newest: $newest"
if [ "$(printf '%s\n' "$newest" 2.28 | sort -V | tail -n 1)" != 2.28 ]; then
  echo "expected at most glibc 2.28 (old-glibc.cmake lists functions that are linked in their old versions), but these are newer:"
  "$objdump" -T "$1" | grep -F "GLIBC_$newest"
  exit 1
fi
if "$objdump" -p "$1" | grep -E 'RPATH|RUNPATH'; then
  echo "expected no search path"
  exit 1
fi
