package main

import (
	"encoding/json"
	"runtime"
	"slices"
	"sync"

	"packregistry/internal/db"
	"packregistry/internal/db/sqlcat"
	"packregistry/internal/pack"
)

// table is a table to be filled, in an order that its keys like. rows is given every row until it says no.
type table struct {
	name    string
	columns []string
	rows    func(yield func([]any) bool)
}

// fileRow is one of the rows of files that each version has.
type fileRow struct {
	path string
	size int64
}

func fileRows() []fileRow {
	return []fileRow{{"README.md", 1800}, {"logo.png", 9300}, {"pack.json", 700}, {"values.yaml", 6200}}
}

// tables are all rows of a catalogue, for tables that are empty. Names of columns are those of both databases. The rows of
// pack_search are apart, see search.
func (s shape) tables() []table {
	each := func(row func(g *generator, i int, p *generatedPack, yield func([]any) bool) bool) func(func([]any) bool) {
		return func(yield func([]any) bool) {
			g := newGenerator()
			for i := range s.packs {
				p := g.pack(i)
				if !row(g, i, &p, yield) {
					return
				}
			}
		}
	}
	versions := func(row func(p *generatedPack, id int64, k int) []any) func(func([]any) bool) {
		return each(func(_ *generator, i int, p *generatedPack, yield func([]any) bool) bool {
			for k := range s.each {
				if !yield(row(p, int64(i*s.each+k+1), k)) {
					return false
				}
			}
			return true
		})
	}
	return []table{
		{
			"packs",
			[]string{"id", "namespace", "name", "path", "newest_id", "display_name", "layer", "addon_type", "cloud_types", "source", "deprecated", "updated_at"},
			each(func(_ *generator, i int, p *generatedPack, yield func([]any) bool) bool {
				v := s.version(p, s.each-1)
				return yield([]any{int64(i + 1), v.Namespace, v.Name, v.Namespace + "/" + v.Name, int64((i + 1) * s.each), v.DisplayName, v.Layer, v.AddonType, text(v.CloudTypes), p.source, v.Deprecated, v.PushedAt.UnixMicro()})
			}),
		},
		{
			"versions",
			[]string{"id", "pack_id", "version", "sort_key", "group_name", "deprecated", "pushed_at", "revision", "live"},
			versions(func(p *generatedPack, id int64, k int) []any {
				v := versionOf(p.number, k)
				return []any{id, int64(p.number + 1), v, pack.VersionKey(v), "", s.isDeprecated(p, k), s.pushedAt(p, k).UnixMicro(), int64(1), true}
			}),
		},
		{
			"revisions",
			[]string{
				"id", "version_id", "pack_id", "revision", "digest", "content_digest", "size", "media_type", "targz_digest", "targz_size", "targz_stored", "display_name", "layer", "addon_type",
				"cloud_types", "group_name", "eol", "annotations", "deprecated", "message", "pushed_by", "pushed_at", "warnings", "manifest", "readme",
			},
			each(func(g *generator, _ int, p *generatedPack, yield func([]any) bool) bool {
				readme := g.readme(p)
				for k := range s.each {
					shown, annotations := readme, p.annotationsText
					if !s.texts && k < s.each-1 {
						shown = ""
					}
					if s.isDeprecated(p, k) {
						annotations = p.deprecatedText
					}
					id, version := int64(p.number*s.each+k+1), versionOf(p.number, k)
					content, size := s.content(p, k)
					if !yield([]any{
						id, id, int64(p.number + 1), int64(1), string(s.digest(p, k)), content, size, "application/zip", string(digestOf("targz " + s.id(p, k))), size + 300, false, p.displayName, p.layer, p.addonType,
						p.cloudTypesText, "", "", annotations, s.isDeprecated(p, k), "", pushedBy, s.pushedAt(p, k).UnixMicro(), "[]", p.manifestHead + text(version) + p.manifestTail, shown,
					}) {
						return false
					}
				}
				return true
			}),
		},
		{
			"files",
			[]string{"revision_id", "path", "pack_id", "size", "sha256", "executable", "data_offset", "compressed", "method", "crc32"},
			each(func(_ *generator, i int, _ *generatedPack, yield func([]any) bool) bool {
				for k := range s.each {
					id, at := int64(i*s.each+k+1), int64(60)
					for n, f := range fileRows()[:s.files] {
						sum := digestBytes(s.name, id, n)
						if !yield([]any{id, f.path, int64(i + 1), f.size, sum, false, at, f.size / 2, int64(8), int64(sum[0])<<16 | int64(id&0xffff)}) {
							return false
						}
						at += f.size/2 + 60
					}
				}
				return true
			}),
		},
		{"blobs", []string{"digest"}, versions(func(p *generatedPack, _ int64, k int) []any { return []any{string(s.digest(p, k))} })},
		{
			"tags",
			[]string{"pack_id", "tag", "version_id"},
			each(func(_ *generator, i int, _ *generatedPack, yield func([]any) bool) bool {
				return i%20 != 0 || yield([]any{int64(i + 1), "stable", int64((i + 1) * s.each)})
			}),
		},
		{"changes", []string{"seq", "mark", "type", "namespace", "name", "version", "tag", "digest", "content_digest", "revision", "at", "by_whom"}, s.changeRows},
	}
}

// changeRows are the feed, in its order.
func (s shape) changeRows(yield func([]any) bool) {
	g := newGenerator()
	packs := make([]generatedPack, s.packs)
	for i := range packs {
		packs[i] = g.pack(i)
	}
	row := func(seq int64, kind pack.ChangeType, tag string, p *generatedPack, k int) bool {
		content, _ := s.content(p, k)
		return yield([]any{seq, mark(seq), string(kind), pack.DefaultNamespace, p.name, versionOf(p.number, k), tag, string(s.digest(p, k)), content, int64(1), s.pushedAt(p, k).UnixMicro(), pushedBy})
	}
	for k := range s.each {
		for i := range packs {
			if !row(s.sequence(i, k), pack.VersionPushed, "", &packs[i], k) {
				return
			}
		}
	}
	seq := int64(s.versions())
	for i := 0; i < s.packs; i += 20 {
		seq++
		if !row(seq, pack.TagSet, "stable", &packs[i], s.each-1) {
			return
		}
	}
}

// searchRow is a row of the search index.
type searchRow struct {
	id                 int64
	v                  *pack.Version
	facets, head, body string
	err                error
}

// search are the rows of the search index: what the product's own code makes of each pack. That is the larger part of the work,
// so it is done on all cores.
func (s shape) search(dialect string, yield func(r *searchRow) error) error {
	const block = 200
	type piece struct {
		start int
		done  chan []searchRow
	}
	pieces, order := make(chan piece), make(chan piece, 2*runtime.NumCPU())
	stop := make(chan struct{})
	var workers sync.WaitGroup
	for range runtime.NumCPU() {
		workers.Go(func() {
			g := newGenerator()
			for p := range pieces {
				rows := make([]searchRow, 0, block)
				for i := p.start; i < min(p.start+block, s.packs); i++ {
					one := g.pack(i)
					r := searchRow{id: int64(i + 1), v: s.version(&one, s.each-1)}
					r.facets, r.head, r.body, r.err = sqlcat.SearchRow(sqlcat.Dialect{Name: dialect}, r.v, g.readme(&one))
					rows = append(rows, r)
				}
				p.done <- rows
			}
		})
	}
	go func() {
		defer close(order)
		defer close(pieces)
		for i := 0; i < s.packs; i += block {
			p := piece{i, make(chan []searchRow, 1)}
			select {
			case pieces <- p:
				order <- p
			case <-stop:
				return
			}
		}
	}()
	var err error
	for p := range order {
		for _, r := range <-p.done {
			if err == nil {
				if err = r.err; err == nil {
					err = yield(&r)
				}
				if err != nil {
					close(stop)
				}
			}
		}
	}
	workers.Wait()
	return err
}

// grams are the rows of search_grams.
func (s shape) grams() table {
	return table{"search_grams", []string{"gram", "len", "form"}, func(yield func([]any) bool) {
		g := newGenerator()
		type row struct{ gram, form string }
		seen := map[row]bool{}
		for i := range s.packs {
			for _, form := range db.TypoForms(packName(g.rare, i)) {
				for _, gram := range db.Grams(form) {
					if r := (row{gram, form}); !seen[r] {
						seen[r] = true
						if !yield([]any{gram, int64(len([]rune(form))), form}) {
							return
						}
					}
				}
			}
		}
	}}
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, lists and maps of them
	}
	return string(b)
}

// batches gives rows in slices of at most n.
func batches(rows func(func([]any) bool), n int, do func([][]any) error) error {
	var err error
	batch := make([][]any, 0, n)
	rows(func(r []any) bool {
		if batch = append(batch, r); len(batch) == n {
			err = do(batch)
			batch = batch[:0]
		}
		return err == nil
	})
	if err == nil && len(batch) > 0 {
		err = do(slices.Clip(batch))
	}
	return err
}
