package client

import (
	"context"
	"net/http"
	"time"
)

// PaletteState is what the server knows of Palettes (GET /palette).
type PaletteState struct {
	Leader      string              `json:"leader"` // "" when no replica keeps the entries in sync
	Connections []PaletteConnection `json:"connections"`
}

// PaletteConnection is an entry that a Palette has for the registry.
type PaletteConnection struct {
	Name      string `json:"name"`
	Palette   string `json:"palette"`
	UID       string `json:"uid"` // "" until the entry is made
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Sync      struct {
		State   string    `json:"state"`
		Problem string    `json:"problem"`
		GoodAt  time.Time `json:"goodAt,omitzero"`
	} `json:"sync"`
}

// Palette tells how the connections to Palettes stand.
func (c *Client) Palette(ctx context.Context) (*PaletteState, error) {
	var s PaletteState
	_, err := c.answer(ctx, &request{method: http.MethodGet, path: "/palette"}, &s)
	return &s, err
}
