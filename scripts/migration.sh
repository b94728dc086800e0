#!/usr/bin/env bash
# Starts a migration: an empty up and down file for both databases under the next number.
set -euo pipefail
cd "$(dirname "$0")/../migrations"
name=${1:-}
[[ $name =~ ^[a-z][a-z0-9_]*$ ]] || { echo "usage: make migration NAME=words_joined_by_underscores" >&2; exit 2; }
last=$(ls postgres/*.up.sql sqlite/*.up.sql | sed 's|.*/||' | sort | tail -n 1)
next=$(printf '%06d' $((10#${last%%_*} + 1)))
for db in postgres sqlite; do
  for way in up down; do
    file="$db/${next}_$name.$way.sql"
    echo "-- $name" > "$file"
    echo "migrations/$file"
  done
done
