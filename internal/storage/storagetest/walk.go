package storagetest

import (
	"errors"
	"testing"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

func testWalk(t *testing.T, newStore New) {
	s := newStore(t)
	if got := walkAll(t, s); len(got) != 0 {
		t.Fatalf("an empty store has %d blobs", len(got))
	}

	want := map[pack.Digest]int64{}
	for i := range 40 {
		data, d := Blob(uint64(i), i*10)
		put(t, s, data)
		want[d] = int64(len(data))
	}
	got := walkAll(t, s)
	if len(got) != len(want) {
		t.Errorf("Walk gives %d blobs, want %d", len(got), len(want))
	}
	for d, size := range want {
		info, ok := got[d]
		if !ok || info.Size != size {
			t.Errorf("Walk gives %+v for %s, want %d bytes", info, d, size)
		}
		if age := time.Since(info.ModTime); age > clockSkew || age < -clockSkew {
			t.Errorf("%s was modified at %v, want about now", d, info.ModTime)
		}
	}

	t.Run("an error ends it", func(t *testing.T) {
		stop := errors.New("stop")
		calls := 0
		err := s.Walk(t.Context(), func(storage.Info) error {
			calls++
			if calls == 3 {
				return stop
			}
			return nil
		})
		if !errors.Is(err, stop) || calls != 3 {
			t.Errorf("got %v after %d calls, want the callback's error after 3", err, calls)
		}
	})

	t.Run("blobs may go meanwhile", func(t *testing.T) {
		err := s.Walk(t.Context(), func(i storage.Info) error { return s.Delete(t.Context(), i.Digest) })
		if err != nil {
			t.Fatal(err)
		}
		if left := walkAll(t, s); len(left) != 0 {
			t.Errorf("%d blobs are left", len(left))
		}
	})

	t.Run("tidy leaves blobs alone", func(t *testing.T) {
		d := put(t, s, []byte("stays"))
		if n, err := s.Tidy(t.Context(), time.Now().Add(time.Hour)); err != nil || n != 0 {
			t.Errorf("Tidy: %d, %v; want nothing to do", n, err)
		}
		if got := string(read(t, s, d, 0, -1)); got != "stays" {
			t.Errorf("the blob is %q", got)
		}
	})
}
