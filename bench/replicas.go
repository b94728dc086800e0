package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
)

// coresForReplicas is how many cores row 12 needs: one for each replica, and some for the database, the store and the clients.
const coresForReplicas = 4

func (b *bench) replicaGroups() []group {
	cores := runtime.NumCPU()
	few := fmt.Errorf("this needs %d cores and there are %d", coresForReplicas, cores)
	g := group{
		row: 12, name: "replicas", title: "download of 40 KB by wrk, with 16 connections: one replica and two, pinned to a core each",
		sides: []side{
			{"ours, one", func(ctx context.Context, _ int) (map[string]sample, error) { return b.replicas(ctx, 1) }},
			{"ours, two", func(ctx context.Context, _ int) (map[string]sample, error) { return b.replicas(ctx, 2) }},
		},
		checks: []checked{{id: "12.reads", of: []key{{"ours, two", "reads"}, {"ours, one", "reads"}}}},
	}
	if cores < coresForReplicas {
		g.notes = []string{few.Error() + ": whatever it measures says nothing."}
		if !b.relaxed && !b.quick {
			g.sides = []side{
				{"ours, one", func(context.Context, int) (map[string]sample, error) { return nil, errTooFew }},
				{"ours, two", func(context.Context, int) (map[string]sample, error) { return nil, errTooFew }},
			}
		}
	}
	return []group{g}
}

// errTooFew says that the machine is too small for a row.
var errTooFew = errors.New("too few cores")

// replicas measures n replicas on one Postgres and one bucket. The connections are the same in number, half of them on each.
func (b *bench) replicas(ctx context.Context, n int) (_ map[string]sample, err error) {
	pin := func(i int) string { return itoa(i % runtime.NumCPU()) }
	first, err := b.startOurs(ctx, ours{production: true, pin: pin(0)})
	if err != nil {
		return nil, err
	}
	servers := []*server{first}
	defer func() {
		for i := len(servers) - 1; i >= 0; i-- {
			err = joined(err, servers[i].stop())
		}
	}()
	for i := 1; i < n; i++ {
		s, err := b.startOurs(ctx, ours{sharing: first, pin: pin(i)})
		if err != nil {
			return nil, err
		}
		servers = append(servers, s)
	}
	r, err := putOurs(ctx, first, packBytes)
	if err != nil {
		return nil, err
	}
	if err := waitIdle(idleLimit, b.patience()); err != nil {
		return nil, err
	}
	// Two clients in any case, so that they are as able with one replica as with two.
	samples, errs := make([]sample, 2), make([]error, 2)
	var all sync.WaitGroup
	for i := range samples {
		all.Go(func() { samples[i], errs[i] = b.wrk(ctx, servers[i%n], 8, r) })
	}
	all.Wait()
	m := samples[0]
	m.rate += samples[1].rate
	m.cpu, m.services = 0, 0 // each has counted what both did
	m.others = max(m.others, samples[1].others)
	return one("reads", m, joined(errs...))
}
