package registry

import "context"

// HeadNumber is the number of the newest change, for metrics. It costs what Head costs.
func (r *Registry) HeadNumber(ctx context.Context) (int64, error) {
	mark, _, err := r.head(ctx)
	return mark.Seq, err
}
