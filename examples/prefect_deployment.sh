#!/usr/bin/env bash
# Run a benchmark, and transcribe a folder of recordings, as Prefect deployments on this machine: a pool, the
# deployments, runs, a worker.
# In another terminal: prefect server start. More in docs/how-to/prefect.md.
#
#   examples/prefect_deployment.sh [DATASET [MODEL [RECORDINGS]]]
set -euo pipefail
dataset=${1:-demo} model=${2:-demo:whisper-mini} recordings=${3:-}
export PREFECT_API_URL=${PREFECT_API_URL:-http://127.0.0.1:4200/api}
file=$(cd "$(dirname "$0")/.." && pwd)/deployments/prefect.yaml

prefect work-pool inspect acento-local >/dev/null 2>&1 || prefect work-pool create acento-local --type process
prefect --no-prompt deploy --all --prefect-file "$file"
prefect deployment run benchmark/local --params "{\"models\": [\"$model\"], \"datasets\": [\"$dataset\"]}"
if [ -n "$recordings" ]; then
  prefect deployment run transcribe/local --params "{\"paths\": [\"$recordings\"], \"model\": \"$model\"}"
fi
prefect worker start --pool acento-local --run-once # without --run-once it goes on, and waits for the next run
acento leaderboard --dataset "$dataset"
