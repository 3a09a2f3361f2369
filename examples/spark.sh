#!/usr/bin/env bash
# Share the work of a benchmark, and of a folder of recordings, among the tasks of a Spark job. Once before: Java 17, and
# pip install 'acento[spark,diarization]'.
# More in docs/how-to/spark.md.
#
#   ACENTO_SPARK_MASTER=spark://head:7077 ACENTO_STORE=s3://bucket/prefix examples/spark.sh [DATASET [MODEL [RECORDINGS]]]
set -euo pipefail
dataset=${1:-demo} model=${2:-demo:whisper-mini} recordings=${3:-}
export ACENTO_SPARK_MASTER=${ACENTO_SPARK_MASTER:-local[2]}

acento benchmark --dataset "$dataset" --model "$model" --compute spark --num-requests 2
if [ -n "$recordings" ]; then
  acento transcribe "$recordings" --model "$model" --diarize --format srt,json --compute spark --num-requests 2
fi
