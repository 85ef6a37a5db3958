package configs

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed *.yaml
var samples embed.FS

// Sample gives the text of a sample by its name, with or without .yaml.
func Sample(name string) ([]byte, error) {
	text, err := samples.ReadFile(strings.TrimSuffix(name, ".yaml") + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("no sample %s; there are %s", tick(name), strings.Join(Samples(), ", "))
	}
	return text, nil
}

// Samples lists the names of the samples, in alphabetical order.
func Samples() []string {
	files, err := fs.Glob(samples, "*.yaml")
	if err != nil {
		panic(err) // only a bad pattern gives an error
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(f, ".yaml")
	}
	slices.Sort(files)
	return files
}

// Default is the configuration of a server that was given none: the sample
// minimal. It panics if that sample has a mistake, which a test rules out.
func Default() *Config {
	text, err := Sample("minimal")
	if err != nil {
		panic(err)
	}
	cfg, err := Parse("minimal.yaml", text, Known{})
	if err != nil {
		panic(err)
	}
	return cfg
}
