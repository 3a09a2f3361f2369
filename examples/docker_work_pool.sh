#!/usr/bin/env bash
# Share the work of a benchmark, and of a folder of recordings, among Docker containers: an image, a pool, a worker, runs
# whose workers are containers.
# In another terminal: prefect server start. From the root of the checkout; more in docs/how-to/docker.md.
#
#   examples/docker_work_pool.sh [DATASET [MODEL [RECORDINGS]]]
set -euo pipefail
dataset=${1:-demo} model=${2:-demo:whisper-mini} recordings=${3:-}
export PREFECT_API_URL=${PREFECT_API_URL:-http://127.0.0.1:4200/api}
export ACENTO_STORE=${ACENTO_STORE:-$PWD/.acento} ACENTO_WORK_POOL=acento-docker
export ACENTO_JOB_VARIABLES="{\"volumes\": [\"$ACENTO_STORE:/store\", \"acento-cache:/cache\"], \"user\": \"$(id -u):$(id -g)\"}"

docker build --file infra/docker/Dockerfile --tag acento .
prefect work-pool inspect acento-docker >/dev/null 2>&1 ||
  prefect work-pool create acento-docker --type docker --base-job-template infra/docker/pool.json
prefect worker start --pool acento-docker &
trap 'kill $!' EXIT
acento benchmark --dataset "$dataset" --model "$model" --compute work-pool --num-requests 2
if [ -n "$recordings" ]; then
  acento transcribe "$recordings" --model "$model" --diarize --format srt,json --compute work-pool --num-requests 2
fi
