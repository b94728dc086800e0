package palette

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"packregistry/internal/pack"
)

// Validate lets Palette try the entry's address and login, and stores nothing. Palette connects from where it
// runs, so that it may fail where this program can connect. What Palette does for it is not known in detail (contract 7.2).
func (c *Client) Validate(ctx context.Context, e *Entry) error {
	if err := e.check(); err != nil {
		return err
	}
	r := e.request("validate the registry "+e.Endpoint, http.MethodPost, e.Kind.all()+"/validate")
	r.body = e.spec()
	return c.do(ctx, r, nil)
}

// Create makes an entry and returns its UID. Palette syncs it at once unless skipSync. When it is not known whether
// Palette has acted, Create looks; an entry that is there by then becomes as e is.
func (c *Client) Create(ctx context.Context, e *Entry, skipSync bool) (uid string, err error) {
	if err := e.check(); err != nil {
		return "", err
	}
	for n := 1; ; n++ {
		r := e.request("make the registry entry "+e.Name, http.MethodPost, e.Kind.all())
		r.query = url.Values{"skipPackSync": {strconv.FormatBool(skipSync)}}
		r.body, r.once = e.whole(), true
		var made struct {
			UID string `json:"uid"`
		}
		err := c.do(ctx, r, &made)
		switch {
		case err == nil && made.UID == "":
			return "", c.stranger("the answer to a create holds no uid")
		case err == nil:
			return made.UID, nil
		case !r.lost || ctx.Err() != nil || n >= c.o.Attempts:
			return "", err
		}
		if err := c.o.Sleep(ctx, firstWait); err != nil {
			return "", err
		}
		there, lookErr := c.Find(ctx, e.Kind, e.Name)
		switch {
		case pack.IsKind(lookErr, pack.KindNotFound):
		case lookErr != nil:
			return "", err // the first failure says more
		default:
			same := *e
			same.UID = there.UID
			return there.UID, c.Update(ctx, &same)
		}
	}
}

// Read reads an entry. Its password is masked. The error is of pack.KindNotFound when there is none of the kind.
func (c *Client) Read(ctx context.Context, kind Kind, uid string) (*Entry, error) {
	r := &request{what: "read the registry entry", method: http.MethodGet, path: kind.one(uid)}
	var answer readEntry
	if err := c.do(ctx, r, &answer); err != nil {
		return nil, err
	}
	return answer.entry(kind), nil
}

// Update gives the entry e.UID all that e says, the password too. A name cannot be changed.
func (c *Client) Update(ctx context.Context, e *Entry) error {
	if err := e.check(); err != nil {
		return err
	}
	r := e.request("change the registry entry "+e.Name, http.MethodPut, e.Kind.one(e.UID))
	r.body = e.whole()
	return c.do(ctx, r, nil)
}

// Delete removes an entry. That it is gone already is no failure where an answer was lost.
func (c *Client) Delete(ctx context.Context, kind Kind, uid string) error {
	r := &request{what: "delete the registry entry", method: http.MethodDelete, path: kind.one(uid)}
	err := c.do(ctx, r, nil)
	if r.lost && pack.IsKind(err, pack.KindNotFound) {
		return nil
	}
	return err
}

// request is a question that carries the entry, with its secrets.
func (e *Entry) request(what, method, path string) *request {
	return &request{what: what, method: method, path: path, user: e.Auth.Username, secrets: []Secret{e.Auth.Password}}
}
