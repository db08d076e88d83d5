#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The program 'ceilings', $1: refuses what is no device; without a GPU says so and fails, with one prints what it measured.
set -eu
fail() { echo "ceilings.sh: $*" >&2; exit 1; }

for wrong in x -1 1x ""; do
  code=0
  said=$("$1" "$wrong" 2>&1) || code=$?
  case "$code $said" in
    "2 usage: ceilings"*) ;;
    *) fail "'$wrong' gave exit code $code and '$said', expected 2 and the usage" ;;
  esac
done
code=0
said=$("$1" 2>&1) || code=$?
case "$code $said" in
  "1 ceilings: CUDA error "*", when counting devices") echo "$said" ;;
  "0 {"*'"copy_bytes_per_second"'*'"mixed"'*) ;;
  *) fail "got exit code $code and '$said', expected 1 and CUDA's error, or 0 and JSON" ;;
esac
