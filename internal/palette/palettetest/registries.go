package palettetest

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// of gives a handler the kind that its path is for.
func (p *Palette) of(k kind, h func(kind, http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error { return h(k, w, r) }
}

// decodeSpec reads a spec alone.
func decodeSpec(k kind, r *http.Request) (spec, error) {
	if k == legacyKind {
		var s legacySpec
		if err := decode(r, &s); err != nil {
			return spec{}, err
		}
		return s.spec()
	}
	var s ociSpec
	if err := decode(r, &s); err != nil {
		return spec{}, err
	}
	return s.spec()
}

// whole is an entry as create and update take it, with the spec of its kind.
type whole[S interface{ spec() (spec, error) }] struct {
	Kind     string `json:"kind"`
	Metadata *meta  `json:"metadata"`
	Spec     *S     `json:"spec"`
}

func (b whole[S]) parts() (meta, spec, error) {
	if b.Spec == nil {
		return meta{}, spec{}, invalid("spec in body is required")
	}
	s, err := (*b.Spec).spec()
	switch {
	case err != nil:
		return meta{}, s, err
	case b.Metadata == nil || b.Metadata.Name == "":
		return meta{}, s, invalid("metadata.name in body is required")
	}
	return *b.Metadata, s, nil
}

// decodeWhole reads an entry.
func decodeWhole(k kind, r *http.Request) (meta, spec, error) {
	if k == legacyKind {
		var body struct {
			APIVersion string `json:"apiVersion"` // the other kind has none
			whole[legacySpec]
		}
		if err := decode(r, &body); err != nil {
			return meta{}, spec{}, err
		}
		return body.parts()
	}
	var body whole[ociSpec]
	if err := decode(r, &body); err != nil {
		return meta{}, spec{}, err
	}
	return body.parts()
}

func (p *Palette) create(k kind, w http.ResponseWriter, r *http.Request) error {
	if err := query(r, "skipPackSync"); err != nil {
		return err
	}
	skip, err := flag(r, "skipPackSync")
	if err != nil {
		return err
	}
	m, s, err := decodeWhole(k, r)
	if err != nil {
		return err
	}
	p.mu.Lock()
	for _, e := range p.entries {
		if e.meta.Name == m.Name && e.scope == callerOf(r).scope() {
			p.mu.Unlock()
			return &refusal{status: http.StatusConflict, code: "DuplicateName", message: "Registry with name " + m.Name + " already exists"}
		}
	}
	now := p.o.Now().UTC().Format(time.RFC3339)
	e := &entry{
		uid: p.newUID(), kind: k, scope: callerOf(r).scope(), meta: m, spec: s, shown: map[string]*version{}, pins: map[string][]string{},
		sync: syncStatus{Supported: s.IsSyncSupported},
	}
	e.meta.UID, e.meta.CreationTimestamp, e.meta.LastModifiedTimestamp = e.uid, now, now
	p.entries[e.uid] = e
	if !skip && s.IsSyncSupported {
		p.begin(e)
	}
	p.mu.Unlock()
	return answer(w, http.StatusCreated, map[string]string{"uid": e.uid})
}

// validate connects to the registry and says whether that works; nothing is kept.
func (p *Palette) validate(k kind, w http.ResponseWriter, r *http.Request) error {
	s, err := decodeSpec(k, r)
	if err != nil {
		return err
	}
	src, err := newSource(s, p.o.Roots)
	if err != nil {
		return err
	}
	defer src.http.CloseIdleConnections()
	if k == legacyKind {
		_, err = src.legacyCatalog(r.Context())
	} else {
		err = src.ping(r.Context())
	}
	if err != nil {
		return &refusal{status: http.StatusBadRequest, code: "RegistryNotValid", message: "Failed to validate the registry: " + err.Error()}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// find is the entry of the path. The caller holds mu.
func (p *Palette) find(k kind, r *http.Request) (*entry, error) {
	e, ok := p.entries[r.PathValue("uid")]
	if !ok || e.kind != k {
		return nil, notFound("Resource not found")
	}
	return e, nil
}

// change is find for what the caller may change.
func (p *Palette) change(k kind, r *http.Request) (*entry, error) {
	e, err := p.find(k, r)
	if err == nil && e.scope != callerOf(r).scope() {
		return nil, &refusal{status: http.StatusForbidden, code: "OperationForbidden", message: "the registry is of the " + e.scope}
	}
	return e, err
}

func (p *Palette) read(k kind, w http.ResponseWriter, r *http.Request) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, err := p.find(k, r)
	if err != nil {
		return err
	}
	a := e.spec.Auth.masked()
	if k == legacyKind {
		return answer(w, http.StatusOK, map[string]any{
			"kind": "pack", "metadata": e.meta, "status": map[string]any{"packSyncStatus": e.sync.JSON()},
			"spec": legacySpec{Auth: &a, Endpoint: &e.spec.Endpoint, Name: e.meta.Name, Private: e.spec.Private, RegistryUID: e.uid, Scope: e.scope},
		})
	}
	return answer(w, http.StatusOK, map[string]any{
		"kind": "oci", "metadata": e.meta, "status": map[string]any{"syncStatus": e.sync.JSON()},
		"spec": ociSpec{
			Auth: &a, BaseContentPath: e.spec.BaseContentPath, BasePath: e.spec.BasePath, ContainsSpectroManifest: e.spec.ContainsSpectroManifest,
			Endpoint: &e.spec.Endpoint, IsSyncSupported: e.spec.IsSyncSupported, ProviderType: &e.spec.ProviderType, RegistryUID: e.uid, Scope: e.scope,
		},
	})
}

func (p *Palette) update(k kind, w http.ResponseWriter, r *http.Request) error {
	m, s, err := decodeWhole(k, r)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	e, err := p.change(k, r)
	switch {
	case err != nil:
		return err
	case m.Name != e.meta.Name:
		return invalid("metadata.name cannot be changed")
	case e.spec.IsSyncSupported && !s.IsSyncSupported:
		return invalid("sync cannot be switched off")
	}
	// A password that was read, and so is masked, is kept as it came: whether Palette takes it for "as before" is not known.
	m.UID, m.CreationTimestamp, m.LastModifiedTimestamp = e.uid, e.meta.CreationTimestamp, p.o.Now().UTC().Format(time.RFC3339)
	e.meta, e.spec = m, s
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (p *Palette) remove(k kind, w http.ResponseWriter, r *http.Request) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, err := p.change(k, r)
	if err != nil {
		return err
	}
	if e.run != nil {
		e.run.stop()
	}
	delete(p.entries, e.uid)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// sorted are entries by UID, which is by age. The caller holds mu.
func (p *Palette) sorted(keep func(*entry) bool) []*entry {
	var out []*entry
	for _, e := range p.entries {
		if keep(e) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b *entry) int { return cmp.Compare(a.uid, b.uid) })
	return out
}

// listLegacy is swagger v1PackRegistriesSummary: pages of at most 50.
func (p *Palette) listLegacy(w http.ResponseWriter, r *http.Request) error {
	if err := query(r, "scope", "limit", "offset", "continue"); err != nil {
		return err
	}
	q := r.URL.Query()
	limit, from := 50, 0
	var err error
	if text := q.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > 50 {
			return invalid("limit in query should be from 1 to 50")
		}
	}
	if text := q.Get("continue"); text != "" {
		if from, err = strconv.Atoi(text); err != nil || q.Get("offset") != text {
			return invalid("continue in query is no token of this list, or offset does not fit it")
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.sorted(func(e *entry) bool { return e.kind == legacyKind })
	from = min(from, len(all))
	to, next := min(from+limit, len(all)), ""
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	rows := []any{}
	for _, e := range all[from:to] {
		rows = append(rows, map[string]any{
			"metadata": e.meta, "spec": map[string]any{"endpoint": e.spec.Endpoint, "private": e.spec.Private, "scope": e.scope},
			"status": map[string]any{"sync": e.sync.JSON()},
		})
	}
	return answer(w, http.StatusOK, map[string]any{
		"items": rows, "listmeta": map[string]any{"continue": next, "count": len(all), "limit": limit, "offset": to},
	})
}

// listOCI is swagger v1OciRegistries, which has no pages.
func (p *Palette) listOCI(w http.ResponseWriter, r *http.Request) error {
	if err := query(r); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	rows := []any{}
	for _, e := range p.sorted(func(e *entry) bool { return e.kind == ociKind }) {
		rows = append(rows, map[string]any{
			"metadata": e.meta, "status": map[string]any{"sync": e.sync.JSON()},
			"spec": map[string]any{
				"containsSpectroManifest": e.spec.ContainsSpectroManifest, "endpoint": e.spec.Endpoint, "providerType": e.spec.ProviderType,
				"registryType": "basic", "scope": e.scope,
			},
		})
	}
	return answer(w, http.StatusOK, map[string]any{"items": rows})
}
