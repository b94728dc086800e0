// Package migrations holds the schema of the catalogue, as numbered steps for
// each of the two databases.
//
// The rules:
//   - A step is a pair NNNNNN_title.up.sql and NNNNNN_title.down.sql, in both
//     postgres/ and sqlite/ under the same number and title, even where one of
//     them has nothing to do (then a file with a comment says why).
//   - Once landed, a step is never edited: a later one mends it.
//   - After a step the previous release must still be able to read and write:
//     replicas are replaced one by one. Add columns with defaults and tables; drop
//     only what no release in use reads.
//   - A step has no BEGIN or COMMIT: all steps of a start run in one transaction,
//     together with their numbers, so a killed migration leaves nothing behind.
//     So no statement that refuses to run in one (CREATE INDEX CONCURRENTLY).
//   - Text columns are COLLATE "C" in Postgres and BINARY (the default) in SQLite.
//   - schema.sql beside the steps is what they add up to. It is made by
//     "go test ./internal/db/sqlite ./internal/db/postgres -run TestSchemaDump -update"
//     and a test fails while it is out of date.
package migrations

import "embed"

// FS holds the folders postgres and sqlite.
//
//go:embed postgres/0*.sql sqlite/0*.sql
var FS embed.FS
