package sqlcat

import (
	"strings"
)

// portTable is a table that an export carries. The columns are those of both databases, all of them: a test
// holds them against the schema.
type portTable struct {
	name string
	// key is what its rows are sorted by: its primary key, so that the order is the same in both databases.
	key     string
	columns []portColumn
}

type portColumn struct {
	name string
	kind portKind
	null bool
}

type portKind string

const (
	portText  portKind = "text"
	portInt   portKind = "int"
	portBool  portKind = "bool"
	portBytes portKind = "bytes" // hex in an export
)

// portTables are the tables of an export, each after those it refers to. A new table comes here or into
// portLeftOut, a new column here. Of an export that was made before it, it gets the default that its migration gives.
func portTables() []portTable {
	return []portTable{
		table("namespaces", "name", "name"),
		table("packs", "id", "id int, namespace, name, path, newest_id int?, display_name, layer, addon_type, cloud_types, source, deprecated bool, updated_at int"),
		table("versions", "id", "id int, pack_id int, version, sort_key, group_name, deprecated bool, pushed_at int, revision int, live bool"),
		table("revisions", "id", "id int, version_id int, pack_id int, revision int, digest, content_digest, size int, media_type, "+
			"targz_digest, targz_size int, targz_stored bool, display_name, layer, addon_type, cloud_types, group_name, eol, annotations, "+
			"deprecated bool, message, pushed_by, pushed_at int, replaced_at int?, warnings, manifest, readme"),
		table("files", "revision_id, path", "revision_id int, path, pack_id int, size int, sha256 bytes, executable bool, data_offset int, compressed int, method int, crc32 int"),
		table("tags", "pack_id, tag", "pack_id int, tag, version_id int"),
		table("changes", "seq", "seq int, mark, type, namespace, name, version, tag, digest, content_digest, revision int, at int, by_whom"),
		table("accounts", "name", "name, hash, role, updated_at int"),
		table("palette_connections", "name", "name, palette, uid, kind, namespace, endpoint, account, credential, created_at int, changed_at int, "+
			"seq int, asked_at int, ended_at int, good_at int, state, problem"),
		table("oci_repositories", "id", "id int, name, tagged bool"),
		table("oci_blobs", "repository_id, digest", "repository_id int, digest, blob, size int, put_at int"),
		table("oci_manifests", "repository_id, digest", "repository_id int, digest, blob, size int, media_type, artifact_type, subject, annotations"),
		table("oci_refers", "repository_id, manifest, digest", "repository_id int, manifest, digest"),
		table("oci_tags", "repository_id, tag", "repository_id int, tag, digest"),
		table("pack_manifests", "revision_id, digest", "revision_id int, pack_id int, digest, blob, size int, media_type, artifact_type, subject, annotations, is_current bool"),
		table("pack_manifest_blobs", "revision_id, manifest, digest", "revision_id int, manifest, digest, pack_id int, blob, size int"),
	}
}

// portLeftOut are the tables that no export carries, and why.
func portLeftOut() map[string]string {
	return map[string]string{
		"feed":             "the newest of changes: said in the header",
		"blobs":            "a row is a lock and means nothing without a row elsewhere that names the blob",
		"leases":           "of uploads in flight, which end with the server they were begun on",
		"oci_uploads":      "uploads in flight",
		"oci_upload_parts": "uploads in flight",
		"pack_search":      "the search index: made anew",
		"search_terms":     "the search index: made anew",
		"search_grams":     "the search index: made anew",
		"palette_shown":    "what a Palette shows: asked of it anew",
		"locks":            "which replica does what at this moment",
		"schema_history":   "of the database and not of the catalogue; its newest step is in the header",
	}
}

// table reads columns from "name kind, ..."; text is left out, and ? marks one that may be null.
func table(name, key, columns string) portTable {
	t := portTable{name: name, key: key}
	for column := range strings.SplitSeq(columns, ", ") {
		c := portColumn{kind: portText}
		var kind string
		c.name, kind, _ = strings.Cut(column, " ")
		kind, c.null = strings.CutSuffix(kind, "?")
		if kind != "" {
			c.kind = portKind(kind)
		}
		t.columns = append(t.columns, c)
	}
	return t
}

// drawsIDs reports whether the database numbers the rows itself.
func (t portTable) drawsIDs() bool { return t.key == "id" }

func (t portTable) columnNames() []string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return names
}
