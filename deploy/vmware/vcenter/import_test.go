// Package vcenter imports the OVA into a simulated vCenter, with the commands of docs/vmware.md. It is a module of its own: the product
// needs nothing of VMware's. make vcenter runs it.
package vcenter

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/cli"
	_ "github.com/vmware/govmomi/cli/importx"
	_ "github.com/vmware/govmomi/cli/vm"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// govc runs a command as the program of that name does, and returns what it prints.
func govc(t *testing.T, args ...string) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan []byte)
	go func() { text, _ := io.ReadAll(r); read <- text }()
	stdout := os.Stdout
	os.Stdout = w
	code := cli.Run(args)
	os.Stdout = stdout
	_ = w.Close()
	text := <-read
	if code != 0 {
		t.Fatalf("govc %s: %d\n%s", strings.Join(args, " "), code, text)
	}
	return string(text)
}

func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	image, pkg, ova := filepath.Join(dir, "image.qcow2"), filepath.Join(dir, "p.deb"), filepath.Join(dir, "pack-registry.ova")
	if out, err := exec.Command("qemu-img", "create", "-q", "-f", "qcow2", image, "64M").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.WriteFile(pkg, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("../build-ova.sh", "--image", image, "--package", pkg, "--out", ova, "--disk", "3").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return ova
}

func TestImport(t *testing.T) {
	ova := build(t)
	model := simulator.VPX()
	if err := model.Create(); err != nil {
		t.Fatal(err)
	}
	defer model.Remove()
	server := model.Service.NewServer()
	defer server.Close()
	t.Setenv("GOVC_URL", server.URL.String())
	t.Setenv("GOVC_INSECURE", "true")
	t.Setenv("GOVC_DATASTORE", "LocalDS_0")
	t.Setenv("GOVC_NETWORK", "VM Network")
	t.Setenv("GOVC_RESOURCE_POOL", "DC0_C0/Resources")
	t.Setenv("GOVMOMI_HOME", t.TempDir())

	// The form, filled in as the guide does it.
	var form struct {
		DiskProvisioning string
		PropertyMapping  []struct{ Key, Value string }
		NetworkMapping   []struct{ Name, Network string }
		PowerOn          bool
		Name             *string
	}
	if err := json.Unmarshal([]byte(govc(t, "import.spec", ova)), &form); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"registry.names": "packs.example.com,10.0.0.5", "registry.palette_url": "palette.example.com", "registry.palette_apikey": "a key", "hostname": "packs"}
	found := 0
	for i := range form.PropertyMapping {
		if v, ok := want[form.PropertyMapping[i].Key]; ok {
			form.PropertyMapping[i].Value = v
			found++
		}
	}
	if found != len(want) {
		t.Fatalf("the form asks for %+v", form.PropertyMapping)
	}
	name := "packs"
	form.Name, form.DiskProvisioning = &name, "thin"
	form.NetworkMapping[0].Network = "VM Network"
	options := filepath.Join(t.TempDir(), "packs.json")
	text, err := json.Marshal(form)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(options, text, 0o600); err != nil {
		t.Fatal(err)
	}
	govc(t, "import.ova", "-options="+options, ova)
	govc(t, "vm.change", "-vm", name, "-c", "4", "-m", "8192")
	govc(t, "vm.change", "-vm", name, "-e", "guestinfo.registry.palette_url=https://palette.example.com")
	govc(t, "vm.power", "-on", name)
	if out := govc(t, "vm.info", name); !strings.Contains(out, "poweredOn") {
		t.Errorf("vm.info:\n%s", out)
	}

	// What vCenter has made of it.
	ctx := context.Background()
	client, err := govmomi.NewClient(ctx, server.URL, true)
	if err != nil {
		t.Fatal(err)
	}
	vm, err := find.NewFinder(client.Client).VirtualMachine(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	var made mo.VirtualMachine
	if err := property.DefaultCollector(client.Client).RetrieveOne(ctx, vm.Reference(), []string{"config"}, &made); err != nil {
		t.Fatal(err)
	}
	disks := 0
	for _, d := range made.Config.Hardware.Device {
		if _, ok := d.(*types.VirtualDisk); ok {
			disks++
		}
	}
	if disks != 2 || made.Config.Hardware.NumCPU != 4 || made.Config.Hardware.MemoryMB != 8192 {
		t.Errorf("%d disks, %d CPUs, %d MB", disks, made.Config.Hardware.NumCPU, made.Config.Hardware.MemoryMB)
	}
	if made.Config.VAppConfig == nil {
		t.Fatal("no properties were kept")
	}
	var out bytes.Buffer
	for _, p := range made.Config.VAppConfig.GetVmConfigInfo().Property {
		key := p.Id
		if p.ClassId != "" {
			key = p.ClassId + "." + p.Id
		}
		if v, ok := want[key]; ok {
			if p.Value != v {
				t.Errorf("%s is %q, want %q", key, p.Value, v)
			}
			delete(want, key)
		}
		out.WriteString(key + " ")
	}
	if len(want) > 0 {
		t.Errorf("%v was not kept of %s", want, out.String())
	}
}
