package sample_test

import (
	"bytes"
	"context"
	"testing"

	"packregistry/internal/pack/archive"
	"packregistry/internal/pack/check"
	"packregistry/internal/pack/sample"
)

// The sample has nothing to complain of, not even an info, and is always the same bytes.
func TestSampleIsClean(t *testing.T) {
	var first, second bytes.Buffer
	if err := sample.Write(&first); err != nil {
		t.Fatal(err)
	}
	if err := sample.Write(&second); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("two writings differ")
	}
	c, err := check.New(archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Inspect(context.Background(), bytes.NewReader(first.Bytes()), int64(first.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) != 0 || r.Metadata.Name != sample.Name || r.Metadata.Version != sample.Version {
		t.Errorf("%s %s: %+v", r.Metadata.Name, r.Metadata.Version, r.Findings)
	}
}
