// Package importer publishes every pack of a folder tree: archives as they are, pack directories packed first. It
// goes through the core like any upload, so each pack is checked in full and nothing is true that is not durable.
//
// It may be stopped and started again: what is there already with the same content is left alone.
package importer

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
	"packregistry/internal/pack/bundle"
	"packregistry/internal/registry"
)

// Publisher takes packs in; *registry.Registry is one.
type Publisher interface {
	Publish(ctx context.Context, u registry.Upload) (*registry.Published, error)
}

// Options say what is imported and how.
type Options struct {
	To        Publisher
	Folder    string
	Namespace string
	By        string
	// Force lets the content of a version that is there move, and needs a Message.
	Force   bool
	Message string
	// AtOnce is how many packs are in flight.
	AtOnce int
	// Limits bound a pack directory; archives have the publisher's.
	Limits archive.Limits
	Now    func() time.Time
}

// Summary is what became of a folder.
type Summary struct {
	Folder   string    `json:"folder"`
	Found    int       `json:"found"` // archives and pack directories
	Created  int       `json:"created"`
	Replaced int       `json:"replaced"`
	Same     int       `json:"same"` // there already
	Failed   int       `json:"failed"`
	Bytes    int64     `json:"bytes"` // of the archives that are in the registry now
	Seconds  float64   `json:"seconds"`
	Failures []Failure `json:"failures"` // in order of their sources
}

// Failure is a pack that was not taken.
type Failure struct {
	Source   string         `json:"source"` // below the folder, with slashes
	Code     string         `json:"code"`
	Message  string         `json:"message"`
	Findings []pack.Finding `json:"findings,omitempty"`
}

// Import publishes what lies in the folder. A pack that is not taken is listed in the summary and the import goes on;
// what every further pack would meet as well, such as a full disk, ends it with an error. The summary tells in
// any case what became of the packs until then.
func Import(ctx context.Context, o Options) (*Summary, error) {
	// A link to a folder is that folder; links below it are not followed, so that the way ends.
	folder, err := filepath.EvalSymlinks(o.Folder)
	if err == nil {
		var fi os.FileInfo
		if fi, err = os.Stat(folder); err == nil && !fi.IsDir() {
			err = errors.New("it is no folder")
		}
	}
	s := &Summary{Folder: o.Folder, Failures: []Failure{}}
	if err != nil {
		return s, pack.Wrap(pack.KindInvalid, err, "the folder %s cannot be read", o.Folder)
	}
	start := o.Now()
	i := &run{o: o, folder: folder, s: s}
	err = i.all(ctx)
	s.Seconds = o.Now().Sub(start).Seconds()
	slices.SortFunc(s.Failures, func(a, b Failure) int { return strings.Compare(a.Source, b.Source) })
	if err == nil && s.Found == 0 {
		err = pack.Errorf(pack.KindNotFound, "", "there is no pack in %s: an archive ends in .zip, .tar.gz or .tgz, and a pack directory has a pack.json", o.Folder)
	}
	return s, err
}

// run is an import under way.
type run struct {
	o      Options
	folder string

	mu sync.Mutex
	s  *Summary
}

// all finds sources and publishes them, AtOnce at a time.
func (i *run) all(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	sources := make(chan source)
	var workers sync.WaitGroup
	for range max(1, i.o.AtOnce) {
		workers.Go(func() {
			for src := range sources {
				if err := i.one(ctx, src); err != nil {
					cancel(err)
				}
			}
		})
	}
	err := i.find(ctx, sources)
	close(sources)
	workers.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// one publishes a source; its error is one that ends the import.
func (i *run) one(ctx context.Context, src source) error {
	if ctx.Err() != nil {
		return nil
	}
	body, err := src.open(ctx, i.o.Limits)
	var p *registry.Published
	if err == nil {
		p, err = i.o.To.Publish(ctx, registry.Upload{
			Namespace: i.o.Namespace, Body: body, Force: i.o.Force, Message: i.o.Message, By: i.o.By,
		})
		body.Close()
	}
	if err != nil {
		return i.failed(ctx, src.name, err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.s.Found++
	i.s.Bytes += p.Version.Size
	switch p.Outcome {
	case db.Same:
		i.s.Same++
	case db.Replaced:
		i.s.Replaced++
	default:
		i.s.Created++
	}
	return nil
}

// failed notes a pack that was not taken; the error of what is not the pack's fault is given back.
func (i *run) failed(ctx context.Context, name string, err error) error {
	var known *pack.Error
	if !errors.As(err, &known) || ctx.Err() != nil {
		return err
	}
	switch known.Kind {
	case pack.KindBadPack, pack.KindUnsupported, pack.KindTooLarge, pack.KindConflict, pack.KindPrecondition, pack.KindInvalid:
	default:
		return err
	}
	f := Failure{Source: name, Code: known.Code, Message: known.Message}
	if f.Code == "" {
		f.Code = string(known.Kind)
	}
	for _, finding := range known.Findings {
		if finding.Severity == pack.SeverityError {
			f.Findings = append(f.Findings, finding)
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.s.Found++
	i.s.Failed++
	i.s.Failures = append(i.s.Failures, f)
	return nil
}

// source is a pack in the folder.
type source struct {
	path      string
	name      string // below the folder, with slashes
	directory bool
}

// open gives the bytes of its archive.
func (src source) open(ctx context.Context, limits archive.Limits) (io.ReadCloser, error) {
	if !src.directory {
		f, err := os.Open(src.path)
		if err != nil {
			return nil, unreadable(err)
		}
		return f, nil
	}
	r, w := io.Pipe()
	// It ends when all is written or the reader is closed.
	go func() { w.CloseWithError(bundle.Write(ctx, w, src.path, limits)) }()
	return r, nil
}

func unreadable(err error) error {
	var at *os.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return pack.Wrap(pack.KindInvalid, err, "it cannot be read: %s", err)
}
