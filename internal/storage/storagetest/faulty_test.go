package storagetest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
	"packregistry/internal/storage/memory"
	"packregistry/internal/storage/storagetest"
)

func TestFaultyWithoutFaultsIsAStore(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Store { return storagetest.NewFaulty(memory.New()) })
}

func TestFaultsOfPut(t *testing.T) {
	data, d := storagetest.Blob(1, 1000)
	_, other := storagetest.Blob(2, 1000)
	mine := errors.New("mine")
	for name, c := range map[string]struct {
		fault    storagetest.Fault
		failures int  // of the first 4 puts
		there    bool // the blob, after the first put
		cause    error
	}{
		"nothing happened":        {storagetest.Fault{}, 1, false, storagetest.ErrInjected},
		"happened, said it didnt": {storagetest.Fault{Done: true}, 1, true, storagetest.ErrInjected},
		"own error":               {storagetest.Fault{Err: mine}, 1, false, mine},
		"three times":             {storagetest.Fault{Times: 3}, 3, false, storagetest.ErrInjected},
		"always":                  {storagetest.Fault{Times: storagetest.Always}, 4, false, storagetest.ErrInjected},
		"skip two":                {storagetest.Fault{Skip: 2}, 1, true, storagetest.ErrInjected},
		"this blob":               {storagetest.Fault{Digest: d}, 1, false, storagetest.ErrInjected},
		"another blob":            {storagetest.Fault{Digest: other}, 0, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			inner := memory.New()
			f := storagetest.NewFaulty(inner)
			f.Fail(storagetest.OpPut, c.fault)
			failures := 0
			for i := range 4 {
				if err := f.Put(t.Context(), d, bytes.NewReader(data)); err != nil {
					failures++
					if !errors.Is(err, c.cause) {
						t.Errorf("got %v, want %v", err, c.cause)
					}
				}
				if _, err := inner.Stat(t.Context(), d); i == 0 && c.there != (err == nil) {
					t.Errorf("after the first put: %v, want there %v", err, c.there)
				}
			}
			if failures != c.failures {
				t.Errorf("%d puts failed, want %d", failures, c.failures)
			}
			if n := len(f.Calls(storagetest.OpPut)); n != 4 {
				t.Errorf("%d calls are recorded, want 4", n)
			}
			f.Reset()
			if err := f.Put(t.Context(), d, bytes.NewReader(data)); err != nil {
				t.Errorf("after Reset: %v", err)
			}
		})
	}
}

func TestFaultOfRead(t *testing.T) {
	f := storagetest.NewFaulty(memory.New())
	data, d := storagetest.Blob(1, 100_000)
	if err := f.Put(t.Context(), d, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	f.Fail(storagetest.OpRead, storagetest.Fault{Bytes: 40_000})
	rc, err := f.Open(t.Context(), d, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if got, err := io.ReadAll(rc); len(got) != 40_000 || !pack.IsKind(err, pack.KindUnavailable) {
		t.Errorf("got %d bytes and %v, want 40000 and KindUnavailable", len(got), err)
	}
}

func TestHooks(t *testing.T) {
	inner := memory.New()
	f := storagetest.NewFaulty(inner)
	data, d := storagetest.Blob(1, 10)
	stop := errors.New("stop")
	var steps []string
	there := func(ctx context.Context) string {
		if _, err := inner.Stat(ctx, d); err != nil {
			return "absent"
		}
		return "there"
	}
	f.Before(storagetest.OpPut, func(ctx context.Context, _ pack.Digest) error {
		steps = append(steps, "before "+there(ctx))
		return nil
	})
	f.After(storagetest.OpPut, func(ctx context.Context, _ pack.Digest) error {
		steps = append(steps, "after "+there(ctx))
		return stop
	})
	if err := f.Put(t.Context(), d, bytes.NewReader(data)); !errors.Is(err, stop) {
		t.Errorf("got %v, want the hook's error", err)
	}
	if len(steps) != 2 || steps[0] != "before absent" || steps[1] != "after there" {
		t.Errorf("got %v", steps)
	}
	f.Before(storagetest.OpDelete, func(context.Context, pack.Digest) error { return stop })
	if err := f.Delete(t.Context(), d); !errors.Is(err, stop) || there(t.Context()) != "there" {
		t.Errorf("got %v and the blob is %s; a hook's error must come instead of the call", err, there(t.Context()))
	}
}
