#!/usr/bin/env bash
# Runs under internal/tools/testservices: starts the registry on the Postgres and the S3 server
# that it was given, the way production does. Called by make run-postgres.
set -euo pipefail
cd "$(dirname "$0")/.."
export REGISTRY_DATABASE_URL=${REGISTRY_DATABASE_URL:-$REGISTRY_TEST_POSTGRES_URL}
export REGISTRY_STORAGE=s3
export REGISTRY_STORAGE_S3_ENDPOINT=$REGISTRY_TEST_S3_ENDPOINT
export REGISTRY_STORAGE_S3_ACCESSKEY=$REGISTRY_TEST_S3_ACCESS_KEY
export REGISTRY_STORAGE_S3_SECRETKEY=$REGISTRY_TEST_S3_SECRET_KEY
export REGISTRY_STORAGE_S3_REGION=us-east-1
export REGISTRY_STORAGE_S3_BUCKET=registry
export REGISTRY_STORAGE_S3_FORCEPATHSTYLE=true
export REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=${REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY:-.run/registry}
unset "${!REGISTRY_TEST_@}" # names that the registry does not know

# What a second replica on the same store needs.
export -p | grep -E 'declare -x REGISTRY_(DATABASE|STORAGE)' > .run/replica.env
chmod 600 .run/replica.env
cat <<EOM
A second replica on the same store, from another terminal:

  source .run/replica.env && REGISTRY_HTTP_ADDR=:5001 REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=.run/replica2 bin/registry serve

EOM
exec bin/registry serve
