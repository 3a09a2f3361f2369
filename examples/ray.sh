#!/usr/bin/env bash
# Share the work of a benchmark, and of a folder of recordings, among Ray tasks, here in two processes or on a cluster.
# Once before: pip install 'acento[ray,diarization]'.
# More in docs/how-to/ray.md.
#
#   ACENTO_RAY_ADDRESS=auto ACENTO_STORE=s3://bucket/prefix examples/ray.sh [DATASET [MODEL [RECORDINGS]]]
set -euo pipefail
dataset=${1:-demo} model=${2:-demo:whisper-mini} recordings=${3:-}
export ACENTO_RAY_ADDRESS=${ACENTO_RAY_ADDRESS:-local[2]}

acento benchmark --dataset "$dataset" --model "$model" --compute ray --num-requests 2
if [ -n "$recordings" ]; then
  acento transcribe "$recordings" --model "$model" --diarize --format srt,json --compute ray --num-requests 2
fi
