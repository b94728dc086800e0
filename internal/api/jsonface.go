package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"packregistry/internal/api/gen"
	"packregistry/internal/pack"
	"packregistry/internal/registry"
)

// jsonFace answers the routes that take and give JSON. The generated code around
// it parses the request and encodes the answer.
type jsonFace struct{ s *server }

var _ gen.StrictServerInterface = (*jsonFace)(nil)

// SearchPacks finds packs, and says in Link where the next page is.
func (f *jsonFace) SearchPacks(ctx context.Context, req gen.SearchPacksRequestObject) (gen.SearchPacksResponseObject, error) {
	q, err := queryOf(req.Params)
	if err != nil {
		return nil, err
	}
	page, err := f.s.cfg.Registry.Search(ctx, q)
	if err != nil {
		return nil, err
	}
	answer := gen.SearchPacks200JSONResponse{Body: gen.SearchPage{
		Items: page.Items, Facets: page.Facets, Next: page.Next,
	}}
	if answer.Body.Items == nil {
		answer.Body.Items = []pack.Version{}
	}
	if answer.Body.Facets == nil {
		answer.Body.Facets = map[string][]gen.FacetValue{}
	}
	if q.Facets {
		answer.Body.Total, answer.Body.Estimated = &page.Total, &page.Estimated
	}
	if page.Next != "" {
		query := callOf(ctx).request.URL.Query()
		query.Set("cursor", page.Next)
		link := "<" + f.s.cfg.Prefix + "/api/v1/packs?" + query.Encode() + `>; rel="next"`
		answer.Headers.Link = &link
	}
	return answer, nil
}

// GetPack gives a pack whole.
func (f *jsonFace) GetPack(ctx context.Context, req gen.GetPackRequestObject) (gen.GetPackResponseObject, error) {
	p, err := f.s.cfg.Registry.Pack(ctx, orDefault(value(req.Params.Namespace)), req.Name)
	if err != nil {
		return nil, err
	}
	return gen.GetPack200JSONResponse(*p), nil
}

// DeletePack removes all versions of a pack.
func (f *jsonFace) DeletePack(ctx context.Context, req gen.DeletePackRequestObject) (gen.DeletePackResponseObject, error) {
	err := f.s.cfg.Registry.DeletePack(ctx, orDefault(value(req.Params.Namespace)), req.Name, callOf(ctx).user)
	if err != nil {
		return nil, err
	}
	return gen.DeletePack204Response{}, nil
}

// GetVersion gives the version document.
func (f *jsonFace) GetVersion(ctx context.Context, req gen.GetVersionRequestObject) (gen.GetVersionResponseObject, error) {
	v, err := f.s.cfg.Registry.Resolve(ctx, orDefault(value(req.Params.Namespace)), req.Name, req.Ref)
	if err != nil {
		return nil, err
	}
	// Where the packs of a private registry are shown is nobody's business who does not say who asks.
	if p := f.s.cfg.Palette; p != nil && callOf(ctx).user != "" {
		if v.VisibleIn, err = p.VisibleIn(ctx, v); err != nil {
			return nil, err
		}
	}
	return gen.GetVersion200JSONResponse(*v), nil
}

// DeleteVersion removes a version with all its revisions.
func (f *jsonFace) DeleteVersion(ctx context.Context, req gen.DeleteVersionRequestObject) (gen.DeleteVersionResponseObject, error) {
	match, err := ifMatch(value(req.Params.IfMatch))
	if err != nil {
		return nil, err
	}
	if match == "*" { // "whatever is there": what is not there is not found anyway
		match = ""
	}
	err = f.s.cfg.Registry.DeleteVersion(ctx, orDefault(value(req.Params.Namespace)), req.Name, req.Ref, match, callOf(ctx).user)
	if err != nil {
		return nil, err
	}
	return gen.DeleteVersion204Response{}, nil
}

// ListFiles lists the files of a version.
func (f *jsonFace) ListFiles(ctx context.Context, req gen.ListFilesRequestObject) (gen.ListFilesResponseObject, error) {
	v, err := f.s.cfg.Registry.Resolve(ctx, orDefault(value(req.Params.Namespace)), req.Name, req.Ref)
	if err != nil {
		return nil, err
	}
	files, err := f.s.cfg.Registry.Files(ctx, v)
	if err != nil {
		return nil, err
	}
	if files == nil {
		files = []pack.File{}
	}
	return gen.ListFiles200JSONResponse{Files: files}, nil
}

// ListTags lists the tags of a pack.
func (f *jsonFace) ListTags(ctx context.Context, req gen.ListTagsRequestObject) (gen.ListTagsResponseObject, error) {
	p, err := f.s.cfg.Registry.Pack(ctx, orDefault(value(req.Params.Namespace)), req.Name)
	if err != nil {
		return nil, err
	}
	if p.Tags == nil {
		p.Tags = []pack.Tag{}
	}
	return gen.ListTags200JSONResponse{Tags: p.Tags}, nil
}

// SetTag points a hand-set tag at a version.
func (f *jsonFace) SetTag(ctx context.Context, req gen.SetTagRequestObject) (gen.SetTagResponseObject, error) {
	if req.Body == nil || req.Body.Version == "" {
		return nil, pack.Errorf(pack.KindInvalid, "version_required", `the body must name the version: {"version": "1.2.3"}`)
	}
	err := f.s.cfg.Registry.SetTag(ctx, orDefault(value(req.Params.Namespace)), req.Name, req.Tag, req.Body.Version, callOf(ctx).user)
	if err != nil {
		return nil, err
	}
	return gen.SetTag200JSONResponse{Tag: req.Tag, Version: req.Body.Version, Kind: pack.TagCustom}, nil
}

// DeleteTag removes a hand-set tag.
func (f *jsonFace) DeleteTag(ctx context.Context, req gen.DeleteTagRequestObject) (gen.DeleteTagResponseObject, error) {
	err := f.s.cfg.Registry.DeleteTag(ctx, orDefault(value(req.Params.Namespace)), req.Name, req.Tag, callOf(ctx).user)
	if err != nil {
		return nil, err
	}
	return gen.DeleteTag204Response{}, nil
}

// ListChanges reads the feed, and holds an empty answer for wait seconds.
func (f *jsonFace) ListChanges(ctx context.Context, req gen.ListChangesRequestObject) (gen.ListChangesResponseObject, error) {
	limit, err := bounded(req.Params.Limit, "limit", 1, maxChanges, askedChanges)
	if err != nil {
		return nil, err
	}
	wait, err := bounded(req.Params.Wait, "wait", 0, maxWait, 0)
	if err != nil {
		return nil, err
	}
	since, namespace := value(req.Params.Since), orDefault(value(req.Params.Namespace))
	c, err := f.s.consumer(ctx, namespace, value(req.Params.Consumer))
	if err != nil {
		return nil, err
	}
	text := append(f.s.texts.Get().([]byte)[:0], `{"changes":[`...)
	begin := len(text)
	write := func(c *pack.Change) {
		if len(text) > begin {
			text = append(text, ',')
		}
		text = c.AppendJSON(text)
	}
	cursor, err := f.s.cfg.Registry.EachChange(ctx, since, namespace, limit, 0, write)
	if err != nil {
		return nil, err
	}
	// Before it is held: that the reader has everything up to since is known by its asking.
	if since == registry.Now {
		since = cursor
	}
	c.read(since)
	if wait > 0 && len(text) == begin {
		waiting, stop := f.s.untilDraining(ctx)
		defer stop()
		if cursor, err = f.s.cfg.Registry.EachChange(waiting, cursor, namespace, limit, time.Duration(wait)*time.Second, write); err != nil {
			return nil, err
		}
	}
	text = append(text, `],"cursor":"`...)
	text = append(text, cursor...) // base64
	text = append(text, "\"}\n"...)
	return changeList{text, f.s}, nil
}

// changeList is a gen.ListChanges200JSONResponse that is written already: reflection over
// thousands of changes would cost more than reading them.
type changeList struct {
	text []byte
	s    *server
}

// VisitListChangesResponse writes the answer.
func (l changeList) VisitListChangesResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(l.text)))
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(l.text)
	if cap(l.text) <= keptMost {
		l.s.texts.Put(l.text) //nolint:staticcheck // a slice header is nothing beside what it points to
	}
	return err
}
