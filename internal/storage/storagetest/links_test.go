package storagetest_test

import (
	"testing"

	"packregistry/internal/storage"
	"packregistry/internal/storage/memory"
	"packregistry/internal/storage/storagetest"
)

func TestLinks(t *testing.T) {
	storagetest.RunLinker(t, func(t *testing.T) (storage.Store, storage.Linker) {
		s := memory.New()
		return s, storagetest.NewLinks(t, s)
	})
}
