#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# native/operations counts what it should: in kernels of known content, and something for every kernel of a step.
set -eu
command -v python3 >/dev/null || { echo "operations.sh: skipped, since there is no python3"; exit 77; }
exec python3 "$(dirname -- "$0")/operations_test.py"
