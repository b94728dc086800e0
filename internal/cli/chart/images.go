package chart

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Images lists the container images that the default values name, those of the subcharts that are on by default
// included, sorted and without doubles. It goes by how charts usually write them: a text under a key
// that ends in image, or a mapping with repository, or image, and registry, tag or digest beside it. A missing
// tag is the chart's appVersion. What only the templates know is not found.
func (c *Chart) Images() []string {
	f := &finder{found: map[string]bool{}, form: imageForm(), tree: tree{left: maxNodes}}
	f.chart(c, c.values)
	return slices.Sorted(maps.Keys(f.found))
}

type finder struct {
	tree
	found map[string]bool
	form  *regexp.Regexp
	app   string // version, of the chart at hand
}

// chart looks at a chart with the values it gets, then at its subcharts with theirs.
func (f *finder) chart(c *Chart, values *yaml.Node) {
	f.app = string(c.AppVersion)
	names := map[string]bool{} // of values that are a subchart's own
	for _, s := range c.subcharts {
		for _, key := range c.keysOf(s) {
			names[key] = true
		}
	}
	all := f.pairs(values, 0)
	for _, p := range all {
		if !names[p.key] {
			f.value(p.key, p.value, all, 1)
		}
	}
	for _, s := range c.subcharts {
		for _, key := range c.keysOf(s) {
			if f.enabled(c, s, key, values) {
				f.chart(s, f.merged(f.lookup(values, key), s.values, 0))
			}
		}
	}
}

// keysOf are the keys under which a subchart gets its values: its aliases, else its name.
func (c *Chart) keysOf(s *Chart) []string {
	var out []string
	for _, d := range c.Dependencies {
		if d.Name == s.Name {
			key := string(d.Name)
			if d.Alias != "" {
				key = string(d.Alias)
			}
			out = append(out, key)
		}
	}
	if len(out) == 0 {
		out = []string{string(s.Name)}
	}
	return out
}

// enabled follows the conditions of a dependency: the first that is there decides.
func (f *finder) enabled(c, s *Chart, key string, values *yaml.Node) bool {
	for _, d := range c.Dependencies {
		if d.Name != s.Name || (d.Alias != "" && string(d.Alias) != key) {
			continue
		}
		for condition := range strings.SplitSeq(string(d.Condition), ",") {
			n := values
			for _, part := range strings.Split(strings.TrimSpace(condition), ".") {
				n = f.lookup(n, part)
			}
			if n != nil && n.Tag == "!!bool" {
				return n.Value == "true"
			}
		}
	}
	return true
}

// value looks at one value; beside are the pairs it stands among.
func (f *finder) value(key string, n *yaml.Node, beside []pair, depth int) {
	if n = follow(n); n == nil || depth > maxDepth {
		return
	}
	if !f.spend() {
		return
	}
	low := strings.ToLower(key)
	switch n.Kind {
	case yaml.ScalarNode:
		switch {
		case n.Tag != "!!str":
		case strings.HasSuffix(low, "image"):
			f.scalar(key, n.Value, beside)
		case strings.HasPrefix(key, "image") && strings.ContainsAny(n.Value, ":@"): // imageK8S: hashicorp/consul-k8s:1.3.0
			f.add(n.Value)
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			if item = follow(item); item != nil && item.Kind == yaml.ScalarNode && strings.HasSuffix(low, "images") {
				f.add(item.Value)
				continue
			}
			f.value("", item, nil, depth+1)
		}
	case yaml.MappingNode:
		inside := f.pairs(n, 0)
		f.mapping(low, inside)
		for _, p := range inside {
			if v := follow(p.value); strings.HasSuffix(low, "images") && v.Kind == yaml.ScalarNode {
				f.add(v.Value)
				continue
			}
			f.value(p.key, p.value, inside, depth+1)
		}
	}
}

// scalar is an image as a text; its tag may stand beside it.
func (f *finder) scalar(key, image string, beside []pair) {
	tag := among(beside, key+"Tag")
	if key == "image" {
		tag = cmp.Or(among(beside, "tag"), among(beside, "imageTag"))
		image = join(cmp.Or(among(beside, "registry"), among(beside, "imageRegistry")), image)
		if repository := among(beside, "repository"); repository != "" {
			return // repository says it; image is a part of it, see mapping
		}
	}
	f.add(complete(image, tag, among(beside, "digest"), ""))
}

// mapping is an image in parts.
func (f *finder) mapping(key string, inside []pair) {
	repository, registry := among(inside, "repository"), among(inside, "registry")
	tag := cmp.Or(among(inside, "tag"), among(inside, "imageTag"))
	digest := cmp.Or(among(inside, "digest"), among(inside, "sha"))
	if repository == "" && strings.HasSuffix(key, "image") {
		repository = among(inside, "repo")
	}
	about := strings.HasSuffix(key, "image") || has(inside, "tag") || has(inside, "imageTag") || has(inside, "digest") || has(inside, "pullPolicy") || has(inside, "imagePullPolicy")
	switch name := cmp.Or(among(inside, "image"), among(inside, "name")); {
	case !about:
	case repository != "" && name != "" && strings.HasSuffix(key, "image"):
		f.add(complete(join(registry, join(repository, name)), tag, digest, f.app))
	case repository != "" && among(inside, "image") != "":
		f.add(complete(join(registry, join(repository, name)), tag, digest, f.app))
	case repository != "":
		f.add(complete(join(registry, repository), tag, digest, f.app))
	}
}

// complete makes a reference of an image and what stands beside it.
func complete(image, tag, digest, app string) string {
	if strings.Contains(image, "@") {
		return image
	}
	tagged := strings.LastIndexByte(image, ':') > strings.LastIndexByte(image, '/')
	if len(digest) == 64 {
		digest = "sha256:" + digest
	}
	if tag == "" && digest == "" {
		tag = app
	}
	if tag != "" && !tagged {
		image += ":" + tag
	}
	if strings.HasPrefix(digest, "sha256:") {
		image += "@" + digest
	}
	return image
}

func join(registry, image string) string {
	registry = strings.Trim(registry, "/")
	if registry == "" || strings.HasPrefix(image, registry+"/") {
		return image
	}
	return registry + "/" + image
}

// imageForm is a reference of an image (the grammar of distribution/reference), without what it would add.
func imageForm() *regexp.Regexp {
	return regexp.MustCompile(`^(([a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)+(:[0-9]+)?|[a-zA-Z0-9-]+:[0-9]+|localhost)/)?[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$`)
}

// add notes a reference, if it is one. A bare word without tag is more likely something else.
func (f *finder) add(image string) {
	image = strings.TrimSpace(image)
	if len(image) <= 512 && strings.ContainsAny(image, "/:@") && f.form.MatchString(image) {
		f.found[image] = true
	}
}
