package compare

import (
	"encoding/json"
	"slices"
	"strings"
)

// listedImages are the references of pack.content.images (palette-contract 5.4). Some packs misspell the key of an item, so any text in it counts.
func listedImages(plain map[string]any) []string {
	of, _ := plain["pack"].(map[string]any)
	content, _ := of["content"].(map[string]any)
	list, _ := content["images"].([]any)
	var refs []string
	for _, item := range list {
		switch item := item.(type) {
		case string:
			refs = append(refs, item)
		case map[string]any:
			for _, key := range union(item, nil) {
				if ref := text(item[key]); strings.ContainsAny(ref, "/:") {
					refs = append(refs, ref)
				}
			}
		}
	}
	return refs
}

// find looks for images where charts write them: a text under a key that ends in image, or a mapping with repository and with registry, tag or digest
// beside it. key is what the value stands under.
func (v *values) find(key string, value any) {
	switch value := value.(type) {
	case string:
		if strings.HasSuffix(strings.ToLower(key), "image") && strings.ContainsAny(value, "/:") {
			v.image(value)
		}
	case []any:
		for _, item := range value {
			v.find(key, item)
		}
	case map[string]any:
		repository := text(value["repository"])
		_, tagged := value["tag"]
		_, signed := value["digest"]
		inParts := repository != "" && (tagged || signed || strings.HasSuffix(strings.ToLower(key), "image"))
		if inParts {
			v.image(assembled(value, repository))
		}
		for _, k := range union(value, nil) {
			if !inParts || k != "image" { // there it is a part of the name
				v.find(k, value[k])
			}
		}
	}
}

// assembled is the reference of an image in parts.
func assembled(m map[string]any, repository string) string {
	ref := repository
	if name := text(m["image"]); name != "" {
		ref += "/" + name
	}
	if registry := strings.Trim(text(m["registry"]), "/"); registry != "" && !strings.HasPrefix(ref, registry+"/") {
		ref = registry + "/" + ref
	}
	if tag := text(m["tag"]); tag != "" {
		ref += ":" + tag
	}
	if digest := text(m["digest"]); digest != "" {
		ref += "@" + digest
	}
	return ref
}

// text is a text or a number as it is written; "" for all else.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case json.Number:
		return v.String()
	}
	return ""
}

// images compares the images of both sides. What both sides have is left out of those that only changed.
func images(a, b map[string][]string) []Image {
	var out []Image
	for _, name := range union(a, b) {
		from, to := a[name], b[name]
		switch {
		case len(from) == 0:
			out = append(out, Image{Image: name, Change: Added, To: to})
		case len(to) == 0:
			out = append(out, Image{Image: name, Change: Removed, From: from})
		case !slices.Equal(from, to):
			out = append(out, Image{Image: name, Change: Changed, From: without(from, to), To: without(to, from)})
		}
	}
	return out
}

// without is what is in a and not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}
