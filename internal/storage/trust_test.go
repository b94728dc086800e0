package storage

import (
	"fmt"
	"testing"
	"time"
	"unsafe"
)

// TestTrustOwnsItsTexts: a digest that is a piece of a long text does not keep all of it in memory.
func TestTrustOwnsItsTexts(t *testing.T) {
	var tr Trust[string]
	d, at := digestOf("0"), time.Unix(1_000_000, 0)
	check := func(what string) {
		for kept := range tr.young {
			if unsafe.StringData(string(kept)) == unsafe.StringData(string(d)) {
				t.Errorf("%s: the text that was given is kept", what)
			}
		}
	}
	tr.Add(d, "as it was", at)
	check("added")
	tr.Add(d, "as it was", at)
	check("added again")
	tr.young, tr.old = nil, tr.young
	if !tr.Holds(d, "as it was", at) || len(tr.young) != 1 {
		t.Error("forgotten")
	}
	check("asked for")
}

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
