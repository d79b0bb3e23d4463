#!/bin/bash
# Two databases, two roles, neither a superuser, and neither let into the other's: the history of runs and the
# trips can be backed up, moved and granted apart. The official image runs this once, on an empty volume;
# docs/deploy.md and docs/kubernetes.md tell how to run it on a server that you already have.
set -euo pipefail

psql --set=ON_ERROR_STOP=1 --no-psqlrc --username="$POSTGRES_USER" --dbname=postgres \
  --set=dagster="$DAGSTER_DB_PASSWORD" --set=trips="$TRIPS_DB_PASSWORD" <<'SQL'
CREATE ROLE dagster LOGIN PASSWORD :'dagster';
CREATE ROLE trips LOGIN PASSWORD :'trips';
CREATE DATABASE dagster OWNER dagster;
CREATE DATABASE taxi OWNER trips;
REVOKE ALL ON DATABASE dagster, taxi, postgres FROM PUBLIC;
SQL
