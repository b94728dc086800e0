// Package storagetest is the suite that every blob store must pass, and a store
// that fails on demand. Only tests import it.
//
// A backend's own test is a few lines:
//
//	storagetest.Run(t, func(t *testing.T) storage.Store { return newStore(t) })
//
// RunDamage is for backends that tests can write to past the store, RunLinker for those that have a storage.Linker.
package storagetest
