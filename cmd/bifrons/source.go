package main

import (
	"path/filepath"
	"sync/atomic"

	"github.com/bifrons/bifrons/configs"
)

// source is where a configuration came from, and what it says.
type source struct {
	file     string // "" is text,
	text     string // "" is the sample minimal
	settings atomic.Pointer[configs.Settings]
}

// dir is where the configuration lies; "" if it is in no file.
func (s *source) dir() string {
	if s.file == "" {
		return ""
	}
	return filepath.Dir(s.file)
}

// read reads a configuration with its settings.
func (s *source) read() (*configs.Config, *configs.Settings, error) {
	if s.file != "" {
		return configs.LoadSettings(s.file, known())
	}
	if s.text != "" {
		return configs.ParseSettings("demo.yaml", []byte(s.text), known())
	}
	text, err := configs.Sample("minimal")
	if err != nil {
		return nil, nil, err
	}
	return configs.ParseSettings("minimal.yaml", text, known())
}
