package api

import (
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"packregistry/internal/api/gen"
	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/registry"
)

// Bounds of a search.
const (
	defaultPage  = 50
	maxPage      = 1000
	maxQuery     = 256 // characters of q
	maxFilter    = 50  // values of one filter
	maxValue     = 256 // bytes of one value
	maxCursor    = 2048
	maxChanges   = registry.MaxChanges
	askedChanges = 1000 // when limit is not given
	maxWait      = 60   // seconds
)

func badValue(name, want string) error {
	return pack.Errorf(pack.KindInvalid, "parameter_invalid", "the parameter %s must be %s", name, want)
}

// badParameter turns the generated code's errors into ours; theirs name Go types.
func badParameter(err error) error {
	var format *gen.InvalidParamFormatError
	if errors.As(err, &format) {
		return &pack.Error{Kind: pack.KindInvalid, Code: "parameter_invalid", Message: "the parameter " + format.ParamName + " is not well-formed", Err: err}
	}
	return &pack.Error{Kind: pack.KindInvalid, Code: "parameter_invalid", Message: "a parameter is not well-formed", Err: err}
}

// badBody is for a JSON body that cannot be read.
func badBody(err error) error {
	var known *pack.Error
	if errors.As(err, &known) {
		return err
	}
	return &pack.Error{Kind: pack.KindInvalid, Code: "body_invalid", Message: "the body must be the JSON that the API document describes", Err: err}
}

// namespaceOf is the namespace a request asks for. The core checks its form.
func namespaceOf(r *http.Request) string {
	if r.URL.RawQuery == "" {
		return pack.DefaultNamespace
	}
	return orDefault(r.URL.Query().Get("namespace"))
}

func orDefault(namespace string) string {
	if namespace == "" {
		return pack.DefaultNamespace
	}
	return namespace
}

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// bounded is a number with a default that must lie between low and high.
func bounded(p *int, name string, low, high, otherwise int) (int, error) {
	if p == nil {
		return otherwise, nil
	}
	if *p < low || *p > high {
		return 0, pack.Errorf(pack.KindInvalid, "parameter_invalid", "the parameter %s must be a number from %d to %d", name, low, high)
	}
	return *p, nil
}

// queryOf turns the parameters of a search into the catalogue's words.
func queryOf(p gen.SearchPacksParams) (db.Query, error) {
	q := db.Query{
		Namespace: orDefault(value(p.Namespace)), Text: strings.TrimSpace(value(p.Q)),
		Deprecated: p.Deprecated, Cursor: value(p.Cursor), Facets: value(p.Facets),
	}
	if utf8.RuneCountInString(q.Text) > maxQuery || !utf8.ValidString(q.Text) {
		return q, badValue("q", "text of at most 256 characters")
	}
	if len(q.Cursor) > maxCursor {
		return q, pack.Errorf(pack.KindInvalid, "cursor_invalid", "the cursor is not one that this server gave")
	}
	var err error
	if q.Limit, err = bounded(p.Limit, "limit", 1, maxPage, defaultPage); err != nil {
		return q, err
	}
	q.Sort = db.SortName
	if q.Text != "" {
		q.Sort = db.SortRelevance
	}
	if p.Sort != nil {
		if !p.Sort.Valid() {
			return q, badValue("sort", "relevance, name or updated")
		}
		q.Sort = db.Sort(*p.Sort)
	}
	for _, filter := range []struct {
		name   string
		values *[]string
		to     *[]string
	}{
		{"layer", p.Layer, &q.Layers},
		{"addonType", p.AddonType, &q.AddonTypes},
		{"cloudType", p.CloudType, &q.CloudTypes},
		{"source", p.Source, &q.Sources},
	} {
		if *filter.to, err = listOf(filter.name, value(filter.values)); err != nil {
			return q, err
		}
	}
	return q, nil
}

// listOf takes repeated parameters and comma lists alike.
func listOf(name string, values []string) ([]string, error) {
	var out []string
	for _, v := range values {
		for item := range strings.SplitSeq(v, ",") {
			if item = strings.TrimSpace(item); item == "" {
				continue
			}
			if len(item) > maxValue || len(out) == maxFilter {
				return nil, pack.Errorf(pack.KindInvalid, "parameter_invalid", "the parameter %s has too many values, or one that is too long", name)
			}
			out = append(out, item)
		}
	}
	return out, nil
}
