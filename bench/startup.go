package main

import (
	"context"
	"fmt"
	"time"
)

// starts measures the time from exec to the first answer, of three starts, the median.
func starts(first *server, again func() (*server, error)) (sample, error) {
	times := []float64{milliseconds(first.ready)}
	for range 2 {
		s, err := again()
		if err != nil {
			return sample{}, err
		}
		times = append(times, milliseconds(s.ready))
		if err := s.stop(); err != nil {
			return sample{}, err
		}
	}
	return sample{unit: " ms", value: median(times)}, nil
}

// restarts is a side that starts our server three times on a catalogue.
func (b *bench) restarts(name string, o ours) side {
	return b.onOurs(name, o, func(ctx context.Context, s *server) (map[string]sample, error) {
		m, err := starts(s, func() (*server, error) {
			if o.production {
				// On the same database and bucket, which live as long as the first one.
				return b.startOurs(ctx, ours{sharing: s})
			}
			// The first one still runs; a second process on the same files is as good.
			return b.serveAgain(ctx, s)
		})
		return one("start", m, err)
	})
}

// serveAgain starts another process on the data folder of an embedded one.
func (b *bench) serveAgain(ctx context.Context, s *server) (*server, error) {
	at, err := b.fresh("again")
	if err != nil {
		return nil, err
	}
	defer removeAll(at)
	return b.serve(ctx, at, ours{}, []string{"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=" + setting(s, "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY")})
}

func (b *bench) startGroups() []group {
	small, large := b.shapes["220"], b.shapes["100k"]
	const production = "ours, Postgres and S3"
	return []group{
		{
			row: 10, name: "small", title: fmt.Sprintf("from exec to the first answer, %d packs", small.versions()),
			prepare: func(ctx context.Context) error {
				return joined(b.importedCatalogue(ctx, "220"), b.dockerLayout("220", true))
			},
			sides: []side{
				b.restarts("ours", ours{catalogue: "220"}),
				{"docker-registry, open", func(ctx context.Context, _ int) (map[string]sample, error) {
					again := func() (*server, error) { return b.startDocker(ctx, b.layout("220"), 0) }
					s, err := again()
					return b.used(ctx, s, err, func(_ context.Context, s *server) (map[string]sample, error) {
						m, err := starts(s, again)
						return one("start", m, err)
					})
				}},
			},
			checks: []checked{{"10.small", []key{{"ours", "start"}, {"docker-registry, open", "start"}}, ratioOfTimes}},
		},
		{
			row: 10, name: "large", title: fmt.Sprintf("from exec to the first answer, %d versions", large.versions()),
			prepare: func(ctx context.Context) error {
				return b.bothCatalogues(ctx, "100k")
			},
			sides: []side{
				b.restarts("ours", ours{catalogue: "100k"}),
				b.restarts(production, ours{catalogue: "100k", production: true}),
				b.onOurs("ours, right after", ours{catalogue: "100k"}, b.settled),
			},
			checks: []checked{
				{"10.large", []key{{"ours", "start"}}, plainValue},
				{"10.large-postgres", []key{{production, "start"}}, plainValue},
				{id: "10.settled", of: []key{{"ours, right after", "at once"}, {"ours, right after", "later"}}},
			},
		},
	}
}

// settled downloads from a server right after it has started, and once more when it has had time for whatever it
// does in the background.
func (b *bench) settled(ctx context.Context, first *server) (map[string]sample, error) {
	r, err := putOurs(ctx, first, packBytes)
	if err != nil {
		return nil, err
	}
	s, err := b.serveAgain(ctx, first)
	if err != nil {
		return nil, err
	}
	m := map[string]sample{}
	if m["at once"], err = b.wrk(ctx, s, 8, r); err == nil {
		time.Sleep(3 * time.Second)
		m["later"], err = b.wrk(ctx, s, 8, r)
	}
	return m, joined(err, s.stop())
}
