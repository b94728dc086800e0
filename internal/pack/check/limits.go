package check

import "packregistry/internal/pack/archive"

// Limits are those an archive is inspected under; what is made of it later is
// made under the same.
func (c *Checker) Limits() archive.Limits { return c.limits }
