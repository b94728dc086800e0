package palette

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"packregistry/internal/pack"
)

const (
	// pageSize is the default and the most of the summary list (swagger v1RegistriesPackSummaryList).
	pageSize = 50
	maxPages = 1000
)

// Summary is a row of a list.
type Summary struct {
	UID, Name, Endpoint string
	// Scope is as in Entry.
	Scope string
	// Type is basic or ecr, and Provider pack, helm or zarf; KindOCI only, "" where Palette does not say.
	Type, Provider string
	Sync           SyncStatus
}

// List lists all entries of a kind that the account sees, those of the system too. The list of the legacy kind comes
// in pages; that of OCI entries, Basic and ECR, comes whole (swagger v1OciRegistries), and pages are followed if it has any.
func (c *Client) List(ctx context.Context, kind Kind) ([]Summary, error) {
	path, query := "/v1/registries/oci/summary", url.Values{}
	if kind == KindPack {
		path, query = "/v1/registries/pack/summary", url.Values{"scope": {"all"}, "limit": {strconv.Itoa(pageSize)}}
	}
	var all []Summary
	for range maxPages {
		var page struct {
			Items []struct {
				Metadata wireMeta `json:"metadata"`
				Spec     struct {
					Endpoint     string `json:"endpoint"`
					Scope        string `json:"scope"`
					RegistryType string `json:"registryType"`
					ProviderType string `json:"providerType"`
				} `json:"spec"`
				Status readStatus `json:"status"`
			} `json:"items"`
			Listmeta struct {
				Continue string `json:"continue"`
			} `json:"listmeta"`
		}
		r := &request{what: "list the registry entries", method: http.MethodGet, path: path, query: query}
		if err := c.do(ctx, r, &page); err != nil {
			return nil, err
		}
		for _, i := range page.Items {
			all = append(all, Summary{
				UID: i.Metadata.UID, Name: i.Metadata.Name, Endpoint: i.Spec.Endpoint, Scope: i.Spec.Scope,
				Type: i.Spec.RegistryType, Provider: i.Spec.ProviderType, Sync: i.Status.status(),
			})
		}
		// An empty token is the end (contract 4, documented); one that does not move would go on for ever.
		next := page.Listmeta.Continue
		if next == "" {
			return all, nil
		}
		if next == query.Get("continue") || len(page.Items) == 0 {
			break
		}
		query.Set("continue", next)
		query.Set("offset", strconv.Itoa(len(all)))
	}
	return nil, c.stranger("its list of registries has no end")
}

// Find reads the entry of a name. The error is of pack.KindNotFound when there is none, and of pack.KindConflict when the
// name is that of several entries or of an OCI entry that is not for packs or not Basic. An entry of the system is not
// taken for a tenant's of the same name: a tenant cannot change it.
func (c *Client) Find(ctx context.Context, kind Kind, name string) (*Entry, error) {
	all, err := c.List(ctx, kind)
	if err != nil {
		return nil, err
	}
	var found []Summary
	for _, s := range all {
		if s.Name == name && (c.o.Login.System || !strings.EqualFold(s.Scope, "system")) {
			found = append(found, s)
		}
	}
	conflict := func(why string) error {
		return pack.Errorf(pack.KindConflict, "palette_entry_conflict", "Palette has %s named %s; choose another name, or remove it there", why, name)
	}
	switch {
	case len(found) == 0:
		return nil, pack.Errorf(pack.KindNotFound, "palette_entry_unknown", "Palette has no %s registry named %s", kind, name)
	case len(found) > 1:
		return nil, conflict("several registries")
	case found[0].Type != "" && !strings.EqualFold(found[0].Type, "basic") && kind == KindOCI:
		return nil, conflict("a registry of the type " + line(found[0].Type, 40))
	case found[0].Provider != "" && !strings.EqualFold(found[0].Provider, "pack") && kind == KindOCI:
		return nil, conflict("a registry for " + line(found[0].Provider, 40))
	}
	return c.Read(ctx, kind, found[0].UID)
}
