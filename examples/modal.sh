#!/usr/bin/env bash
# Train and transcribe on Modal's GPUs, the parent run here. Once before: pip install 'acento[modal]' && modal setup.
# More in infra/modal/README.md.
#
#   examples/modal.sh [DATASET [MODEL]]
set -euo pipefail
dataset=${1:-demo} model=${2:-openai/whisper-small}

# what a job needs is uploaded from this machine's store, and what it makes comes back
acento benchmark --dataset "$dataset" --model "$model" --compute modal --gpu-type L4 --num-requests 4
acento finetune --dataset "$dataset" --base-model "$model" --compute modal --gpu-type L40S,A100
