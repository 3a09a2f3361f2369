#!/usr/bin/env bash
# Share a benchmark's work among the tasks of a Spark job. Once before: Java 17, and pip install 'acento[spark]'.
# More in docs/how-to/spark.md.
#
#   ACENTO_SPARK_MASTER=spark://head:7077 ACENTO_STORE=s3://bucket/prefix examples/spark.sh [DATASET [MODEL]]
set -euo pipefail
dataset=${1:-demo} model=${2:-demo:whisper-mini}
export ACENTO_SPARK_MASTER=${ACENTO_SPARK_MASTER:-local[2]}

acento benchmark --dataset "$dataset" --model "$model" --compute spark --num-requests 2
