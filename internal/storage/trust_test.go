package storage

import (
	"fmt"
	"testing"
	"time"
)

func TestTrustIsBounded(t *testing.T) {
	var tr Trust[string]
	at := time.Unix(1_000_000, 0)
	first := digestOf("0")
	for i := range 5 * trustSize {
		tr.Add(digestOf(fmt.Sprint(i)), "as it was", at)
		if i%(trustSize/2) == 0 && !tr.Holds(first, "as it was", at) {
			t.Fatalf("what is asked for all the time was forgotten after %d others", i)
		}
	}
	if len(tr.young) > trustSize || len(tr.old) > trustSize {
		t.Errorf("remembers %d and %d", len(tr.young), len(tr.old))
	}
}
