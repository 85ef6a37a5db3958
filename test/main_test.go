package test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// binDir is where TestMain has the binaries built; empty when the binary is given by the environment.
var binDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "bifrons-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, "test:", err)
		os.Exit(1)
	}
	binDir = dir
	// The tests wait for timers and for other programs most of the time: more of them at once than there are processors.
	if err := flag.Set("test.parallel", "8"); err != nil {
		fmt.Fprintln(os.Stderr, "test:", err)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// product is the binary as it is shipped: static, without cgo.
var product = sync.OnceValues(func() (string, error) {
	return build("bifrons", "CGO_ENABLED=0", "-trimpath")
})

// checked is the binary with the race detector, or the product where no C compiler is found.
var checked = sync.OnceValues(func() (string, error) {
	if _, err := exec.LookPath("gcc"); err != nil {
		return product()
	}
	return build("bifrons-race", "CGO_ENABLED=1", "-race")
})

func build(name, cgo string, flags ...string) (string, error) {
	if given := os.Getenv("BIFRONS"); given != "" {
		return filepath.Abs(given)
	}
	out := filepath.Join(binDir, name)
	args := append([]string{"build"}, flags...)
	cmd := exec.Command("go", append(args, "-o", out, "../cmd/bifrons")...)
	cmd.Env = append(os.Environ(), cgo)
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, text)
	}
	return out, nil
}

// built returns the binary that get builds, and skips the test as long as there is no command to build.
func built(t *testing.T, get func() (string, error)) string {
	t.Helper()
	if os.Getenv("BIFRONS") == "" {
		if _, err := os.Stat("../cmd/bifrons/main.go"); os.IsNotExist(err) {
			t.Skip("cmd/bifrons does not exist yet")
		}
	}
	path, err := get()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// need skips the test when a program is missing.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed: run test/install.sh as root", p)
		}
	}
}
