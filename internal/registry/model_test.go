package registry_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
)

// model is what a registry should be, as simply as it can be said: one pack's
// versions by name, what was pushed of each, and its hand-set tags.
type model struct {
	e         *env
	namespace string
	packs     map[string]*modelPack
	mirrors   map[string]*mirror
}

type modelPack struct {
	live      map[string]*modelVersion
	revisions map[string]int // counts on after a deletion
	hand      map[string]string
}

type modelVersion struct {
	note     string // the content
	revision int
	digest   pack.Digest
	content  string
	old      map[pack.Digest]string // overwritten revisions that are kept: digest of the zip -> content
}

var (
	modelNames    = rapid.SampledFrom([]string{"web", "web-2"})
	modelVersions = rapid.SampledFrom([]string{"1.0.0", "1.2", "v1.3.0", "2.0.0-rc.1", "18.04.4"})
	modelNotes    = rapid.SampledFrom([]string{"one", "two", "three"})
	modelTags     = rapid.SampledFrom([]string{"stable", "edge", "1.2", "1.0.0", "latest", "1.x", "LTS__18.04.4"})
)

// modelBody makes an archive; its form must not matter.
func modelBody(name, version, note string, tarGz bool) []byte {
	opts := []packtest.Option{packtest.File("note.txt", note)}
	if version == "18.04.4" {
		opts = append(opts, packtest.With("group", "LTS"))
	}
	if tarGz {
		return packtest.PackTarGz(name, version, opts...)
	}
	return packtest.PackZip(name, version, opts...)
}

func (p *modelPack) sources() []pack.TagSource {
	var s []pack.TagSource
	for v := range p.live {
		s = append(s, pack.TagSource{Version: v, Group: modelGroup(v)})
	}
	return s
}

func modelGroup(version string) string {
	if version == "18.04.4" {
		return "LTS"
	}
	return ""
}

func (m *model) pack(name string) *modelPack {
	if m.packs[name] == nil {
		m.packs[name] = &modelPack{live: map[string]*modelVersion{}, revisions: map[string]int{}, hand: map[string]string{}}
	}
	return m.packs[name]
}

func (m *model) publish(t *rapid.T) {
	name, version := modelNames.Draw(t, "name"), modelVersions.Draw(t, "version")
	note, force := modelNotes.Draw(t, "content"), rapid.Bool().Draw(t, "force")
	u := upload(modelBody(name, version, note, rapid.Bool().Draw(t, "tar.gz")))
	u.Namespace = m.namespace
	if u.Force = force; force {
		u.Message = "because"
	}
	p := m.pack(name)
	was := p.live[version]
	got, err := m.e.Publish(m.e.t.Context(), u)
	if was != nil && was.note != note && !force {
		if !pack.IsKind(err, pack.KindConflict) {
			t.Fatalf("want a conflict, got %v", err)
		}
		return
	}
	if err != nil {
		t.Fatalf("publish: %v", err)
	}
	now := &modelVersion{note: note, digest: got.Version.Digest, content: got.Version.ContentDigest, old: map[pack.Digest]string{}}
	switch want := db.Created; {
	case was != nil && was.note == note:
		if got.Outcome != db.Same || got.Version.Digest != was.digest {
			t.Fatalf("outcome %s", got.Outcome)
		}
		return
	case was != nil:
		want = db.Replaced
		now.old = was.old
		now.old[was.digest] = was.note
		fallthrough
	default:
		if got.Outcome != want {
			t.Fatalf("outcome %s, want %s", got.Outcome, want)
		}
	}
	p.revisions[version]++
	now.revision = p.revisions[version]
	p.live[version] = now
	delete(p.hand, version) // a hand-set tag gives way
	delete(p.hand, pack.OwnTag(version, modelGroup(version)))
}

func (m *model) deleteVersion(t *rapid.T) {
	name, version := modelNames.Draw(t, "name"), modelVersions.Draw(t, "version")
	p := m.pack(name)
	err := m.e.DeleteVersion(m.e.t.Context(), m.namespace, name, version, "", "tester")
	if p.live[version] == nil {
		if !pack.IsKind(err, pack.KindNotFound) {
			t.Fatalf("want not found, got %v", err)
		}
		return
	}
	if err != nil {
		t.Fatalf("delete: %v", err)
	}
	p.remove(version)
}

func (p *modelPack) remove(version string) {
	delete(p.live, version)
	for tag, v := range p.hand {
		if v == version {
			delete(p.hand, tag)
		}
	}
}

func (m *model) deletePack(t *rapid.T) {
	name := modelNames.Draw(t, "name")
	p := m.pack(name)
	err := m.e.DeletePack(m.e.t.Context(), m.namespace, name, "tester")
	if len(p.live) == 0 {
		if !pack.IsKind(err, pack.KindNotFound) {
			t.Fatalf("want not found, got %v", err)
		}
		return
	}
	if err != nil {
		t.Fatalf("delete: %v", err)
	}
	for v := range p.live {
		p.remove(v)
	}
}

// reserved reports whether a tag is one that the registry derives.
func (p *modelPack) reserved(tag string) bool {
	if tag == "latest" || pack.IsParentTagSpelling(tag) {
		return true
	}
	for v := range p.live {
		if tag == v || tag == pack.OwnTag(v, modelGroup(v)) {
			return true
		}
	}
	return false
}

func (m *model) setTag(t *rapid.T) {
	name, version, tag := modelNames.Draw(t, "name"), modelVersions.Draw(t, "version"), modelTags.Draw(t, "tag")
	p := m.pack(name)
	err := m.e.SetTag(m.e.t.Context(), m.namespace, name, tag, version, "tester")
	switch {
	case err == nil:
		if p.reserved(tag) || p.live[version] == nil {
			t.Fatalf("%s was set to %s", tag, version)
		}
		p.hand[tag] = version
	case p.reserved(tag) && pack.IsKind(err, pack.KindConflict):
	case p.live[version] == nil && pack.IsKind(err, pack.KindNotFound):
	default:
		t.Fatalf("set %s to %s: %v", tag, version, err)
	}
}

func (m *model) deleteTag(t *rapid.T) {
	name, tag := modelNames.Draw(t, "name"), modelTags.Draw(t, "tag")
	p := m.pack(name)
	err := m.e.DeleteTag(m.e.t.Context(), m.namespace, name, tag, "tester")
	_, set := p.hand[tag]
	switch {
	case set && err == nil:
		delete(p.hand, tag)
	case !set && p.reserved(tag) && (pack.IsKind(err, pack.KindConflict) || pack.IsKind(err, pack.KindNotFound)):
	case !set && !p.reserved(tag) && pack.IsKind(err, pack.KindNotFound):
	default:
		t.Fatalf("delete %s: %v", tag, err)
	}
}

// syncs lets a client follow, from where it last was.
func (m *model) sync(t *rapid.T) {
	who := rapid.SampledFrom([]string{"birth", "catalogue"}).Draw(t, "client")
	c := m.mirrors[who]
	if c == nil {
		c = newMirror()
		m.mirrors[who] = c
		if who == "catalogue" {
			if err := c.load(m.e.t.Context(), m.e.Registry, m.namespace); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.follow(m.e.t.Context(), m.e.Registry, m.namespace, rapid.IntRange(1, 5).Draw(t, "limit")); err != nil {
		t.Fatal(err)
	}
	if diff := c.diff(m.want()); diff != "" {
		t.Fatalf("the client from the %s:\n%s", who, diff)
	}
}

// want is the state a client should have.
func (m *model) want() *mirror {
	w := newMirror()
	for name, p := range m.packs {
		id := m.namespace + "/" + name
		for version, v := range p.live {
			w.versions[id+"/"+version] = mark(v.digest, v.content, v.revision)
		}
		for tag, version := range p.hand {
			w.tags[id+":"+tag] = version
		}
	}
	return w
}

// check compares one pack with the model, whole.
func (m *model) check(t *rapid.T) {
	ctx := m.e.t.Context()
	name := modelNames.Draw(t, "look at")
	p := m.pack(name)
	got, err := m.e.Pack(ctx, m.namespace, name)
	if len(p.live) == 0 {
		if !pack.IsKind(err, pack.KindNotFound) {
			t.Fatalf("pack without versions: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	var hand []pack.Tag
	for tag, v := range p.hand {
		hand = append(hand, pack.Tag{Tag: tag, Version: v, Kind: pack.TagCustom})
	}
	if diff := cmp.Diff(pack.DeriveTags(p.sources(), hand), got.Tags); diff != "" {
		t.Fatalf("tags of %s:\n%s", name, diff)
	}
	if want := pack.Latest(p.sources()); got.Latest != want {
		t.Fatalf("latest %s, want %s", got.Latest, want)
	}
	if !slices.IsSortedFunc(got.Versions, func(a, b pack.Version) int { return pack.CompareVersions(b.Version, a.Version) }) {
		t.Fatal("versions are not newest first")
	}
	for _, tag := range got.Tags {
		v, err := m.e.Resolve(ctx, m.namespace, name, tag.Tag)
		if err != nil || (v.Version != tag.Version && p.live[tag.Tag] == nil) {
			t.Fatalf("%s resolves to %v, want %s (%v)", tag.Tag, v, tag.Version, err)
		}
	}
	for version, v := range p.live {
		for d, note := range mergeOld(v) {
			m.checkContent(t, name, version, d, note)
		}
	}
}

func mergeOld(v *modelVersion) map[pack.Digest]string {
	all := map[pack.Digest]string{v.digest: v.note}
	for d, note := range v.old {
		all[d] = note
	}
	return all
}

// checkContent fetches a revision by its digest and looks at what is inside.
func (m *model) checkContent(t *rapid.T, name, version string, d pack.Digest, note string) {
	ctx := m.e.t.Context()
	v, err := m.e.Resolve(ctx, m.namespace, name, string(d))
	if err != nil || v.Version != version || v.Digest != d {
		t.Fatalf("%s %s by %s: %v %v", name, version, d, v, err)
	}
	f, err := m.e.File(ctx, v, "note.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(m.e.content(f)); got != note {
		t.Fatalf("%s %s by %s holds %q, want %q", name, version, d, got, note)
	}
}

// TestModel drives a registry and the model side by side, with clients that
// follow the feed, and a sweep that may strike at any time.
func TestModel(t *testing.T) {
	if os.Getenv("REGISTRY_TEST_FULL") == "" && !given("rapid.checks") {
		t.Cleanup(setFlag(t, "rapid.checks", "30")) // rapid's default of 100 is for make test-full
	}
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t)
		run := 0
		rapid.Check(t, func(t *rapid.T) {
			run++
			m := &model{e: e, namespace: fmt.Sprintf("run%d", run), packs: map[string]*modelPack{}, mirrors: map[string]*mirror{}}
			t.Repeat(map[string]func(*rapid.T){
				"publish":       m.publish,
				"publish again": m.publish, // twice as often
				"deleteVersion": m.deleteVersion,
				"deletePack":    m.deletePack,
				"setTag":        m.setTag,
				"deleteTag":     m.deleteTag,
				"sync":          m.sync,
				"look":          m.check,
				"sweep": func(t *rapid.T) {
					if _, err := e.Sweep(e.t.Context(), false); err != nil {
						t.Fatal(err)
					}
				},
			})
			for _, who := range []string{"birth", "catalogue"} {
				if c := m.mirrors[who]; c != nil {
					if err := c.follow(e.t.Context(), e.Registry, m.namespace, 100); err != nil {
						t.Fatal(err)
					}
					if diff := c.diff(m.want()); diff != "" {
						t.Fatalf("the client from the %s at the end:\n%s", who, diff)
					}
				}
			}
		})
		e.clean()
	})
}

// given tells whether a flag stood on the command line.
func given(name string) bool {
	found := false
	flag.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

// setFlag sets a flag and gives what sets it back.
func setFlag(t *testing.T, name, value string) func() {
	t.Helper()
	before := flag.Lookup(name).Value.String()
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := flag.Set(name, before); err != nil {
			t.Error(err)
		}
	}
}
