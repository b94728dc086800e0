package sqlcat_test

import "testing"

// TestImportLeavesOneSegment has SQLite's search index ready for publishes: in one segment, of a level that theirs are not merged with.
func TestImportLeavesOneSegment(t *testing.T) {
	source := sqlitePort(t)
	from := source.open()
	fill(t, from)
	target := sqlitePort(t)
	if err := importInto(t, target.open(), export(t, from)); err != nil {
		t.Fatal(err)
	}
	const segments = "SELECT count(DISTINCT segid) FROM search_terms_idx"
	if n := source.query(segments)[0]; n == "1" {
		t.Fatal("the source has one segment too, and shows nothing")
	}
	if n := target.query(segments)[0]; n != "1" {
		t.Errorf("after the import there are %s segments", n)
	}
}
