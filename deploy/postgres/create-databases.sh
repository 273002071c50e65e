#!/usr/bin/env bash
# One database and one role for each of Airflow, MLflow and the ledger; none can open another's.
# Run once by PostgreSQL's image when its volume is new, and by `./airlock up-local`.
set -euo pipefail
for name in airflow mlflow ledger; do
  export PASSWORD_FILE="${SECRETS:-/run/secrets}/${name}_database_password"
  psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --set name="$name" --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\set password `cat "$PASSWORD_FILE"`
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done
