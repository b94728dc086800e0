package deploy

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"packregistry/internal/appliance"
)

// envelope is what the test reads of a descriptor (DSP0243).
type envelope struct {
	XMLName xml.Name `xml:"http://schemas.dmtf.org/ovf/envelope/1 Envelope"`
	Files   []struct {
		ID   string `xml:"http://schemas.dmtf.org/ovf/envelope/1 id,attr"`
		Href string `xml:"http://schemas.dmtf.org/ovf/envelope/1 href,attr"`
		Size int64  `xml:"http://schemas.dmtf.org/ovf/envelope/1 size,attr"`
	} `xml:"References>File"`
	Disks    []disk `xml:"DiskSection>Disk"`
	Networks []struct {
		Name string `xml:"http://schemas.dmtf.org/ovf/envelope/1 name,attr"`
	} `xml:"NetworkSection>Network"`
	System struct {
		Hardware struct {
			Transport string `xml:"http://schemas.dmtf.org/ovf/envelope/1 transport,attr"`
			Items     []struct {
				ID         string `xml:"InstanceID"`
				Parent     string `xml:"Parent"`
				Type       int    `xml:"ResourceType"`
				Host       string `xml:"HostResource"`
				Connection string `xml:"Connection"`
				Quantity   string `xml:"VirtualQuantity"`
			} `xml:"Item"`
		} `xml:"VirtualHardwareSection"`
		Products []product `xml:"ProductSection"`
	} `xml:"VirtualSystem"`
}

type disk struct {
	ID       string `xml:"http://schemas.dmtf.org/ovf/envelope/1 diskId,attr"`
	File     string `xml:"http://schemas.dmtf.org/ovf/envelope/1 fileRef,attr"`
	Capacity int64  `xml:"http://schemas.dmtf.org/ovf/envelope/1 capacity,attr"`
}

type product struct {
	Class      string     `xml:"http://schemas.dmtf.org/ovf/envelope/1 class,attr"`
	Version    string     `xml:"Version"`
	Properties []property `xml:"Property"`
}

type property struct {
	Key          string `xml:"http://schemas.dmtf.org/ovf/envelope/1 key,attr"`
	Type         string `xml:"http://schemas.dmtf.org/ovf/envelope/1 type,attr"`
	Value        string `xml:"http://schemas.dmtf.org/ovf/envelope/1 value,attr"`
	Password     bool   `xml:"http://schemas.dmtf.org/ovf/envelope/1 password,attr"`
	Configurable bool   `xml:"http://schemas.dmtf.org/ovf/envelope/1 userConfigurable,attr"`
	Label        string `xml:"Label"`
	Description  string `xml:"Description"`
}

// ova is one that was built of an empty image.
type ova struct {
	names []string // in the order of the archive
	files map[string][]byte
	envelope
}

func build(t *testing.T) *ova {
	t.Helper()
	qemu := need(t, "qemu-img")
	dir := t.TempDir()
	image, pkg, packs := filepath.Join(dir, "image.qcow2"), filepath.Join(dir, "pack-registry_1.2.3_amd64.deb"), filepath.Join(dir, "packs")
	if out, err := exec.Command(qemu, "create", "-q", "-f", "qcow2", image, "64M").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := errors.Join(os.WriteFile(pkg, []byte("the package"), 0o600), os.Mkdir(packs, 0o700), os.WriteFile(filepath.Join(packs, "p.zip"), []byte("a pack"), 0o600)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "pack-registry.ova")
	cmd := exec.Command(filepath.Join(folder, "vmware", "build-ova.sh"), "--image", image, "--package", pkg, "--packs", packs, "--out", path,
		"--version", "1.2.3", "--disk", "3", "--cpus", "4", "--memory", "6144")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	o := &ova{files: map[string][]byte{}}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Format != tar.FormatUSTAR || h.Typeflag != tar.TypeReg {
			t.Errorf("%s is no plain file of a ustar archive: %v", h.Name, h)
		}
		o.names = append(o.names, h.Name)
		if o.files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := xml.Unmarshal(o.files["pack-registry.ovf"], &o.envelope); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestOVA builds one and looks at all that an importer looks at, and at what is on its second disk.
func TestOVA(t *testing.T) {
	o := build(t)
	if want := []string{"pack-registry.ovf", "pack-registry.mf", "pack-registry-system.vmdk", "pack-registry-payload.vmdk"}; !slices.Equal(o.names, want) {
		t.Errorf("the archive holds %v", o.names)
	}
	manifest := map[string]string{}
	for line := range strings.Lines(string(o.files["pack-registry.mf"])) {
		name, sum, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "SHA256(")), ")= ")
		if !ok {
			t.Errorf("the manifest has the line %q", line)
		}
		manifest[name] = sum
	}
	for name, data := range o.files {
		if name != "pack-registry.mf" && manifest[name] != fmt.Sprintf("%x", sha256.Sum256(data)) {
			t.Errorf("the manifest's sum of %s", name)
		}
	}
	if len(manifest) != len(o.files)-1 {
		t.Errorf("the manifest names %v", manifest)
	}
	o.checkNamespaces(t)
	o.checkDisks(t)
	o.checkHardware(t)
	o.checkPayload(t)
}

// checkNamespaces finds prefixes that nobody has declared: they stand in the place of the namespace then.
func (o *ova) checkNamespaces(t *testing.T) {
	d := xml.NewDecoder(bytes.NewReader(o.files["pack-registry.ovf"]))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		names := []xml.Name{start.Name}
		for _, a := range start.Attr {
			if a.Name.Space != "" && a.Name.Space != "xmlns" {
				names = append(names, a.Name)
			}
		}
		for _, n := range names {
			if !strings.HasPrefix(n.Space, "http://") {
				t.Errorf("%s:%s is of no namespace", n.Space, n.Local)
			}
		}
	}
}

func (o *ova) checkDisks(t *testing.T) {
	files := map[string]string{}
	for _, f := range o.Files {
		files[f.ID] = f.Href
		if int64(len(o.files[f.Href])) != f.Size || f.Size == 0 {
			t.Errorf("%s has %d bytes, the descriptor says %d", f.Href, len(o.files[f.Href]), f.Size)
		}
	}
	if len(files) != 2 || len(o.Disks) != 2 {
		t.Errorf("%d files, %d disks", len(files), len(o.Disks))
	}
	for _, d := range o.Disks {
		vmdk := o.files[files[d.File]]
		if len(vmdk) < 512 {
			t.Fatalf("the disk %s has no file", d.ID)
		}
		// Version 3 of the sparse extent header, compressed: what streamOptimized is to vSphere.
		if !bytes.HasPrefix(vmdk, []byte("KDMV\x03\x00\x00\x00")) || !bytes.Contains(vmdk[:4096], []byte(`createType="streamOptimized"`)) {
			t.Errorf("%s is no streamOptimized disk: %x", d.ID, vmdk[:16])
		}
		path := filepath.Join(t.TempDir(), "disk.vmdk")
		if err := os.WriteFile(path, vmdk, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("qemu-img", "info", "--output=json", path).Output()
		var info struct {
			Size int64 `json:"virtual-size"`
		}
		if err := errors.Join(err, json.Unmarshal(out, &info)); err != nil || info.Size != d.Capacity {
			t.Errorf("%s: capacity %d, the disk has %d: %v", d.ID, d.Capacity, info.Size, err)
		}
		if d.ID == "system" && d.Capacity != 3<<30 {
			t.Errorf("the system's disk has %d bytes", d.Capacity)
		}
	}
}

func (o *ova) checkHardware(t *testing.T) {
	types, connected, quantities := map[string]int{}, 0, map[int]string{}
	for _, i := range o.System.Hardware.Items {
		if _, twice := types[i.ID]; twice || i.ID == "" {
			t.Errorf("the instance %q is there twice, or has no name", i.ID)
		}
		types[i.ID] = i.Type
		quantities[i.Type] = i.Quantity
	}
	for _, i := range o.System.Hardware.Items {
		if i.Parent != "" && types[i.Parent] == 0 {
			t.Errorf("%s hangs on %s, which is not there", i.ID, i.Parent)
		}
		if i.Host != "" && !slices.ContainsFunc(o.Disks, func(d disk) bool { return "ovf:/disk/"+d.ID == i.Host }) {
			t.Errorf("%s is of %s, which is not there", i.ID, i.Host)
		}
		if i.Connection != "" {
			connected++
			if i.Connection != o.Networks[0].Name {
				t.Errorf("%s is connected to %s", i.ID, i.Connection)
			}
		}
	}
	if connected != 1 || quantities[3] != "4" || quantities[4] != "6144" {
		t.Errorf("%d networks, %s CPUs, %s MB", connected, quantities[3], quantities[4])
	}
	if !strings.Contains(o.System.Hardware.Transport, "com.vmware.guestInfo") {
		t.Errorf("the properties travel by %q", o.System.Hardware.Transport)
	}
}

// checkPayload reads the second disk back.
func (o *ova) checkPayload(t *testing.T) {
	debugfs, err := exec.LookPath("debugfs")
	if err != nil {
		debugfs = need(t, "/usr/sbin/debugfs")
	}
	dir := t.TempDir()
	vmdk, raw := filepath.Join(dir, "p.vmdk"), filepath.Join(dir, "p.raw")
	if err := os.WriteFile(vmdk, o.files["pack-registry-payload.vmdk"], 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("qemu-img", "convert", "-O", "raw", vmdk, raw).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for path, want := range map[string]string{"/pack-registry.deb": "the package", "/packs/p.zip": "a pack"} {
		out, err := exec.Command(debugfs, "-R", "cat "+path, raw).Output()
		if err != nil || string(out) != want {
			t.Errorf("%s on the second disk: %q %v", path, out, err)
		}
	}
	out, err := exec.Command(debugfs, "-R", "stats", raw).Output()
	if err != nil || !strings.Contains(string(out), "PACKREGISTRY") || !strings.Contains(read(t, "cloud-init", "user-data"), "blkid -L PACKREGISTRY") {
		t.Errorf("the label that user-data looks for: %v", err)
	}
}

// TestProperties: every answer is a property with a label, no secret has a value, and what vSphere makes of the form is understood by
// the set-up, and by cloud-init where it is installed.
func TestProperties(t *testing.T) {
	o := build(t)
	ours, theirs := map[string]property{}, map[string]property{}
	var env strings.Builder
	env.WriteString(`<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:oe="http://schemas.dmtf.org/ovf/environment/1" oe:id=""><PropertySection>`)
	// What a person types.
	typed := map[string]string{
		"names": "packs.example.com", "palette_url": "palette.example.com", "palette_apikey": "a&b", "public-keys": "ssh-ed25519 AAAA a@b", "hostname": "packs.example.com",
	}
	for _, p := range o.System.Products {
		into, prefix := theirs, ""
		if p.Class != "" {
			into, prefix = ours, p.Class+"."
		}
		if p.Version != "1.2.3" {
			t.Errorf("version %q", p.Version)
		}
		for _, x := range p.Properties {
			if strings.ContainsAny(x.Key, ".:") || x.Type != "string" || x.Label == "" || x.Description == "" {
				t.Errorf("the property %+v", x)
			}
			if x.Password && x.Value != "" {
				t.Errorf("the secret %s has a value", x.Key)
			}
			into[x.Key] = x
			value := x.Value
			if typed[x.Key] != "" {
				value = typed[x.Key]
			}
			env.WriteString(`<Property oe:key="` + prefix + x.Key + `" oe:value="`)
			if err := xml.EscapeText(&env, []byte(value)); err != nil {
				t.Fatal(err)
			}
			env.WriteString(`"/>`)
		}
	}
	env.WriteString("</PropertySection></Environment>")
	// On a machine of this image these are decided: the data lies on its disk, the key is not in a file.
	without := []string{"storage.data", "storage.s3.forcepathstyle", "palette.apikeyfile"}
	for _, q := range appliance.Questions() {
		p, there := ours[q.Property()]
		if there == slices.Contains(without, q.Key) || there && p.Password != q.Secret {
			t.Errorf("the answer %s as a property: %v %+v", q.Key, there, p)
		}
		delete(ours, q.Property())
	}
	for key := range ours {
		t.Errorf("nobody asks for the property %s", key)
	}
	userData, err := base64.StdEncoding.DecodeString(theirs["user-data"].Value)
	if err != nil || string(userData) != read(t, "cloud-init", "user-data") {
		t.Errorf("the user data: %v", err)
	}
	path := filepath.Join(t.TempDir(), "ovf-env.xml")
	if err := os.WriteFile(path, []byte(env.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var plan bytes.Buffer
	err = appliance.Init(context.Background(), appliance.Options{
		Root: t.TempDir(), Sources: appliance.Sources{Guest: &appliance.Guest{Tool: "no-such-program", Environment: path}}, DryRun: true,
		Now: time.Now, Out: &plan, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil || !strings.Contains(plan.String(), "a certificate for packs.example.com") || !strings.Contains(plan.String(), "palette.key") {
		t.Errorf("the plan: %v\n%s", err, plan.String())
	}
	checkCloudInit(t, path, string(userData))
}

// checkCloudInit lets the real one read the environment and the user data.
func checkCloudInit(t *testing.T, env, userData string) {
	if _, err := exec.LookPath("cloud-init"); err != nil {
		if full, _ := strconv.ParseBool(os.Getenv("REGISTRY_TEST_FULL")); full {
			t.Error(err)
		}
		t.Log("cloud-init is not installed: what it reads is not tried")
		return
	}
	const script = `
import sys, json
from cloudinit.sources import DataSourceOVF
md, ud, cfg = DataSourceOVF.read_ovf_environment(open(sys.argv[1]).read())
print(json.dumps({"name": md["local-hostname"], "keys": md["public-keys"], "data": ud.decode() if isinstance(ud, bytes) else ud, "password": cfg.get("password", "")}))
`
	out, err := exec.Command("/usr/bin/python3", "-c", script, env).Output()
	var got struct{ Name, Keys, Data, Password string }
	if err := errors.Join(err, json.Unmarshal(out, &got)); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got.Name != "packs.example.com" || got.Keys != "ssh-ed25519 AAAA a@b" || got.Data != userData || got.Password != "" {
		t.Errorf("cloud-init reads %+v", got)
	}
	file := filepath.Join(t.TempDir(), "user-data")
	if err := os.WriteFile(file, []byte(userData), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cloud-init", "schema", "--config-file", file).CombinedOutput(); err != nil {
		t.Errorf("the schema: %v\n%s", err, out)
	}
}
