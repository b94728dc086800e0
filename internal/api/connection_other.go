//go:build !linux

package api

const tunable = false

func limitUnsent(uintptr) {}
func cork(uintptr)        {}
func uncork(uintptr)      {}
