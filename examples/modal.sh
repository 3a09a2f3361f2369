#!/usr/bin/env bash
# Benchmark, train and transcribe recordings on Modal's GPUs, the parent run here. Once before:
# pip install 'acento[modal]' && modal setup.
# More in infra/modal/README.md.
#
#   examples/modal.sh [DATASET [MODEL [RECORDINGS]]]
set -euo pipefail
dataset=${1:-demo} model=${2:-openai/whisper-small} recordings=${3:-}

# what a job needs is uploaded from this machine's store, and what it makes comes back
acento benchmark --dataset "$dataset" --model "$model" --compute modal --gpu-type L4 --num-requests 4
acento finetune --dataset "$dataset" --base-model "$model" --compute modal --gpu-type L40S,A100
if [ -n "$recordings" ]; then
  acento transcribe "$recordings" --model "$model" --diarize --format srt,json --compute modal --gpu-type L4
fi
