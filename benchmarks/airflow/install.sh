#!/bin/sh
# Airflow, Cosmos and dbt in an environment of their own: nothing of it comes near the platform's.
#
#     benchmarks/airflow/install.sh [FOLDER]        # .venv-airflow if none is named; some 500 MB
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/../../.venv-airflow}
${PYTHON:-python3.11} -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
"$folder/bin/airflow" version
