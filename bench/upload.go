package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
)

// packBytes is the size of a pack in the rows about packs of 40 KB.
const packBytes = 40_000

// pool is content for uploads. The sides of a round get the same, and no two rounds do.
type pool struct {
	make func() ([]archived, error)
	list []archived
	used []string
}

func (p *pool) get(side string) ([]archived, error) {
	if p.list != nil && !slices.Contains(p.used, side) {
		p.used = append(p.used, side)
		return p.list, nil
	}
	list, err := p.make()
	p.list, p.used = list, []string{side}
	return list, err
}

// madePacks makes n packs: fifty names, so that there are versions as well as packs.
func madePacks(n int) ([]archived, error) {
	list := make([]archived, n)
	seed := rand.Uint64()
	for i := range list {
		var err error
		if list[i], err = packZip(fmt.Sprintf("bench-%d", i%50), fmt.Sprintf("1.%d.0", i/50), packBytes, seed+uint64(i)); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// uploadOurs uploads until the time or the content is over, and reads some back.
func (b *bench) uploadOurs(ctx context.Context, s *server, clients int, list []archived) (sample, error) {
	c := client(clients)
	defer c.CloseIdleConnections()
	var next atomic.Int64
	m, err := b.load(ctx, s, clients, func(ctx context.Context, _, _ int) error {
		i := int(next.Add(1)) - 1
		if i >= len(list) {
			return errEnough
		}
		_, _, err := expect(ctx, c, s, http.MethodPost, "/api/v1/packs", nil, list[i].bytes, http.StatusCreated)
		return err
	})
	if err != nil {
		return m, err
	}
	return m, eachSample(list, int(next.Load()), clients, func(a archived) error {
		return check(ctx, s, request{path: "/api/v1/packs/" + a.name + "/versions/" + a.version + "/archive", status: http.StatusOK, sha256: a.hex}, 1)
	})
}

// eachSample looks at some of what was surely uploaded.
func eachSample(list []archived, uploaded, clients int, look func(archived) error) error {
	n := min(len(list), uploaded-2*clients)
	for i := 0; i < n; i += max(1, n/8) {
		if err := look(list[i]); err != nil {
			return err
		}
	}
	return nil
}

// uploadDocker does the same with docker-registry, in as few requests as a client can do with: the layer in one piece, a
// look at the configuration, which every repository has from before the clock runs, and the manifest.
func (b *bench) uploadDocker(ctx context.Context, s *server, clients int, list []archived) (sample, error) {
	c := client(clients)
	defer c.CloseIdleConnections()
	seen := map[string]bool{}
	for _, a := range list {
		if !seen[a.name] {
			seen[a.name] = true
			if err := configDocker(ctx, c, s, a.name); err != nil {
				return sample{}, err
			}
		}
	}
	if err := waitIdle(idleLimit, b.patience()); err != nil {
		return sample{}, err
	}
	var next atomic.Int64
	m, err := b.load(ctx, s, clients, func(ctx context.Context, _, _ int) error {
		i := int(next.Add(1)) - 1
		if i >= len(list) {
			return errEnough
		}
		return pushDocker(ctx, c, s, list[i])
	})
	if err != nil {
		return m, err
	}
	return m, eachSample(list, int(next.Load()), clients, func(a archived) error {
		return check(ctx, s, request{path: "/v2/" + a.name + "/blobs/sha256:" + a.hex, status: http.StatusOK, sha256: a.hex}, 1)
	})
}

const emptyConfig = "{}"

func blobDocker(ctx context.Context, c *http.Client, s *server, name string, data []byte, hex string) error {
	h, _, err := expect(ctx, c, s, http.MethodPost, "/v2/"+name+"/blobs/uploads/", nil, nil, http.StatusAccepted)
	if err != nil {
		return err
	}
	at := h.Get("Location")
	separator := "?"
	if strings.Contains(at, "?") {
		separator = "&"
	}
	_, _, err = expect(ctx, c, s, http.MethodPut, at+separator+"digest=sha256:"+hex, http.Header{"Content-Type": {"application/octet-stream"}}, data, http.StatusCreated)
	return err
}

// configDocker pushes the configuration to a repository.
func configDocker(ctx context.Context, c *http.Client, s *server, name string) error {
	config := newArchived("", "", []byte(emptyConfig))
	return blobDocker(ctx, c, s, name, config.bytes, config.hex)
}

func pushDocker(ctx context.Context, c *http.Client, s *server, a archived) error {
	if err := blobDocker(ctx, c, s, a.name, a.bytes, a.hex); err != nil {
		return err
	}
	config := newArchived("", "", []byte(emptyConfig))
	if _, _, err := expect(ctx, c, s, http.MethodHead, "/v2/"+a.name+"/blobs/sha256:"+config.hex, nil, nil, http.StatusOK); err != nil {
		return err
	}
	kind := "application/vnd.oci.image.manifest.v1+json"
	_, _, err := expect(ctx, c, s, http.MethodPut, "/v2/"+a.name+"/manifests/"+a.version, http.Header{"Content-Type": {kind}}, dockerManifest(a.hex, len(a.bytes), config.hex, a.name+"-"+a.version), http.StatusCreated)
	return err
}

func dockerManifest(layer string, size int, config, title string) []byte {
	return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.unknown.config.v1+json","digest":"sha256:%s","size":%d},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":%d,"annotations":{"org.opencontainers.image.title":"%s.tar.gz"}}]}`,
		config, len(emptyConfig), layer, size, title)
}

// onOurs is a side: a load on our server, started anew.
func (b *bench) onOurs(name string, o ours, do func(ctx context.Context, s *server) (map[string]sample, error)) side {
	return side{name, func(ctx context.Context, _ int) (map[string]sample, error) {
		s, err := b.startOurs(ctx, o)
		return b.used(ctx, s, err, do)
	}}
}

// onDocker is the same for docker-registry on an empty folder.
func (b *bench) onDocker(name string, cost int, do func(ctx context.Context, s *server) (map[string]sample, error)) side {
	return side{name, func(ctx context.Context, _ int) (map[string]sample, error) {
		dir, err := b.fresh("docker-data")
		if err != nil {
			return nil, err
		}
		s, err := b.startDocker(ctx, dir, cost)
		if err == nil {
			s.after = append(s.after, func() { removeAll(dir) })
		}
		return b.used(ctx, s, err, do)
	}}
}

// used does something with a server that was started and stops it.
func (b *bench) used(ctx context.Context, s *server, err error, do func(ctx context.Context, s *server) (map[string]sample, error)) (map[string]sample, error) {
	if err != nil {
		return nil, err
	}
	if err := waitIdle(idleLimit, b.patience()); err != nil {
		return nil, joined(err, s.stop())
	}
	m, err := do(ctx, s)
	if err != nil {
		return nil, joined(fmt.Errorf("%w\n%s", err, s.tail()), s.stop())
	}
	return m, s.stop()
}

// one names a single load.
func one(load string, m sample, err error) (map[string]sample, error) {
	return map[string]sample{load: m}, err
}

func (b *bench) uploadGroups() []group {
	n := int(2500 * b.seconds / 2)
	made := func(n int) *pool { return &pool{make: func() ([]archived, error) { return madePacks(n) }} }
	eight, single := made(n), made(n/2)
	upload := func(p *pool, name string, clients int, do func(context.Context, *server, int, []archived) (sample, error)) func(context.Context, *server) (map[string]sample, error) {
		return func(ctx context.Context, s *server) (map[string]sample, error) {
			list, err := p.get(name)
			if err != nil {
				return nil, err
			}
			m, err := do(ctx, s, clients, list)
			return one("upload", m, err)
		}
	}
	both := func(peer string) []key { return []key{{"ours", "upload"}, {peer, "upload"}} }
	groups := []group{
		{
			row: 1, name: "eight", title: "upload of 40 KB packs, 8 clients, htpasswd of cost 5",
			notes: []string{"docker-registry syncs nothing to the disk and does not look into a pack; ours does both before it answers."},
			sides: []side{
				b.onOurs("ours", ours{cost: 5}, upload(eight, "ours", 8, b.uploadOurs)),
				b.onDocker("docker-registry", 5, upload(eight, "docker-registry", 8, b.uploadDocker)),
				b.onOurs("ours, Postgres and S3", ours{cost: 5, production: true}, upload(eight, "production", 8, b.uploadOurs)),
			},
			checks: []checked{{id: "1.upload-8", of: both("docker-registry")}, {"1.cpu-8", both("docker-registry"), ratioOfCPU}},
		},
		{
			row: 1, name: "one", title: "upload of 40 KB packs, one client, docker-registry without authentication",
			sides: []side{
				b.onOurs("ours", ours{}, upload(single, "ours", 1, b.uploadOurs)),
				b.onDocker("docker-registry, open", 0, upload(single, "docker-registry", 1, b.uploadDocker)),
			},
			checks: []checked{{id: "1.upload-1", of: both("docker-registry, open")}, {"1.cpu-1", both("docker-registry, open"), ratioOfCPU}},
		},
	}
	if paths, err := filepath.Glob(filepath.Join(b.packs, "*.zip")); err == nil && len(paths) > 0 {
		real := &pool{make: func() ([]archived, error) { return realPacks(b.packs, rand.Int64N(1e9)) }}
		groups = append(groups, group{
			row: 1, name: "real", title: fmt.Sprintf("upload of %d real packs, each as a new version, 8 clients, htpasswd of cost 5", len(paths)),
			sides: []side{
				b.onOurs("ours", ours{cost: 5}, upload(real, "ours", 8, b.uploadOurs)),
				b.onDocker("docker-registry", 5, upload(real, "docker-registry", 8, b.uploadDocker)),
				b.onOurs("ours, Postgres and S3", ours{cost: 5, production: true}, upload(real, "production", 8, b.uploadOurs)),
			},
		})
	}
	return groups
}
