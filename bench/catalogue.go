package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// shape is a catalogue: so many packs with so many versions each, the same at every call. Version k of all packs
// was pushed before version k+1 of any.
type shape struct {
	name        string
	packs, each int
	// files is the number of rows of files for a version, at most 4; texts says that every
	// version has its README, as it has in life, and not only the newest one of a pack.
	files int
	texts bool
}

func (s shape) versions() int { return s.packs * s.each }

// The catalogues. Names are those of the full ones; with -quick they are small.
func shapes(quick bool) map[string]shape {
	list := []shape{
		{name: "220", packs: 22, each: 10, files: 4, texts: true},
		{name: "10k", packs: 500, each: 20, files: 4, texts: true},
		{name: "100k", packs: 2000, each: 50, files: 4, texts: true},
		// Of a million versions only what searches and deltas read is there in full.
		{name: "1m", packs: 100_000, each: 10, files: 1},
	}
	if quick {
		for i, packs := range []int{22, 30, 100, 1000} {
			list[i].packs, list[i].each = packs, min(list[i].each, 20)
		}
	}
	byName := map[string]shape{}
	for _, s := range list {
		byName[s.name] = s
	}
	return byName
}

// generatedPack is what the versions of a pack have in common.
type generatedPack struct {
	number                              int
	name, displayName, layer, addonType string
	cloudTypes                          []string
	source, contributor, description    string

	annotations, deprecated map[string]string
	// The same as JSON, and pack.json but for the version: a million versions are made of them.
	cloudTypesText, annotationsText, deprecatedText, manifestHead, manifestTail string
}

// generator makes packs; it is not safe for concurrent use.
type generator struct {
	words  []string
	rare   []string
	spread *rand.Zipf
	source *rand.PCG
	random *rand.Rand
}

func newGenerator() *generator {
	source := rand.NewPCG(1, 2)
	g := &generator{source: source, random: rand.New(source)}
	g.words = strings.Fields(`cluster pack kubernetes install values version storage network operator controller namespace secret volume
 service ingress certificate policy backup restore monitoring metrics logging dashboard gateway proxy driver agent scheduler node pool
 edge cloud provider upgrade release chart manifest image registry profile tenant quota webhook admission snapshot replica database queue
 cache stream event trace alert autoscaler balancer mesh identity token vault audit scanner compliance firewall tunnel overlay bridge`)
	syllables := strings.Fields("ka lo mi ter ran dor vel un is ab cor den fi gra hul jen kir mos nep oth pra qui ros sta tul vor wex yan zed")
	g.source.Seed(2026, 11)
	seen := map[string]bool{}
	for len(g.rare) < 30_000 {
		w := ""
		for range 2 + g.random.IntN(3) {
			w += syllables[g.random.IntN(len(syllables))]
		}
		if !seen[w] {
			seen[w] = true
			g.rare = append(g.rare, w)
		}
	}
	g.spread = rand.NewZipf(g.random, 1.1, 8, uint64(len(g.words)+len(g.rare)-1))
	return g
}

func (g *generator) word() string {
	i := int(g.spread.Uint64())
	if i < len(g.words) {
		return g.words[i]
	}
	return g.rare[i-len(g.words)]
}

func (g *generator) sentence(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(g.word())
	}
	return b.String()
}

// pack makes pack i.
func (g *generator) pack(i int) generatedPack {
	g.source.Seed(uint64(i), 77)
	pick := func(list ...string) string { return list[g.random.IntN(len(list))] }
	p := generatedPack{number: i, name: packName(g.rare, i), layer: pick("addon", "addon", "addon", "addon", "addon", "cni", "csi", "os", "k8s")}
	if p.layer == "addon" {
		p.addonType = pick("system app", "monitoring", "logging", "security", "ingress", "app services", "integration", "load balancer")
	}
	p.displayName = strings.ToUpper(p.name[:1]) + strings.ReplaceAll(p.name[1:], "-", " ")
	p.cloudTypes = [][]string{{"all"}, {"aws"}, {"azure"}, {"vsphere"}, {"edge-native"}, {"aws", "azure", "gcp"}}[g.random.IntN(6)]
	p.source = pick("community", "community", "community", "spectrocloud", "partner")
	p.contributor = "team " + g.rare[g.random.IntN(200)]
	p.description = g.sentence(8 + g.random.IntN(16))
	p.annotations = map[string]string{"source": p.source, "contributor": p.contributor, "description": p.description}
	p.deprecated = maps.Clone(p.annotations)
	p.deprecated["system_state"] = "deprecated"
	p.cloudTypesText, p.annotationsText, p.deprecatedText = text(p.cloudTypes), text(p.annotations), text(p.deprecated)
	p.manifestHead = `{"name":` + text(p.name) + `,"version":`
	p.manifestTail = `,"displayName":` + text(p.displayName) + `,"layer":` + text(p.layer) + `,"addonType":` + text(p.addonType) + `,"cloudTypes":` + p.cloudTypesText +
		`,"annotations":` + p.annotationsText + `,"kubeManifests":["manifests/app.yaml"]}`
	return p
}

// readme is the text of pack i.
func (g *generator) readme(p *generatedPack) string {
	g.source.Seed(uint64(p.number), 78)
	return "# " + p.displayName + "\n\nThis pack installs " + p.name + " on a Kubernetes cluster. " + g.sentence(40+g.random.IntN(160)) + "\n"
}

// packName gives different names, made of a product, sometimes a vendor, and a kind. The words are rare ones, which few READMEs have.
func packName(rare []string, i int) string {
	kinds := []string{"operator", "controller", "agent", "csi", "", "exporter", "gateway", "proxy", "ui", "driver"}
	kind, product, vendor := kinds[i%10], rare[20_000+i/10%1000], rare[21_000+i/10_000]
	name := product
	if i >= 10_000 {
		name = vendor + "-" + product
	}
	if kind != "" {
		name += "-" + kind
	}
	return name
}

// versionOf is the k-th version of a pack.
func versionOf(i, k int) string { return fmt.Sprintf("%d.%d.%d", 1+k/20, k%20/2+i%3, k%2) }

// first is when the first version was pushed.
func first() time.Time { return time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC) }

// sequence is the number of the change by which version k of pack i came.
func (s shape) sequence(i, k int) int64 { return int64(k)*int64(s.packs) + int64(i) + 1 }

// id is what digests of version k of a pack are made of.
func (s shape) id(p *generatedPack, k int) string {
	return s.name + " " + strconv.Itoa(p.number) + " " + strconv.Itoa(k)
}

// digest is that of the zip.
func (s shape) digest(p *generatedPack, k int) pack.Digest { return digestOf("zip " + s.id(p, k)) }

// pushedAt is when version k of a pack was pushed.
func (s shape) pushedAt(p *generatedPack, k int) time.Time {
	return first().Add(time.Duration(s.sequence(p.number, k)) * 17 * time.Second)
}

// isDeprecated says it of the oldest version of some packs.
func (s shape) isDeprecated(p *generatedPack, k int) bool {
	return p.number%20 == 3 && k == 0 && s.each > 1
}

// content gives content digest and size.
func (s shape) content(p *generatedPack, k int) (string, int64) {
	sum := sha256.Sum256([]byte("content " + s.id(p, k)))
	return "h1:" + base64.StdEncoding.EncodeToString(sum[:]), size(sum[:8])
}

// version makes version k of a pack, as the search index wants it.
func (s shape) version(p *generatedPack, k int) *pack.Version {
	v := &pack.Version{
		Namespace: pack.DefaultNamespace, Name: p.name, Version: versionOf(p.number, k), DisplayName: p.displayName,
		Layer: p.layer, AddonType: p.addonType, CloudTypes: p.cloudTypes, Annotations: p.annotations,
		Digest: s.digest(p, k), MediaType: "application/zip", Revision: 1, PushedBy: pushedBy, PushedAt: s.pushedAt(p, k), Deprecated: s.isDeprecated(p, k),
	}
	v.ContentDigest, v.Size = s.content(p, k)
	if v.Deprecated {
		v.Annotations = p.deprecated
	}
	return v
}

const pushedBy = "ci"

// size spreads sizes like those of real packs: most some 10 KB, some of megabytes.
func size(random []byte) int64 {
	u := float64(binary.BigEndian.Uint64(random)>>11) / (1 << 53)
	return int64(4000 * math.Exp(5*u*u))
}

func digestOf(text string) pack.Digest {
	sum := sha256.Sum256([]byte(text))
	return pack.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// mark is the random mark of a change; here it follows from the number, so that cursors need no look.
func mark(seq int64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "mark %d", seq))
	return hex.EncodeToString(sum[:8])
}

// cursor is the cursor behind change seq.
func cursor(seq int64) string { return db.EncodeCursor(db.Mark{Seq: seq, Mark: mark(seq)}) }

// changes is the number of the last change: a push for each version, then a tag on every twentieth pack.
func (s shape) changes() int64 { return int64(s.versions() + (s.packs+19)/20) }
