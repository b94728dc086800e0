package main

import (
	"context"
	"net/http"
	"os"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/rogpeppe/go-internal/testscript"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
)

// pushChart pushes a packed chart to the script's registry as "helm push" does: helmpush FILE REPOSITORY:TAG.
func pushChart(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: helmpush FILE REPOSITORY:TAG")
	}
	packed, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	name, tag, _ := strings.Cut(args[1], ":")
	repo, err := remote.NewRepository(ts.Getenv("ADDR") + "/" + name)
	ts.Check(err)
	repo.PlainHTTP = true
	admin := auth.Credential{Username: "admin", Password: ts.Getenv("PASSWORD")}
	repo.Client = &auth.Client{Client: http.DefaultClient, Credential: auth.StaticCredential(ts.Getenv("ADDR"), admin)}
	ctx := context.Background()
	layer, err := oras.PushBytes(ctx, repo, "application/vnd.cncf.helm.chart.content.v1.tar+gzip", packed)
	ts.Check(err)
	config, err := oras.PushBytes(ctx, repo, "application/vnd.cncf.helm.config.v1+json", []byte("{}"))
	ts.Check(err)
	desc, err := oras.PackManifest(ctx, repo, oras.PackManifestVersion1_0, "", oras.PackManifestOptions{Layers: []ocispec.Descriptor{layer}, ConfigDescriptor: &config})
	ts.Check(err)
	ts.Check(repo.Tag(ctx, desc, tag))
}
