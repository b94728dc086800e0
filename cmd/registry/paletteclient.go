package main

import (
	"errors"
	"fmt"
	"time"

	"packregistry/internal/config"
	"packregistry/internal/pack"
	"packregistry/internal/palette"
)

// checkPalette finds what the server would refuse to start with.
func checkPalette(cfg *config.Config) error {
	p := cfg.Palette
	if !p.Given() {
		return nil
	}
	if err := p.Complete(p.Connects()); err != nil {
		return err
	}
	client, err := paletteClient(p)
	if err != nil {
		return err
	}
	client.Close()
	return nil
}

// paletteClient is for a Palette that is completely named; nothing is asked of it yet.
func paletteClient(p config.Palette) (*palette.Client, error) {
	o := palette.Options{
		URL: p.URL, UserAgent: "pack-registry/" + buildVersion(), Now: time.Now,
		Login: palette.Login{APIKey: palette.Secret(p.APIKey), User: p.User, Password: palette.Secret(p.Password), System: p.System},
	}
	if p.CA != "" {
		var err error
		if o.CA, err = readCA(p.CA); err != nil {
			return nil, fmt.Errorf("palette.ca: %w", err)
		}
	}
	client, err := palette.New(o)
	var of *pack.Error
	switch {
	case errors.As(err, &of) && of.Code == "palette_ca_invalid":
		return nil, fmt.Errorf("palette.ca: %w", err)
	case err != nil:
		return nil, fmt.Errorf("palette.url: %w", err)
	}
	return client, nil
}
