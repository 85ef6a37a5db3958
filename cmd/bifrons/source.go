package main

import (
	"cmp"
	"sync/atomic"

	"github.com/bifrons/bifrons/configs"
	"github.com/bifrons/bifrons/internal/admin"
)

// source is where a configuration came from, and what it says.
type source struct {
	file     string // "" is the sample minimal
	settings atomic.Pointer[configs.Settings]
}

// read reads a configuration with its settings.
func (s *source) read() (*configs.Config, *configs.Settings, error) {
	if s.file != "" {
		return configs.LoadSettings(s.file, known())
	}
	text, err := configs.Sample("minimal")
	if err != nil {
		return nil, nil, err
	}
	return configs.ParseSettings("minimal.yaml", text, known())
}

// Settings are those that the server runs on.
func (s *source) Settings() *configs.Settings { return s.settings.Load() }

// Compare reads a configuration as the server would, and tells what it would change.
func (s *source) Compare(name string, text []byte) (admin.Change, error) {
	_, to, err := configs.ParseSettings(cmp.Or(name, "the new configuration"), text, known())
	if err != nil {
		return admin.Change{}, err
	}
	return s.change(to), nil
}

// change tells what settings would change.
func (s *source) change(to *configs.Settings) admin.Change {
	return admin.Change{Changes: configs.Diff(s.settings.Load(), to)}
}
