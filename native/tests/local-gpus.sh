#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# local-gpus.cmake chooses the code for a machine's GPUs: $1 is cmake.
set -eu
cmake=$1
here=$(cd -- "$(dirname -- "$0")" >/dev/null && pwd)
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
printf '#!/bin/sh\ncat "%s/capabilities"\n! grep -q NVML "%s/capabilities"\n' "$work" "$work" >"$work/nvidia-smi"
chmod +x "$work/nvidia-smi"
cat >"$work/choose.cmake" <<END
set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 90-real 100-real 120)
include("$here/../local-gpus.cmake")
message("\${CMAKE_CUDA_ARCHITECTURES}: \${QLIF_CUDA_CODE}")
END
# Expects $2 for GPUs of the capabilities $1.
expect() {
  printf "$1" >"$work/capabilities"
  got=$(PATH="$work:$PATH" "$cmake" -P "$work/choose.cmake" 2>&1 || true)
  [ "$got" = "$2" ] || { echo "local-gpus.sh: for '$1': got '$got', expected '$2'" >&2; exit 1; }
}
expect '9.0\n' '90-real: sm_90'
expect '8.6\n8.6\n8.9\n' '80-real: sm_80'
expect '7.5\n12.0\n' '75-real;120: sm_75, sm_120'
expect '10.3\n' '100-real: sm_100'
expect '13.0\n' '120: sm_120'
expect '7.0\n6.1\n11.0\n8.7\n10.1\n' '75-virtual: any GPU as PTX'
expect '6.1\n8.9\n' '80-real: sm_80'
expect 'NVML library version: 580.65\n' '75-virtual: any GPU as PTX'
expect 'NVIDIA-SMI has failed\n' '75-virtual: any GPU as PTX'
expect '' '75-virtual: any GPU as PTX'
