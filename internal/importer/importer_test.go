package importer_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/importer"
	"packregistry/internal/pack"
	"packregistry/internal/registry"
)

// failing stands for a core: each case is about what happens after an answer of it. The importer on a real core
// is in cmd/registry/testdata/script/import.txtar.
type failing struct {
	calls atomic.Int64
	after int64
	err   error
	then  func()
}

func (f *failing) Publish(context.Context, registry.Upload) (*registry.Published, error) {
	if n := f.calls.Add(1); n > f.after {
		if f.then != nil {
			f.then()
		}
		return nil, f.err
	}
	return &registry.Published{Version: &pack.Version{Size: 10}, Outcome: db.Created}, nil
}

func TestWhatEndsAnImport(t *testing.T) {
	const packs = 100
	dir := t.TempDir()
	for i := range packs {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("p%03d.zip", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(ctx context.Context, p importer.Publisher) (*importer.Summary, error) {
		return importer.Import(ctx, importer.Options{To: p, Folder: dir, Namespace: "default", AtOnce: 4, Now: time.Now})
	}
	for _, kind := range []pack.Kind{pack.KindUnavailable, pack.KindNoSpace, pack.KindInternal, pack.KindCorrupt} {
		p := &failing{after: 20, err: pack.Errorf(kind, "", "broken")}
		s, err := run(t.Context(), p)
		if !pack.IsKind(err, kind) || s.Created != 20 || s.Bytes != 200 || s.Failed != 0 || p.calls.Load() > 24 {
			t.Errorf("%s: %+v, %v after %d calls", kind, s, err, p.calls.Load())
		}
	}
	for _, kind := range []pack.Kind{pack.KindConflict, pack.KindTooLarge, pack.KindUnsupported} {
		s, err := run(t.Context(), &failing{after: 20, err: pack.Errorf(kind, "", "refused")})
		if err != nil || s.Found != packs || s.Created != 20 || s.Failed != packs-20 || len(s.Failures) != packs-20 {
			t.Errorf("%s: %+v, %v", kind, s, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	p := &failing{after: 20, err: context.Canceled, then: cancel}
	if s, err := run(ctx, p); err == nil || s.Created != 20 || s.Failed != 0 || p.calls.Load() > 24 {
		t.Errorf("cancelled: %+v, %v", s, err)
	}
}
