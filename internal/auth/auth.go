// Package auth knows who is calling and what role they have. It imports only
// the words of package pack; the account store it needs is handed to it by cmd.
//
// Accounts come from two places: the store (accounts the server made) and,
// read-only beside it, an htpasswd file. An account of the store wins over a
// line of the file with the same name.
package auth

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// Role is what an account may do; a higher role may all that a lower one may.
type Role int

// The roles (design section 4).
const (
	None      Role = iota // not logged in
	Reader                // finds and downloads
	Publisher             // uploads, tags, deletes
	Admin                 // everything
)

// String returns the word used in the database, the configuration and logs.
func (r Role) String() string {
	switch r {
	case Reader:
		return "reader"
	case Publisher:
		return "publisher"
	case Admin:
		return "admin"
	default:
		return "none"
	}
}

// ParseRole reads "reader", "publisher" or "admin".
func ParseRole(s string) (Role, error) {
	for _, r := range []Role{Reader, Publisher, Admin} {
		if s == r.String() {
			return r, nil
		}
	}
	return None, fmt.Errorf("%q is no role; use reader, publisher or admin", s)
}

// Identity is an authenticated caller.
type Identity struct {
	Name   string
	Role   Role
	Source string // "database", "htpasswd"
}

// The values of Identity.Source.
const (
	SourceDatabase = "database"
	SourceHtpasswd = "htpasswd"
)

// Account is a line of an account store.
type Account struct {
	Name string
	Hash string // bcrypt, $2a$ $2b$ or $2y$
	Role Role
}

// AccountStore gives all accounts the server made. Cmd fulfils it with the catalogue.
type AccountStore interface {
	Accounts(ctx context.Context) ([]Account, error)
}

// Config is what an Authenticator needs. All but the sources of accounts has a default.
type Config struct {
	Store              AccountStore // nil: none
	Htpasswd           string       // path; "" none
	Admins, Publishers []string     // names in the htpasswd file with those roles; Admins nil means [admin]
	Now                func() time.Time
	// Log hears of a file or store that stopped being readable, once each time. Nil discards.
	Log *slog.Logger
	// MaxHashing is how many bcrypt comparisons run at once; 0 is half the CPUs, at least 1.
	MaxHashing int
}
