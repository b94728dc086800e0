package acceptance

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"packregistry/internal/testenv"
)

// client is one of the tools, in a folder of its own and logged in.
type client struct {
	t    *testing.T
	path string
	dir  string
	env  []string
}

func newClient(t *testing.T, s *server, name string) *client {
	t.Helper()
	c := &client{t: t, path: testenv.Tool(t, name), dir: t.TempDir()}
	host := strings.TrimPrefix(s.url, "http://")
	auth := base64.StdEncoding.EncodeToString([]byte("admin:" + password))
	c.write("config.json", []byte(fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, auth)))
	c.env = append(cleanEnv(), "DOCKER_CONFIG="+c.dir, "HOME="+c.dir)
	return c
}

func (c *client) write(name string, data []byte) {
	c.t.Helper()
	if err := os.MkdirAll(filepath.Dir(filepath.Join(c.dir, name)), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.dir, name), data, 0o600); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) read(name string) []byte {
	c.t.Helper()
	b, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

// run runs the tool in its folder and returns what it printed; it must succeed.
func (c *client) run(args ...string) string {
	c.t.Helper()
	out, err := c.try(args...)
	if err != nil {
		c.t.Fatalf("%s %s: %v\n%s", filepath.Base(c.path), strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(out)
}

func (c *client) try(args ...string) (string, error) {
	cmd := exec.Command(c.path, args...)
	cmd.Dir, cmd.Env = c.dir, c.env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		return out.String() + errs.String(), err
	}
	return out.String(), nil
}

// TestORAS pulls every pack that came in over REST, pushes packs as Palette's docs say, and attaches a signature.
func TestORAS(t *testing.T) {
	set := packSet(t)
	eachBackend(t, func(t *testing.T, b backend) {
		s := start(t, b)
		c := newClient(t, s, "oras")
		host := strings.TrimPrefix(s.url, "http://")
		for _, a := range set {
			if status := s.curlUpload(t, a); status != 201 {
				t.Fatalf("upload of %s: %d", a.folder(), status)
			}
			title := a.folder() + ".tar.gz"
			c.run("pull", "--plain-http", host+"/"+a.repo("default")+":"+a.version)
			if folder, files := untar(t, c.read(title)); folder != a.folder() || !maps.Equal(files, a.files) {
				t.Errorf("%s: oras pulled other files", a.folder())
			}
		}
		for _, a := range set[:min(len(set), 15)] {
			title := a.folder() + ".tar.gz"
			data := a.tarball(t, a.folder())
			c.write(title, data)
			ref := host + "/" + a.repo("pushed") + ":" + a.version
			c.run("push", "--plain-http", "--image-spec", "v1.0", ref, title)
			zipped := s.v2("GET", a.path()+"/archive?namespace=pushed", nil).must(t, 200, "zip of "+a.folder())
			if !maps.Equal(unzip(t, zipped.body), a.files) {
				t.Errorf("%s: oras pushed other files", a.folder())
			}
			if err := os.Remove(filepath.Join(c.dir, title)); err != nil {
				t.Fatal(err)
			}
			c.run("pull", "--plain-http", ref)
			if !bytes.Equal(c.read(title), data) {
				t.Errorf("%s: oras pulled other bytes than it pushed", a.folder())
			}
		}

		a := set[0]
		ref := host + "/" + a.repo("pushed") + ":" + a.version
		c.write("signature.txt", []byte("signed"))
		c.run("attach", "--plain-http", "--artifact-type", "application/vnd.example.signature", ref, "signature.txt")
		var found struct {
			Referrers []struct{ ArtifactType string }
			Manifests []struct{ ArtifactType string }
		}
		out := c.run("discover", "--plain-http", "--format", "json", ref)
		if err := json.Unmarshal([]byte(out), &found); err != nil || len(found.Referrers)+len(found.Manifests) != 1 || !strings.Contains(out, "application/vnd.example.signature") {
			t.Errorf("discover: %v %s", err, out)
		}
		if tags := strings.Fields(c.run("repo", "tags", "--plain-http", host+"/"+a.repo("pushed"))); len(tags) != 1 || tags[0] != a.version {
			t.Errorf("tags %v", tags)
		}
		if repos := c.run("repo", "ls", "--plain-http", host); !strings.Contains(repos, a.repo("pushed")) || !strings.Contains(repos, a.repo("default")) {
			t.Errorf("repositories %s", repos)
		}

		// A bad pack: oras shows what is wrong.
		bad := archive{data: withoutValues(t, made(t, "bad", "1.0.0", "")), name: "bad", version: "1.0.0"}
		c.write("bad-1.0.0.tar.gz", bad.tarball(t, "bad"))
		out, err := c.try("push", "--plain-http", "--image-spec", "v1.0", host+"/"+bad.repo("default")+":1.0.0", "bad-1.0.0.tar.gz")
		if err == nil || !strings.Contains(out, "values.yaml") {
			t.Errorf("oras about a bad pack: %v %s", err, out)
		}
		c.write("big.bin", bytes.Repeat([]byte("0123456789abcdef"), 1<<20))
		c.run("push", "--plain-http", host+"/spectro-packs/spectro-manifests/manifest:4.5.11", "big.bin")
		c.run("cp", "--from-plain-http", "--to-plain-http", host+"/spectro-packs/spectro-manifests/manifest:4.5.11", host+"/mirror/manifest:4.5.11")
		c.run("manifest", "delete", "--plain-http", "--force", host+"/mirror/manifest:4.5.11")
		if out, err := c.try("manifest", "fetch", "--plain-http", host+"/mirror/manifest:4.5.11"); err == nil {
			t.Errorf("a deleted manifest is there: %s", out)
		}
	})
}

// TestCrane makes an image and an index, copies them and a pack, and compares digests.
func TestCrane(t *testing.T) {
	set := packSet(t)
	eachBackend(t, func(t *testing.T, b backend) {
		s := start(t, b, "REGISTRY_AUTH_ANONYMOUS=pull")
		c := newClient(t, s, "crane")
		host := strings.TrimPrefix(s.url, "http://")
		c.write("layer.tar", tarOf(t, "hello.txt", "hello"))
		image := host + "/apps/hello"
		c.run("append", "--insecure", "--oci-empty-base", "-f", "layer.tar", "-t", image+":v1")
		digest := c.run("digest", "--insecure", image+":v1")
		c.run("index", "append", "--insecure", "-m", image+"@"+digest, "-t", image+":all")
		c.run("copy", "--insecure", image+":all", host+"/mirror/of/hello:all")
		if a, b := c.run("digest", "--insecure", image+":all"), c.run("digest", "--insecure", host+"/mirror/of/hello:all"); a != b {
			t.Errorf("the copy of the index is %s, was %s", b, a)
		}
		if tags := strings.Fields(c.run("ls", "--insecure", image)); strings.Join(tags, " ") != "all v1" {
			t.Errorf("tags %v", tags)
		}
		c.run("pull", "--insecure", "--format", "oci", image+":v1", "layout")
		c.run("push", "--insecure", "layout", host+"/back/hello:v1")
		if got := c.run("digest", "--insecure", host+"/back/hello:v1"); got != digest {
			t.Errorf("pulled and pushed it is %s, was %s", got, digest)
		}
		c.run("tag", "--insecure", image+":v1", "latest")
		c.run("validate", "--insecure", "--remote", image+":latest")

		for _, a := range set[:min(len(set), 10)] {
			s.v2("POST", "/api/v1/packs", bytes.NewReader(a.data)).must(t, 201, "upload of "+a.folder())
			from, to := host+"/"+a.repo("default")+":"+a.version, host+"/"+a.repo("copied")+":"+a.version
			c.run("copy", "--insecure", from, to)
			if x, y := c.run("digest", "--insecure", from), c.run("digest", "--insecure", to); x != y {
				t.Errorf("the copy of %s is %s, was %s", a.folder(), y, x)
			}
			var v struct{ ContentDigest string }
			var w struct{ ContentDigest string }
			s.get(a.path(), &v)
			s.get(a.path()+"?namespace=copied", &w)
			if v != w {
				t.Errorf("the copy of %s has content %s, was %s", a.folder(), w, v)
			}
		}
		if out := c.run("catalog", "--insecure", host); !strings.Contains(out, "apps/hello") || !strings.Contains(out, set[0].repo("copied")) {
			t.Errorf("catalogue %s", out)
		}
		c.run("delete", "--insecure", image+"@"+digest)
		if out, err := c.try("digest", "--insecure", image+":v1"); err == nil {
			t.Errorf("a deleted image is there: %s", out)
		}

		// Without credentials: reading goes, for anonymous is pull, and writing does not.
		stranger := &client{t: t, path: c.path, dir: t.TempDir()}
		stranger.env = append(cleanEnv(), "DOCKER_CONFIG="+stranger.dir, "HOME="+stranger.dir)
		stranger.run("manifest", "--insecure", host+"/back/hello:v1")
		stranger.write("layer.tar", c.read("layer.tar"))
		if out, err := stranger.try("append", "--insecure", "--oci-empty-base", "-f", "layer.tar", "-t", image+":stranger"); err == nil {
			t.Errorf("a stranger wrote: %s", out)
		}
	})
}

func tarOf(t *testing.T, name, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestSkopeo copies an image out and in again, and a pack; strangers read.
func TestSkopeo(t *testing.T) {
	a := packSet(t)[0]
	eachBackend(t, func(t *testing.T, b backend) {
		s := start(t, b, "REGISTRY_AUTH_ANONYMOUS=pull")
		c := newClient(t, s, "skopeo")
		host := strings.TrimPrefix(s.url, "http://")
		skopeo := func(verb string, args ...string) string {
			return c.run(append([]string{"--insecure-policy", verb, "--authfile", filepath.Join(c.dir, "config.json")}, args...)...)
		}
		plain := []string{"--src-tls-verify=false", "--dest-tls-verify=false"}
		crane := newClient(t, s, "crane")
		crane.write("layer.tar", tarOf(t, "hello.txt", "hello"))
		crane.run("append", "--insecure", "--oci-empty-base", "-f", "layer.tar", "-t", host+"/apps/hello:v1")
		s.v2("POST", "/api/v1/packs", bytes.NewReader(a.data)).must(t, 201, "upload of "+a.folder())

		for from, to := range map[string]string{
			"apps/hello:v1":                     "back/hello:v1",
			a.repo("default") + ":" + a.version: a.repo("copied") + ":" + a.version,
		} {
			skopeo("copy", append(plain, "docker://"+host+"/"+from, "dir:"+filepath.Join(c.dir, strings.ReplaceAll(from, "/", "_")))...)
			skopeo("copy", append(plain, "--preserve-digests", "dir:"+filepath.Join(c.dir, strings.ReplaceAll(from, "/", "_")), "docker://"+host+"/"+to)...)
			if x, y := crane.run("digest", "--insecure", host+"/"+from), crane.run("digest", "--insecure", host+"/"+to); x != y {
				t.Errorf("%s is %s, and copied %s", from, x, y)
			}
		}
		s.v2("GET", a.path()+"?namespace=copied", nil).must(t, 200, "the copied pack over REST")
		if out := skopeo("list-tags", "--tls-verify=false", "docker://"+host+"/apps/hello"); !strings.Contains(out, `"v1"`) {
			t.Errorf("tags %s", out)
		}
		// skopeo sends an empty user and password when it is told to have none.
		c.run("--insecure-policy", "inspect", "--raw", "--no-creds", "--tls-verify=false", "docker://"+host+"/apps/hello:v1")
		if out, err := c.try("--insecure-policy", "delete", "--no-creds", "--tls-verify=false", "docker://"+host+"/apps/hello:v1"); err == nil {
			t.Errorf("a stranger deleted: %s", out)
		}
		skopeo("delete", "--tls-verify=false", "docker://"+host+"/apps/hello:v1")
		s.v2("GET", "apps/hello/manifests/v1", nil).must(t, 404, "a deleted image")
	})
}

// TestHelm pushes a chart and pulls it.
func TestHelm(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		s := start(t, b)
		c := newClient(t, s, "helm")
		host := strings.TrimPrefix(s.url, "http://")
		c.write("hello/Chart.yaml", []byte("apiVersion: v2\nname: hello\nversion: 1.2.3\n"))
		c.write("hello/templates/x.yaml", []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: hello}\n"))
		login := []string{"--registry-config", filepath.Join(c.dir, "config.json"), "--plain-http"}
		c.run("package", "hello")
		data := c.read("hello-1.2.3.tgz")
		c.write("pulled/.keep", nil) // helm makes no folder
		c.run(append([]string{"push", "hello-1.2.3.tgz", "oci://" + host + "/charts"}, login...)...)
		c.run(append([]string{"pull", "oci://" + host + "/charts/hello", "--version", "1.2.3", "-d", filepath.Join(c.dir, "pulled")}, login...)...)
		if !bytes.Equal(c.read("pulled/hello-1.2.3.tgz"), data) {
			t.Error("helm pulled another chart than it pushed")
		}
		if out := c.run(append([]string{"template", "x", "oci://" + host + "/charts/hello"}, login...)...); !strings.Contains(out, "kind: ConfigMap") {
			t.Errorf("the newest chart is %s", out)
		}
	})
}
