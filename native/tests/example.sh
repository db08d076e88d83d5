#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds native/examples/example.c as a stranger would, of qlif.h and libqlif.so alone, and runs it.
# example.sh COMPILER FOLDER [SANITIZERS]: the folder is the library's; its sanitizers, if any, are the program's, too. The variable
# EMULATOR is what runs a program for another processor.
set -eu
native=$(cd -- "$(dirname -- "$0")/.." >/dev/null && pwd)
compiler=$1
folder=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$compiler" -std=c99 -Wall -Wextra -Wpedantic -Werror ${3:+-fsanitize=$3} -I "$native/include" "$native/examples/example.c" \
  -L "$folder" -lqlif -o "$work/example"
LD_LIBRARY_PATH=$folder ${EMULATOR:-} "$work/example" >"$work/out"
cat "$work/out"
# Both rows and all parameters are there, the largest current makes spikes, and gradients are numbers.
[ "$(grep -c '^row [01], neuron [012]: [0-9]* spikes in 100 steps$' "$work/out")" = 6 ]
[ "$(grep -c '^d spikes / d [a-z_]* = -\{0,1\}[0-9][0-9.e+-]* at [0-9.]*$' "$work/out")" = 3 ]
grep -q '^row 0, neuron 0: 0 spikes' "$work/out"
grep -q '^row 1, neuron 2: [1-9]' "$work/out"
