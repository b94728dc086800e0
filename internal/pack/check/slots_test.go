package check

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"packregistry/internal/pack/archive"
	"packregistry/internal/pack/packtest"
)

// TestFewHoldMuch: an inspection that would hold much waits for its turn, and keeps
// nobody waiting who holds little.
func TestFewHoldMuch(t *testing.T) {
	c, err := New(archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	inspect := func(ctx context.Context, values string) error {
		data := packtest.PackZip("a", "1.0.0", packtest.File("values.yaml", values))
		r, err := c.Inspect(ctx, bytes.NewReader(data), int64(len(data)))
		if err == nil && !r.Valid() {
			t.Errorf("refused: %v", r.Findings)
		}
		return err
	}
	free := func() {
		if len(c.large) != 0 || len(c.parsing) != 0 {
			t.Errorf("%d and %d slots are still taken", len(c.large), len(c.parsing))
		}
	}
	small, large := "a: 1\n", "a: 1\n#"+strings.Repeat("x", little)
	for range atOnce {
		c.large <- struct{}{}
	}
	waiting, end := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- inspect(waiting, large) }()
	for range 50 { // time enough for one that does not wait
		if err := inspect(t.Context(), small); err != nil {
			t.Error(err)
		}
	}
	end()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("a large file was held without a slot: %v", err)
	}
	go func() { done <- inspect(t.Context(), large) }()
	for range atOnce {
		<-c.large
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	free()

	for range atOnce {
		c.parsing <- struct{}{}
	}
	go func() { done <- inspect(t.Context(), small) }()
	select {
	case err := <-done:
		t.Errorf("parsed without a slot: %v", err)
	default:
	}
	for range atOnce {
		<-c.parsing
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	free()
}
