#!/usr/bin/env bash
# Share a benchmark's work among Ray tasks, here in two processes or on a cluster. Once before: pip install 'acento[ray]'.
# More in docs/how-to/ray.md.
#
#   ACENTO_RAY_ADDRESS=auto ACENTO_STORE=s3://bucket/prefix examples/ray.sh [DATASET [MODEL]]
set -euo pipefail
dataset=${1:-demo} model=${2:-demo:whisper-mini}
export ACENTO_RAY_ADDRESS=${ACENTO_RAY_ADDRESS:-local[2]}

acento benchmark --dataset "$dataset" --model "$model" --compute ray --num-requests 2
