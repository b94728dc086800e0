package dbtest

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"time"

	"packregistry/internal/pack"
)

// Generated is a pack of the big catalogue.
type Generated struct {
	Version pack.Version
	Readme  string
}

// Generate gives n packs (at most 100,000) with different names, the same at every
// call: names of one to four words, of which some are in very many packs and most in few; READMEs
// whose words are spread like those of a language.
func Generate(n int) iter.Seq[Generated] {
	return func(yield func(Generated) bool) {
		r := rand.New(rand.NewPCG(2026, 11))
		words := vocabulary(r)
		spread := rand.NewZipf(r, 1.1, 8, uint64(len(words)-1))
		for i := range n {
			if !yield(generate(r, words, spread, i)) {
				return
			}
		}
	}
}

func generate(r *rand.Rand, words []string, spread *rand.Zipf, i int) Generated {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	name := generatedName(words, i)
	layer := pick("addon", "addon", "addon", "addon", "cni", "csi", "os", "k8s")
	addonType := ""
	if layer == "addon" {
		addonType = pick("system app", "monitoring", "logging", "security", "ingress", "app services", "integration")
	}
	annotations := map[string]string{"source": pick("community", "community", "community", "spectrocloud", "partner"), "contributor": "team " + words[r.IntN(300)]}
	deprecated := r.IntN(20) == 0
	if deprecated {
		annotations["system_state"] = "deprecated"
	}
	var readme strings.Builder
	readme.WriteString("This pack installs " + name + " on a Kubernetes cluster. ")
	for range r.IntN(200) {
		readme.WriteString(words[spread.Uint64()] + " ")
	}
	content := fmt.Sprint("generated ", i)
	version := fmt.Sprintf("%d.%d.%d", r.IntN(5), r.IntN(30), r.IntN(10))
	return Generated{
		Version: pack.Version{
			Namespace: []string{"default", "default", "default", "prod", "team/edge"}[i%5], Name: name, Version: version,
			DisplayName: strings.ToUpper(name[:1]) + strings.ReplaceAll(name[1:], "-", " "), Layer: layer, AddonType: addonType,
			CloudTypes: []string{pick("all", "aws", "azure", "vsphere", "edge-native")}, Annotations: annotations, Deprecated: deprecated,
			Digest: digestOf(content), ContentDigest: "h1:" + content, Size: int64(1000 + i), MediaType: "application/zip",
			TarGzDigest: digestOf("tar.gz of " + content), TarGzSize: int64(900 + i), Revision: 1, PushedBy: "generator",
			PushedAt: pushedAt.Add(time.Duration(r.IntN(1e6)) * time.Second), Manifest: []byte(`{"name":"` + name + `"}`),
		},
		Readme: readme.String(),
	}
}

// generatedName combines words; i below 100,000 gives different names.
func generatedName(words []string, i int) string {
	kinds := []string{"operator", "controller", "agent", "csi", "", "exporter", "gateway", "proxy", "ui", "driver"}
	kind, product, vendor := kinds[i%10], words[i/10%1000], words[1000+i/10000]
	name := product
	if vendor != words[1000] {
		name = vendor + "-" + product
	}
	if kind != "" {
		name += "-" + kind
	}
	return name
}

// vocabulary makes 5,000 different words out of syllables, after some real ones.
func vocabulary(r *rand.Rand) []string {
	words := strings.Fields("argo prometheus grafana calico cilium istio vault consul nginx harbor longhorn rook velero flux keycloak " +
		"kubernetes cluster install storage network security backup monitoring logging metrics values helm chart")
	seen := make(map[string]bool)
	for _, w := range words {
		seen[w] = true
	}
	syllables := strings.Fields("ka lo mi ter ran dor vel un is ab cor den fi gra hul jen kir mos nep oth pra qui ros sta tul vor wex yan zed")
	for len(words) < 5000 {
		var w string
		for range 2 + r.IntN(3) {
			w += syllables[r.IntN(len(syllables))]
		}
		if !seen[w] {
			seen[w] = true
			words = append(words, w)
		}
	}
	return words
}
