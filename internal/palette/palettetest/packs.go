package palettetest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
)

// versions are what an entry shows, by name and then version as text (contract 4.4, observed). The caller holds mu.
func (e *entry) versions() []*version {
	var out []*version
	for _, v := range e.shown {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b *version) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version)) })
	return out
}

// uidOf has the form of the vendor's and is the same as long as the content is.
func (v *version) uidOf(registry string) string {
	sum := sha256.Sum256([]byte(registry + " " + v.key() + " " + v.Digest))
	return hex.EncodeToString(sum[:12])
}

// showPack is swagger v1PackTagEntity.
func (p *Palette) showPack(w http.ResponseWriter, r *http.Request) error {
	if err := query(r, "cloudType", "layer", "states"); err != nil {
		return err
	}
	q := r.URL.Query()
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.entries[r.PathValue("uid")]
	if !ok {
		return notFound("Registry %s not found", r.PathValue("uid"))
	}
	var (
		last         *version
		tags, values = []any{}, []any{}
	)
	for _, v := range e.versions() {
		if v.Name != r.PathValue("name") || !v.runsOn(q.Get("cloudType")) || (q.Get("layer") != "" && v.Layer != q.Get("layer")) {
			continue
		}
		last = v
		if v.Version == "" {
			continue // the legacy kind: a name is all that is known
		}
		uid := v.uidOf(e.uid)
		tags = append(tags, map[string]any{"tag": v.Version, "version": v.Version, "group": v.Group, "packUid": uid, "parentTags": []string{}})
		values = append(values, map[string]any{
			"packUid": uid, "values": v.Values, "readme": v.Readme, "annotations": v.Annotations, "presets": []any{}, "schema": []any{}, "dependencies": []any{},
		})
	}
	if last == nil {
		return notFound("Pack %s not found in the registry", r.PathValue("name"))
	}
	return answer(w, http.StatusOK, map[string]any{
		"name": last.Name, "displayName": last.DisplayName, "layer": last.Layer, "addonType": last.AddonType, "addonSubType": last.AddonSubType,
		"cloudTypes": last.CloudTypes, "logoUrl": "", "registryUid": e.uid, "tags": tags, "packValues": values,
	})
}

func (v *version) runsOn(cloud string) bool {
	return cloud == "" || cloud == "all" || slices.Contains(v.CloudTypes, "all") || slices.Contains(v.CloudTypes, cloud)
}
