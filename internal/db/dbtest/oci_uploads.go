package dbtest

import (
	"testing"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

func ociUploadTests() []test {
	return []test{
		{"a session grows, on any replica", uploadGrows},
		{"offset, user and repository bind it", uploadBound},
		{"its parts are kept, and only for it", uploadParts},
		{"a part without lease is refused", uploadLease},
		{"it expires", uploadExpires},
	}
}

// upload makes a session with parts; it must succeed.
func upload(t testing.TB, d db.DB, id, repo string, parts ...string) db.OCIUpload {
	t.Helper()
	lease := must(d.Lease(t.Context(), nil, ttl))(t)
	u := db.OCIUpload{ID: id, Repo: repo, User: "alice", Lease: lease, Expires: time.Now().Add(ttl).Truncate(time.Microsecond).UTC()}
	ok(t, d.PutOCIUpload(t.Context(), u, -1))
	for _, text := range parts {
		was := u.Offset
		add(&u, text)
		ok(t, d.Extend(t.Context(), u.Lease, []pack.Digest{digestOf(text)}, ttl))
		ok(t, d.PutOCIUpload(t.Context(), u, was))
	}
	return u
}

// add adds a part to the session as the caller has it.
func add(u *db.OCIUpload, text string) {
	l := link(text)
	u.Parts, u.Offset = append(u.Parts[:len(u.Parts):len(u.Parts)], l), u.Offset+l.Size
}

func uploadGrows(t *testing.T, env Env) {
	ctx := t.Context()
	other := env.Reopen(t)
	u := upload(t, env.DB, "u", "r")
	same(t, "empty", &u, must(other.OCIUpload(ctx, "u"))(t))
	for i, d := range []db.DB{other, env.DB, other} {
		text := []string{"one", "two", "one"}[i] // the same bytes may come twice
		was := u.Offset
		add(&u, text)
		u.Expires = u.Expires.Add(time.Minute)
		ok(t, d.Extend(ctx, u.Lease, []pack.Digest{digestOf(text)}, ttl))
		ok(t, d.PutOCIUpload(ctx, u, was))
		same(t, "grown", &u, must(env.DB.OCIUpload(ctx, "u"))(t))
	}
	// Its parts may be replaced, from the middle on too.
	u.Parts = []db.OCILink{link("one"), link("two and one")}
	ok(t, env.DB.Extend(ctx, u.Lease, []pack.Digest{digestOf("two and one")}, ttl))
	ok(t, env.DB.PutOCIUpload(ctx, u, u.Offset))
	same(t, "replaced", &u, must(env.DB.OCIUpload(ctx, "u"))(t))
	same(t, "what was replaced is swept", true, sweep(t, env.DB, digestOf("two")))
	same(t, "what was not is", false, sweep(t, env.DB, digestOf("one")))
	_, err := env.DB.OCITags(ctx, "r", 0, "")
	wantKind(t, err, pack.KindNotFound, "name_unknown") // a session makes no repository
	ok(t, env.DB.DeleteOCIUpload(ctx, "u"))
	ok(t, env.DB.DeleteOCIUpload(ctx, "u"))
	_, err = other.OCIUpload(ctx, "u")
	wantKind(t, err, pack.KindNotFound, "upload_unknown")
	wantKind(t, env.DB.PutOCIUpload(ctx, u, u.Offset), pack.KindNotFound, "upload_unknown")
}

func uploadBound(t *testing.T, env Env) {
	ctx := t.Context()
	u := upload(t, env.DB, "u", "r", "one")
	was := u
	wantKind(t, env.DB.PutOCIUpload(ctx, u, -1), pack.KindConflict, "offset_mismatch")
	for _, offset := range []int64{0, 1, 2, 4, 1 << 40} {
		wantKind(t, env.DB.PutOCIUpload(ctx, u, offset), pack.KindConflict, "offset_mismatch")
	}
	for _, change := range []func(*db.OCIUpload){
		func(u *db.OCIUpload) { u.User = "bob" }, func(u *db.OCIUpload) { u.Repo = "r2" }, func(u *db.OCIUpload) { u.ID = "u2" },
	} {
		changed := u
		change(&changed)
		changed.Parts = nil
		wantKind(t, env.DB.PutOCIUpload(ctx, changed, u.Offset), pack.KindNotFound, "upload_unknown")
	}
	same(t, "unchanged", &was, must(env.DB.OCIUpload(ctx, "u"))(t))
}

func uploadParts(t *testing.T, env Env) {
	ctx := t.Context()
	u := upload(t, env.DB, "u", "r", "one", "two")
	ok(t, env.DB.Release(ctx, u.Lease)) // the rows keep them now
	for _, text := range []string{"one", "two"} {
		same(t, "swept", false, sweep(t, env.DB, digestOf(text)))
		same(t, "referenced", true, referenced(t, env.DB, digestOf(text)))
		_, err := env.DB.OCIBlob(ctx, "r", digestStr(text))
		wantKind(t, err, pack.KindNotFound, "blob_unknown") // a part is no blob of the repository
	}
	// A session of one part becomes a blob without another lease.
	one := upload(t, env.DB, "u1", "r", "whole")
	ok(t, env.DB.PutOCIBlob(ctx, "r", one.Parts[0], one.Lease))
	ok(t, env.DB.DeleteOCIUpload(ctx, "u1"))
	same(t, "swept", false, sweep(t, env.DB, digestOf("whole")))
	// One of many: under the session's lease.
	whole := link("onetwo")
	ok(t, env.DB.Extend(ctx, u.Lease, []pack.Digest{whole.Blob}, ttl))
	ok(t, env.DB.PutOCIBlob(ctx, "r", whole, u.Lease))
	ok(t, env.DB.DeleteOCIUpload(ctx, "u"))
	same(t, "parts are swept", true, sweep(t, env.DB, digestOf("one")) && sweep(t, env.DB, digestOf("two")))
	same(t, "the blob is", false, sweep(t, env.DB, whole.Blob))
	ok(t, env.DB.DeleteOCIBlob(ctx, "r", whole.Digest))
	same(t, "the lease went with the session", true, sweep(t, env.DB, whole.Blob))
}

func uploadLease(t *testing.T, env Env) {
	ctx := t.Context()
	u := upload(t, env.DB, "u", "r", "one")
	was := u
	add(&u, "two")
	wantKind(t, env.DB.PutOCIUpload(ctx, u, was.Offset), pack.KindUnavailable, "lease_expired")
	ok(t, env.DB.Extend(ctx, u.Lease, []pack.Digest{digestOf("two")}, -time.Minute))
	wantKind(t, env.DB.PutOCIUpload(ctx, u, was.Offset), pack.KindUnavailable, "lease_expired")
	same(t, "unchanged", &was, must(env.DB.OCIUpload(ctx, "u"))(t))
	ok(t, env.DB.Extend(ctx, u.Lease, nil, ttl)) // nothing has swept it
	ok(t, env.DB.PutOCIUpload(ctx, u, was.Offset))
	fresh := u
	fresh.ID, fresh.Lease = "u2", ""
	ok(t, env.DB.PutOCIUpload(ctx, fresh, -1)) // all its parts are referred to
	fresh.ID, fresh.Parts = "u3", []db.OCILink{link("three")}
	wantKind(t, env.DB.PutOCIUpload(ctx, fresh, -1), pack.KindUnavailable, "lease_expired")
	_, err := env.DB.OCIUpload(ctx, "u3")
	wantKind(t, err, pack.KindNotFound, "upload_unknown")
}

func uploadExpires(t *testing.T, env Env) {
	ctx := t.Context()
	live, dead := upload(t, env.DB, "live", "r", "one"), upload(t, env.DB, "dead", "r", "two")
	dead.Expires = time.Now().Add(-time.Second)
	ok(t, env.DB.PutOCIUpload(ctx, dead, dead.Offset))
	_, err := env.DB.OCIUpload(ctx, "dead")
	wantKind(t, err, pack.KindNotFound, "upload_unknown")
	dead.Expires = time.Now().Add(ttl)
	wantKind(t, env.DB.PutOCIUpload(ctx, dead, dead.Offset), pack.KindNotFound, "upload_unknown")
	ok(t, env.DB.Extend(ctx, dead.Lease, []pack.Digest{digestOf("three")}, ttl))
	same(t, "swept before it is pruned", false, sweep(t, env.DB, digestOf("two")))
	same(t, "pruned", 1, must(env.DB.PruneOCIUploads(ctx))(t))
	same(t, "pruned", 0, must(env.DB.PruneOCIUploads(ctx))(t))
	same(t, "swept", true, sweep(t, env.DB, digestOf("two")) && sweep(t, env.DB, digestOf("three")))
	same(t, "live", &live, must(env.DB.OCIUpload(ctx, "live"))(t))
}
