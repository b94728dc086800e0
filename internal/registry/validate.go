package registry

import (
	"context"
	"errors"
	"io"

	"packregistry/internal/pack"
)

// Validate checks an archive as Publish would and stores nothing. Findings of
// all severities are given. What is no zip or tar.gz at all is an error of
// KindUnsupported, what is over the limit one of KindTooLarge.
func (r *Registry) Validate(ctx context.Context, body io.Reader) (*Validation, error) {
	spool, report, err := r.receive(ctx, body)
	var bad *pack.Error
	if errors.As(err, &bad) && bad.Kind == pack.KindBadPack {
		return &Validation{Findings: bad.Findings}, nil
	}
	if err != nil {
		return nil, err
	}
	defer spool.Close()
	v := &Validation{
		Valid: report.Valid(), Findings: report.Findings,
		Name: report.Metadata.Name, Version: report.Metadata.Version,
	}
	if v.Findings == nil {
		v.Findings = []pack.Finding{}
	}
	return v, nil
}
