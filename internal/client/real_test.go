package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"packregistry/internal/certs"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
)

func publish(t *testing.T, c *Client, p Publication, archive []byte) (*pack.Version, bool, error) {
	t.Helper()
	p.Archive, p.Size, p.Format = bytes.NewReader(archive), int64(len(archive)), pack.FormatZip
	return c.Publish(t.Context(), p)
}

// TestRealRegistry does with a real server what its users do.
func TestRealRegistry(t *testing.T) {
	ctx := t.Context()
	c, _ := newClient(t, Options{Server: registry(t), Namespace: "team/edge"})
	archive := packtest.PackZip("alpha", "1.2.0")

	v, created, err := publish(t, c, Publication{}, archive)
	if err != nil || !created || v.Name != "alpha" || v.Namespace != "team/edge" || v.Revision != 1 {
		t.Fatalf("%+v, %v, %v", v, created, err)
	}
	if again, created, err := publish(t, c, Publication{}, archive); err != nil || created || again.Digest != v.Digest {
		t.Errorf("the same again: %v, %v", created, err)
	}
	other := packtest.PackZip("alpha", "1.2.0", packtest.File("README.md", "other\n"))
	var known *pack.Error
	if _, _, err := publish(t, c, Publication{}, other); !errors.As(err, &known) || known.Kind != pack.KindConflict || known.Code != "version_exists" {
		t.Errorf("other content: %v", err)
	}
	if _, _, err := publish(t, c, Publication{New: true}, archive); !pack.IsKind(err, pack.KindPrecondition) {
		t.Errorf("not new: %v", err)
	}
	if moved, created, err := publish(t, c, Publication{Force: true, Message: "better words"}, other); err != nil || !created || moved.Revision != 2 || moved.Message != "better words" {
		t.Errorf("forced: %+v, %v, %v", moved, created, err)
	}
	if _, _, err := publish(t, c, Publication{}, packtest.PackZip("beta", "1.0.0", packtest.Without("values.yaml"))); !errors.As(err, &known) || known.Kind != pack.KindBadPack || len(known.Findings) == 0 {
		t.Errorf("a bad pack: %v", err)
	}

	if page, err := c.Search(ctx, Query{Text: "alph", Layers: []string{"addon"}, Facets: true}); err != nil || len(page.Items) != 1 || page.Facets == nil {
		t.Errorf("search: %+v, %v", page, err)
	}
	if page, err := c.In("default").Search(ctx, Query{}); err != nil || len(page.Items) != 0 {
		t.Errorf("another namespace: %+v, %v", page, err)
	}
	if p, err := c.Pack(ctx, "alpha"); err != nil || p.Latest != "1.2.0" || len(p.Versions) != 1 {
		t.Errorf("pack: %+v, %v", p, err)
	}
	if _, err := c.Pack(ctx, "nothing"); !pack.IsKind(err, pack.KindNotFound) {
		t.Errorf("no pack: %v", err)
	}
	if tag, err := c.SetTag(ctx, "alpha", "stable", "1.2.0"); err != nil || tag.Version != "1.2.0" {
		t.Errorf("tag: %+v, %v", tag, err)
	}
	now, err := c.Version(ctx, "alpha", "stable")
	if err != nil || now.Revision != 2 {
		t.Fatalf("version: %+v, %v", now, err)
	}
	files, err := c.Files(ctx, now)
	if err != nil || len(files) == 0 {
		t.Errorf("files: %v, %v", files, err)
	}
	if r, err := c.File(ctx, now, "README.md"); err != nil {
		t.Errorf("file: %v", err)
	} else if text, err := io.ReadAll(r); err != nil || string(text) != "other\n" || r.Close() != nil {
		t.Errorf("file: %q, %v", text, err)
	}
	// The first revision stays, by its digest.
	for want, of := range map[*pack.Version][]byte{v: archive, now: other} {
		if got, err := read(t, c, want); err != nil || !bytes.Equal(got, of) {
			t.Errorf("archive: %d bytes, %v", len(got), err)
		}
	}
	changes, err := c.Changes(ctx, "", 100, 0)
	if err != nil || len(changes.Changes) != 3 || changes.Cursor == "" {
		t.Errorf("changes: %+v, %v", changes, err)
	}
	if err := c.DeleteTag(ctx, "alpha", "stable"); err != nil {
		t.Error(err)
	}
	if err := c.DeleteVersion(ctx, "alpha", "1.2.0", v.Digest); !pack.IsKind(err, pack.KindPrecondition) {
		t.Errorf("deletion of what was replaced: %v", err)
	}
	if err := c.DeleteVersion(ctx, "alpha", "1.2.0", now.Digest); err != nil {
		t.Error(err)
	}
	if err := c.DeletePack(ctx, "alpha"); !pack.IsKind(err, pack.KindNotFound) {
		t.Errorf("deletion of nothing: %v", err)
	}

	wrong, naps := newClient(t, Options{Server: c.Server(), Username: "admin", Password: "not it"})
	if _, err := wrong.Search(ctx, Query{}); !pack.IsKind(err, pack.KindUnauthorized) || len(naps.all) > 0 {
		t.Errorf("wrong password: %v, %d waits", err, len(naps.all))
	}
}

// TestRealRegistryBehindBrokenWires fetches a large archive through a wire that breaks after every 300,000 bytes.
func TestRealRegistryBehindBrokenWires(t *testing.T) {
	server := registry(t)
	c, _ := newClient(t, Options{Server: server})
	noise := strings.Builder{}
	for i := range 200_000 {
		fmt.Fprintf(&noise, "%x ", i*2654435761%4294967291)
	}
	archive := packtest.PackZip("large", "1.0.0", packtest.File("charts/noise.txt", noise.String()))
	v, _, err := publish(t, c, Publication{}, archive)
	if err != nil {
		t.Fatal(err)
	}
	if v.Size < 900_000 {
		t.Fatalf("only %d bytes", v.Size)
	}
	through := proxyTCP(t, server, func(client, server net.Conn) {
		go func() { _, _ = io.Copy(server, client); server.Close() }()
		_, _ = io.CopyN(client, server, 300_000)
	})
	far, _ := newClient(t, Options{Server: through})
	got, err := read(t, far, v)
	if err != nil || !bytes.Equal(got, archive) {
		t.Fatalf("%d of %d bytes, %v", len(got), len(archive), err)
	}
}

// TestRealRegistryByTLS trusts a private authority, or nothing.
func TestRealRegistryByTLS(t *testing.T) {
	ca := authority(t, time.Now(), "localhost", "127.0.0.1")
	addr := registry(t, "REGISTRY_HTTP_TLS_CERTIFICATE="+ca.Path(certs.CertFile), "REGISTRY_HTTP_TLS_KEY="+ca.Path(certs.KeyFile), "REGISTRY_HTTP_PREFIX=/packs")
	for server, o := range map[string]Options{
		"https://" + addr + "/packs": {CAFiles: []string{ca.Path(certs.CAFile)}},
		addr + "/packs/":             {CAFiles: []string{ca.Path(certs.CAFile)}},
		"http://" + addr + "/packs":  {Insecure: true},
	} {
		o.Server = server
		c, _ := newClient(t, o)
		if _, err := c.In(pack.AllNamespaces).Search(t.Context(), Query{Limit: 1}); err != nil {
			t.Errorf("%s: %v", server, err)
		}
		archive := packtest.PackZip("alpha", "1.0.0")
		if v, _, err := publish(t, c, Publication{}, archive); err != nil {
			t.Errorf("%s: %v", server, err)
		} else if got, err := read(t, c, v); err != nil || !bytes.Equal(got, archive) {
			t.Errorf("%s: %d bytes, %v", server, len(got), err)
		}
		base := c.place.base.Load()
		if want := (&url.URL{Scheme: "https", Host: addr, Path: "/packs"}); base.String() != want.String() {
			t.Errorf("%s was asked at %s", server, base)
		}
	}
	c, _ := newClient(t, Options{Server: addr + "/packs"})
	if _, err := c.Search(t.Context(), Query{}); kindOfError(err) != "network" || !strings.Contains(err.Error(), "not trusted") {
		t.Error(err)
	}
	c, _ = newClient(t, Options{Server: addr, Insecure: true})
	if _, err := c.Search(t.Context(), Query{}); !pack.IsKind(err, pack.KindNotFound) || !strings.Contains(err.Error(), "/packs/") {
		t.Errorf("without the prefix: %v", err)
	}
}
