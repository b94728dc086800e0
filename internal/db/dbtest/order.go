package dbtest

import (
	"slices"
	"testing"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

func orderTests() []test {
	return []test{
		{"versions", orderVersions},
		{"names by bytes, with case", orderNames},
		{"snapshots", orderSnapshot},
	}
}

func orderVersions(t *testing.T, env Env) {
	versions := []string{
		"1.10.0", "1.9.0", "v1.12.0", "1.5", "23.07.1", "2.0.2-up.3", "2.0.2", "0.30.0-5.5.2026", "2.0.2-up.10", "10.0.0", "1.9.0-RC1", "1.9.0-rc1",
	}
	for _, v := range versions {
		push(t, env.DB, "default", "sorted", v)
	}
	slices.SortFunc(versions, func(a, b string) int { return pack.CompareVersions(b, a) })
	p := must(env.DB.Pack(t.Context(), "default", "sorted"))(t)
	var got []string
	for _, v := range p.Versions {
		got = append(got, v.Version)
	}
	same(t, "newest first", versions, got)
	same(t, "latest", "23.07.1", p.Latest)
}

// oddNames sort otherwise in every language than by their bytes. The catalogue does not
// judge names: upper case and letters beyond ASCII must not fold either.
func oddNames() []string {
	return []string{"a", "a-b", "a.b", "a_b", "ab", "B", "b", "Z", "z", "é", "e", "ß", "ss", "日本", "𝔘", "ﬀ", "ff", "a b", "10", "9"}
}

func orderNames(t *testing.T, env Env) {
	names := oddNames()
	for _, n := range names {
		push(t, env.DB, "default", n, "1.0.0")
		push(t, env.DB, "ns", n, "1.0.0")
	}
	slices.Sort(names)
	same(t, "names", names, must(env.DB.Names(t.Context(), "default"))(t))
	var all []string
	for _, n := range names {
		all = append(all, "default/"+n, "ns/"+n)
	}
	slices.Sort(all)
	same(t, "all names", all, must(env.DB.Names(t.Context(), "*"))(t))
	same(t, "no names", []string{}, must(env.DB.Names(t.Context(), "Default"))(t))
	var found []string
	for _, v := range searchAll(t, env.DB, db.Query{Namespace: "default", Sort: db.SortName, Limit: 3}) {
		found = append(found, v.Name)
	}
	same(t, "found by name", names, found)
	for _, n := range names {
		same(t, "resolved", n, resolve(t, env.DB, n, latest()).Name)
	}
	_, err := env.DB.Resolve(t.Context(), "default", "É", latest())
	wantKind(t, err, pack.KindNotFound, "pack_not_found")
}

func orderSnapshot(t *testing.T, env Env) {
	// "a-b" sorts before "a/b" and "a0" after: by namespace, not by what they make together.
	for _, ns := range []string{"a", "a/b", "a-b", "a0", "B"} {
		for _, name := range []string{"y", "x-y", "x"} {
			for _, v := range []string{"1.10.0", "1.9.0"} {
				publish(t, env.DB, publication(ns, name, v, v), db.Created)
			}
		}
	}
	var got, want []string
	must(env.DB.Snapshot(t.Context(), "*", func(v *pack.Version) error {
		got = append(got, v.Namespace+" "+v.Name+" "+v.Version)
		return nil
	}))(t)
	for _, ns := range []string{"B", "a", "a-b", "a/b", "a0"} {
		for _, name := range []string{"x", "x-y", "y"} {
			want = append(want, ns+" "+name+" 1.9.0", ns+" "+name+" 1.10.0")
		}
	}
	same(t, "snapshot", want, got)
}
