#!/usr/bin/env bash
# Tells Spark which NVIDIA GPUs this machine has: {"name": "gpu", "addresses": ["0", "1"]}.
# For spark.{executor,worker,driver}.resource.gpu.discoveryScript; it must be executable and on every machine.
set -euo pipefail

if ! command -v nvidia-smi >/dev/null; then
  echo 'gpu-discovery.sh: there is no nvidia-smi on this machine: install the NVIDIA driver, or ask for no GPU.' >&2
  exit 1
fi
found=$(nvidia-smi --query-gpu=index --format=csv,noheader,nounits)
addresses=
while read -r index; do
  [[ $index =~ ^[0-9]+$ ]] || continue
  addresses+="${addresses:+, }\"$index\""
done <<<"$found"
printf '{"name": "gpu", "addresses": [%s]}\n' "$addresses"
