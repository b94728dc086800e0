package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/registry"
)

func TestPublishMakesAVersionTrue(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		now := time.Date(2026, 11, 22, 10, 0, 0, 123456789, time.FixedZone("", 3600))
		e := open(t, func(c *registry.Config) { c.Now = func() time.Time { return now } })
		body := packtest.PackZip("web", "1.2.3", packtest.With("annotations", nil), packtest.With("cloudTypes", nil))
		v := e.publish(upload(body), db.Created)
		if v.Digest != digest(body) || v.Size != int64(len(body)) || v.Revision != 1 || v.MediaType != "application/zip" {
			t.Errorf("document: %+v", v)
		}
		if want := now.UTC().Truncate(time.Microsecond); !v.PushedAt.Equal(want) || v.PushedAt.Location() != time.UTC {
			t.Errorf("pushed at %v, want %v", v.PushedAt, want)
		}
		if v.PushedBy != "tester" || v.Namespace != ns || !strings.HasPrefix(v.ContentDigest, "h1:") {
			t.Errorf("document: %+v", v)
		}
		got := e.resolve("web", "latest")
		if diff := cmp.Diff(v, got); diff != "" {
			t.Errorf("resolved is not what publish answered (-publish +resolve):\n%s", diff)
		}
		if !bytes.Equal(e.fetch(got, pack.FormatZip), body) {
			t.Error("the zip is not what was uploaded")
		}
		e.noSpools()
		e.clean()
	})
}

func TestTheSameContentIsANoOp(t *testing.T) {
	e := embedded(t)
	files := packtest.Pack("web", "1.0.0")
	first := e.publish(upload(packtest.Zip(files)), db.Created)
	head, err := e.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	blobs := e.blobs()
	for name, body := range map[string][]byte{
		"the same zip":      packtest.Zip(files),
		"in a folder":       packtest.Zip(packtest.In("whatever", files)),
		"as tar.gz":         packtest.TarGz(files, ""),
		"tar.gz and folder": packtest.TarGz(files, "web-1.0.0"),
	} {
		for _, u := range []registry.Upload{upload(body), forced(body)} {
			if v := e.publish(u, db.Same); v.Digest != first.Digest || v.Revision != 1 {
				t.Errorf("%s: revision %d, digest %s", name, v.Revision, v.Digest)
			}
		}
	}
	if diff := cmp.Diff(blobs, e.blobs()); diff != "" {
		t.Errorf("blobs were written:\n%s", diff)
	}
	if again, err := e.Head(t.Context()); err != nil || again != head {
		t.Errorf("the feed moved: %v", err)
	}
	e.noSpools()
}

func TestTarGzIsKeptAndMadeAZipOnce(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t)
		files := packtest.Pack("web", "1.0.0", packtest.File("charts/big.txt", strings.Repeat("many words ", 10_000)))
		body := packtest.TarGz(files, "any-folder")
		v := e.publish(upload(body), db.Created)
		if !bytes.Equal(e.fetch(v, pack.FormatTarGz), body) {
			t.Error("the tar.gz is not what was uploaded")
		}
		zip := e.fetch(v, pack.FormatZip)
		for _, d := range []pack.Digest{digest(body), digest(zip)} {
			if got := e.resolve("web", string(d)); got.Digest != digest(zip) || got.Version != "1.0.0" {
				t.Errorf("%s resolves to %s %s", d, got.Version, got.Digest)
			}
		}
		e.holdsFiles(v, files)
		// What was downloaded is a pack like any other.
		e.publish(upload(zip), db.Same)
		e.clean()
	})
}

func TestOtherContentNeedsForce(t *testing.T) {
	e := embedded(t, func(c *registry.Config) {
		c.Overwrite = func(namespace string) bool { return namespace == "loose" }
	})
	one := packtest.PackZip("web", "1.0.0", packtest.File("note.txt", "one"))
	two := packtest.PackZip("web", "1.0.0", packtest.File("note.txt", "two"))
	old := e.publish(upload(one), db.Created)

	_, err := e.Publish(t.Context(), upload(two))
	if e := wantKind(t, err, pack.KindConflict, "version_exists"); !strings.Contains(e.Message, "force=true") {
		t.Errorf("the message does not say how to force: %s", e.Message)
	}
	if n := len(e.blobs()); n != 1 {
		t.Errorf("%d blobs after a conflict", n)
	}
	u := forced(two)
	u.Message = " \t"
	_, err = e.Publish(t.Context(), u)
	wantKind(t, err, pack.KindInvalid, "message_required")

	v := e.publish(forced(two), db.Replaced)
	if v.Revision != 2 || v.Message != "because of the test" || v.Digest != digest(two) {
		t.Errorf("replaced: %+v", v)
	}
	if got := e.resolve("web", "1.0.0"); got.Digest != digest(two) {
		t.Errorf("the version is %s", got.Digest)
	}
	kept := e.resolve("web", string(old.Digest))
	if kept.Revision != 1 || !bytes.Equal(e.fetch(kept, pack.FormatZip), one) {
		t.Error("the old content is not fetchable by its digest")
	}
	layer := e.resolve("web", string(old.TarGzDigest))
	if layer.Digest != old.Digest {
		t.Error("the old tar.gz digest does not find the old revision")
	}
	e.clean()

	for i, body := range [][]byte{one, two} {
		u := upload(body)
		u.Namespace = "loose"
		if got := e.publish(u, [...]db.Outcome{db.Created, db.Replaced}[i]); got.Revision != i+1 {
			t.Errorf("loose namespace: revision %d", got.Revision)
		}
	}
}

func TestPreconditionsOfPublish(t *testing.T) {
	e := embedded(t)
	one := packtest.PackZip("web", "1.0.0", packtest.File("note.txt", "one"))
	two := packtest.PackZip("web", "1.0.0", packtest.File("note.txt", "two"))
	with := func(u registry.Upload, match pack.Digest, noneMatch bool) error {
		u.IfMatch, u.IfNoneMatch = match, noneMatch
		_, err := e.Publish(t.Context(), u)
		return err
	}
	wantKind(t, with(upload(one), "*", false), pack.KindPrecondition, "")
	if err := with(upload(one), "", true); err != nil {
		t.Fatalf("If-None-Match on nothing: %v", err)
	}
	wantKind(t, with(upload(one), "", true), pack.KindPrecondition, "")
	wantKind(t, with(forced(two), digest(two), false), pack.KindPrecondition, "")
	wantKind(t, with(upload(two), digest(one), false), pack.KindConflict, "version_exists")
	if err := with(forced(two), digest(one), false); err != nil {
		t.Fatalf("If-Match on what is there: %v", err)
	}
	e.clean()
}

func TestADeletedVersionComesBackWithoutForce(t *testing.T) {
	e := embedded(t)
	one := packtest.PackZip("web", "1.0.0", packtest.File("note.txt", "one"))
	two := packtest.PackZip("web", "1.0.0", packtest.File("note.txt", "two"))
	e.publish(upload(one), db.Created)
	if err := e.DeleteVersion(t.Context(), ns, "web", "1.0.0", digest(two), "tester"); !pack.IsKind(err, pack.KindPrecondition) {
		t.Fatalf("deleted with a wrong If-Match: %v", err)
	}
	if err := e.DeleteVersion(t.Context(), ns, "web", "1.0.0", digest(one), "tester"); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"1.0.0", "latest", string(digest(one))} {
		_, err := e.Resolve(t.Context(), ns, "web", ref)
		wantKind(t, err, pack.KindNotFound, "")
	}
	wantKind(t, e.DeleteVersion(t.Context(), ns, "web", "1.0.0", "", "tester"), pack.KindNotFound, "")
	e.clean()
	if n := len(e.blobs()); n != 0 {
		t.Errorf("%d blobs after delete and sweep", n)
	}
	if v := e.publish(upload(two), db.Created); v.Revision != 2 {
		t.Errorf("revision %d", v.Revision)
	}
	if err := e.DeletePack(t.Context(), ns, "web", "tester"); err != nil {
		t.Fatal(err)
	}
	_, err := e.Pack(t.Context(), ns, "web")
	wantKind(t, err, pack.KindNotFound, "pack_not_found")
}

func TestUploadsThatAreRefusedLeaveNothing(t *testing.T) {
	e := embedded(t, func(c *registry.Config) { c.ArchiveLimit = 100_000 })
	body := packtest.PackZip("web", "1.0.0")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	edit := func(f func(u *registry.Upload)) registry.Upload {
		u := upload(body)
		f(&u)
		return u
	}
	for name, c := range map[string]struct {
		ctx  context.Context
		u    registry.Upload
		kind pack.Kind
		code string
	}{
		"not an archive":    {u: upload([]byte("hello, I am a text")), kind: pack.KindUnsupported},
		"empty":             {u: upload(nil), kind: pack.KindUnsupported},
		"too large":         {u: edit(func(u *registry.Upload) { u.Body = io.LimitReader(endless{}, 1<<40) }), kind: pack.KindTooLarge},
		"cut short":         {u: upload(body[:len(body)-40]), kind: pack.KindBadPack},
		"client gone":       {u: edit(func(u *registry.Upload) { u.Body = io.MultiReader(bytes.NewReader(body), broken{}) }), kind: pack.KindInvalid, code: "upload_incomplete"},
		"bad pack":          {u: upload(packtest.PackZip("web", "1.0.0", packtest.Without("values.yaml"))), kind: pack.KindBadPack},
		"bad namespace":     {u: edit(func(u *registry.Upload) { u.Namespace = "No/../Good" }), kind: pack.KindInvalid},
		"everywhere":        {u: edit(func(u *registry.Upload) { u.Namespace = pack.AllNamespaces }), kind: pack.KindInvalid},
		"odd message":       {u: edit(func(u *registry.Upload) { u.Message = "a\x00b" }), kind: pack.KindInvalid, code: "message_invalid"},
		"endless message":   {u: edit(func(u *registry.Upload) { u.Message = strings.Repeat("a", registry.MaxMessage+1) }), kind: pack.KindInvalid, code: "message_invalid"},
		"context cancelled": {ctx: cancelled, u: upload(body), kind: pack.KindInternal},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := c.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			_, err := e.Publish(ctx, c.u)
			if c.ctx != nil {
				if !errors.Is(err, context.Canceled) {
					t.Fatalf("error %v", err)
				}
			} else {
				wantKind(t, err, c.kind, c.code)
			}
			e.noSpools()
			if n := len(e.blobs()); n != 0 {
				t.Errorf("%d blobs", n)
			}
		})
	}
	_, err := e.Publish(t.Context(), upload(nil))
	wantKind(t, err, pack.KindUnsupported, "")
	if c := e.Counts(); c.Created != 0 || c.Refused == 0 {
		t.Errorf("counts: %+v", c)
	}
}

func TestCoordinatesMustMatch(t *testing.T) {
	e := embedded(t)
	u := upload(packtest.PackZip("web", "1.0.0"))
	u.Name, u.Version = "other", "2.0.0"
	_, err := e.Publish(t.Context(), u)
	if got := rules(wantKind(t, err, pack.KindBadPack, "").Findings); got != "name-mismatch version-mismatch" {
		t.Errorf("rules %q", got)
	}
	u = upload(packtest.PackZip("web", "1.0.0"))
	u.Name, u.Version = "web", "1.0.0"
	e.publish(u, db.Created)
}

func TestValidateStoresNothing(t *testing.T) {
	e := embedded(t)
	v, err := e.Validate(t.Context(), bytes.NewReader(packtest.PackZip("web", "1.0.0")))
	if err != nil || !v.Valid || v.Name != "web" || v.Version != "1.0.0" || v.Findings == nil {
		t.Errorf("%+v %v", v, err)
	}
	v, err = e.Validate(t.Context(), bytes.NewReader(packtest.PackZip("web", "1.0.0", packtest.Without("values.yaml"))))
	if err != nil || v.Valid || rules(v.Findings) == "" {
		t.Errorf("%+v %v", v, err)
	}
	_, err = e.Validate(t.Context(), strings.NewReader("no archive"))
	wantKind(t, err, pack.KindUnsupported, "")
	e.noSpools()
	if n := len(e.blobs()); n != 0 {
		t.Errorf("%d blobs", n)
	}
}

func TestOfConcurrentUploadsOneWins(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t)
		envs := []*env{e, e.replica()}
		for name, same := range map[string]bool{"same": true, "other": false} {
			const writers = 8
			outcomes := make([]string, writers)
			var start, done sync.WaitGroup
			start.Add(1)
			for i := range writers {
				note := "equal"
				if !same {
					note = fmt.Sprint(i)
				}
				body := packtest.PackZip(name, "1.0.0", packtest.File("note.txt", note))
				if i%3 == 0 {
					body = packtest.PackTarGz(name, "1.0.0", packtest.File("note.txt", note))
				}
				done.Add(1)
				go func() {
					defer done.Done()
					start.Wait()
					p, err := envs[i%len(envs)].Publish(t.Context(), upload(body))
					if err != nil {
						var known *pack.Error
						errors.As(err, &known)
						if outcomes[i] = err.Error(); known != nil {
							outcomes[i] = known.Code
						}
						return
					}
					outcomes[i] = string(p.Outcome)
				}()
			}
			start.Done()
			done.Wait()
			count := map[string]int{}
			for _, o := range outcomes {
				count[o]++
			}
			want := map[string]int{"created": 1, "version_exists": writers - 1}
			if same {
				want = map[string]int{"created": 1, "same": writers - 1}
			}
			if diff := cmp.Diff(want, count); diff != "" {
				t.Errorf("%s:\n%s", name, diff)
			}
			if v := e.resolve(name, "1.0.0"); v.Revision != 1 {
				t.Errorf("%s: revision %d", name, v.Revision)
			}
		}
		e.clean()
	})
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
