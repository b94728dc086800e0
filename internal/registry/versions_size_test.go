package registry

import (
	"fmt"
	"testing"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// held is what is remembered, in bytes, counted anew.
func (k *versions) held() (n int) {
	for _, half := range []map[packKey]*knownPack{k.young, k.old} {
		for _, p := range half {
			for ref, v := range p.refs {
				n += len(ref) + weight(v)
			}
		}
	}
	return n
}

// What is remembered is bounded whether it is of many packs or of one with many versions.
func TestVersionsAreBounded(t *testing.T) {
	for name, packs := range map[string]int{"one pack": 1, "a few": 7, "many": 1000} {
		t.Run(name, func(t *testing.T) {
			var k versions
			mark := db.Mark{Seq: 1, Mark: "m"}
			k.reset(mark)
			most := 0
			for i := range 4000 {
				key := packKey{"default", fmt.Sprint("p", i%packs)}
				version := fmt.Sprintf("1.%d.0", i)
				k.put(mark, key, version, &pack.Version{Version: version, Manifest: make([]byte, 4000)})
				if v, _ := k.look(key, version); v == nil || v.Version != version {
					t.Fatalf("number %d is not remembered", i)
				}
				if i%100 == 0 {
					most = max(most, k.held())
				}
			}
			if limit := 3 * versionsSize; most > limit {
				t.Errorf("%d bytes are held, more than %d", most, limit)
			}
			if most < versionsSize {
				t.Errorf("only %d bytes were held: nothing was tested", most)
			}
		})
	}
}
