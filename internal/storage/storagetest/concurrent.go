package storagetest

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"testing"

	"packregistry/internal/pack"
)

const writers = 16

func testConcurrent(t *testing.T, newStore New) {
	t.Run("16 writers of one blob, and readers", func(t *testing.T) {
		s := newStore(t)
		for round := range 5 {
			data, d := Blob(uint64(round), 200_000)
			start := make(chan struct{})
			errs := make(chan error, 2*writers)
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					<-start
					if err := s.Put(t.Context(), d, bytes.NewReader(data)); err != nil {
						errs <- err
						return
					}
					// Acknowledged to this writer means there for this writer.
					if info, err := s.Stat(t.Context(), d); err != nil || info.Size != int64(len(data)) {
						errs <- fmt.Errorf("Stat after Put: %+v, %w", info, err)
					}
				})
				wg.Go(func() {
					<-start
					// The whole blob or none, at any moment.
					rc, err := s.Open(t.Context(), d, 0, -1)
					if pack.IsKind(err, pack.KindNotFound) {
						return
					}
					if err != nil {
						errs <- err
						return
					}
					defer rc.Close()
					if got, err := io.ReadAll(rc); err != nil || !bytes.Equal(got, data) {
						errs <- fmt.Errorf("a reader saw %d of %d bytes, %w", len(got), len(data), err)
					}
				})
			}
			close(start)
			wg.Wait()
			close(errs)
			for err := range errs {
				t.Error(err)
			}
			if got := read(t, s, d, 0, -1); !bytes.Equal(got, data) {
				t.Error("the blob is damaged")
			}
		}
		if n := len(walkAll(t, s)); n != 5 {
			t.Errorf("the store has %d blobs, want 5", n)
		}
	})

	t.Run("writers and deleters of few blobs", func(t *testing.T) {
		s := newStore(t)
		var blobs [4][]byte
		for i := range blobs {
			blobs[i], _ = Blob(uint64(i), 10_000)
		}
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range 10 {
					data := blobs[(w+i)%len(blobs)]
					if w%4 == 3 {
						if err := s.Delete(t.Context(), Digest(data)); err != nil {
							t.Errorf("Delete: %v", err)
						}
					} else if err := s.Put(t.Context(), Digest(data), bytes.NewReader(data)); err != nil {
						t.Errorf("Put: %v", err)
					}
				}
			})
		}
		wg.Wait()
		for d := range walkAll(t, s) {
			read(t, s, d, 0, -1) // verifies
		}
	})
}
