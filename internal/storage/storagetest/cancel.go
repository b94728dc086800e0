package storagetest

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"packregistry/internal/storage"
)

func testCancel(t *testing.T, newStore New) {
	s := newStore(t)
	data, d := Blob(1, 1000)
	put(t, s, data)
	fresh, absent := Blob(2, 1000)
	done := cancelled()

	for name, call := range map[string]func() error{
		"put":          func() error { return s.Put(done, absent, bytes.NewReader(fresh)) },
		"put existing": func() error { return s.Put(done, d, bytes.NewReader(data)) },
		"open": func() error {
			rc, err := s.Open(done, d, 0, -1)
			if err == nil {
				rc.Close()
			}
			return err
		},
		"stat":   func() error { _, err := s.Stat(done, d); return err },
		"delete": func() error { return s.Delete(done, d) },
		"walk":   func() error { return s.Walk(done, func(storage.Info) error { return nil }) },
		"check":  func() error { return s.Check(done) },
		"tidy":   func() error { _, err := s.Tidy(done, time.Now()); return err },
	} {
		t.Run(name, func(t *testing.T) {
			if err := call(); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want an error around context.Canceled", err)
			}
		})
	}
	wantAbsent(t, s, absent)
	if got := read(t, s, d, 0, -1); !bytes.Equal(got, data) {
		t.Error("a cancelled call changed the blob")
	}

	t.Run("in the middle of a put", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		data, d := Blob(3, 2<<20)
		src := &source{data: data, size: int64(len(data)), onRead: func(off int64) {
			if off > 1<<20 {
				cancel()
			}
		}}
		if err := s.Put(ctx, d, src); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want an error around context.Canceled", err)
		}
		wantAbsent(t, s, d)
		put(t, s, data)
	})

	t.Run("in the middle of a walk", func(t *testing.T) {
		put(t, s, []byte("a second blob"))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		calls := 0
		err := s.Walk(ctx, func(storage.Info) error { calls++; cancel(); return nil })
		if !errors.Is(err, context.Canceled) || calls != 1 {
			t.Errorf("got %v after %d calls, want context.Canceled after 1", err, calls)
		}
	})
}
