package memory

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
	"packregistry/internal/storage/storagetest"
)

func TestSuite(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Store { return New() })
}

func TestDamage(t *testing.T) {
	storagetest.RunDamage(t, func(*testing.T) (storage.Store, storagetest.Plant) {
		s := New()
		return s, func(_ *testing.T, key string, data []byte) {
			// Only blobs fit into the map, so strays have nowhere to go.
			if d, err := pack.ParseDigest("sha256:" + key[strings.LastIndex(key, "/")+1:]); err == nil && storage.Key(d) == key {
				s.blobs[d] = blob{data: bytes.Clone(data), mod: time.Now()}
			}
		}
	})
}
