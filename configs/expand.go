package configs

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// variable is ${NAME} or ${NAME:-default} in a value, with another $ before it where it stands for itself. Names are of capital letters, so
// that the ${1} of a rewrite rule is none.
var variable = regexp.MustCompile(`\$?\$\{([A-Z_][A-Z0-9_]*)(:-[^}]*)?\}`)

// looksSecret tells the names of variables whose values are never shown, whatever key they stand for.
var looksSecret = regexp.MustCompile(`PASS|SECRET|TOKEN|KEY|CREDENTIAL|PWD`)

// expand puts the values of variables into a text of the file; false after reporting one that is not set.
func (d *decoder) expand(v value, s string) (string, bool) {
	out, missing := expand(s)
	if missing != "" {
		d.reject(v, "the environment has no variable %s; set it, or write ${%s:-default}", missing, missing)
		return "", false
	}
	if out != s && d.secrets == nil {
		d.secrets = map[string]bool{}
	}
	if out != s {
		for _, m := range variable.FindAllStringSubmatch(s, -1) {
			d.secrets[v.path] = d.secrets[v.path] || looksSecret.MatchString(m[1])
		}
	}
	return out, true
}

func expand(s string) (out, missing string) {
	if !strings.Contains(s, "${") {
		return s, ""
	}
	out = variable.ReplaceAllStringFunc(s, func(ref string) string {
		if strings.HasPrefix(ref, "$$") {
			return ref[1:]
		}
		m := variable.FindStringSubmatch(ref)
		switch value, set := os.LookupEnv(m[1]); {
		case set && (value != "" || m[2] == ""):
			return value
		case m[2] != "":
			return m[2][len(":-"):]
		}
		if missing == "" {
			missing = m[1]
		}
		return ""
	})
	return out, missing
}

// secretText reads a setting that is never shown: as it is, or as file:PATH from the first line of a file.
func (d *decoder) secretText(to *string) func(value) {
	return func(v value) {
		if d.keys != nil {
			k := d.keys[v.path]
			k.Secret = true
			k.scalar("string", nil, *to)
			return
		}
		if v.is(ast.IntegerType, ast.FloatType, ast.BoolType, ast.InfinityType, ast.NanType) {
			d.reject(v, "must be text; put it in quotes")
			return
		}
		if v.is(ast.MappingType, ast.MappingValueType, ast.SequenceType) {
			d.wrong(v, "text")
			return
		}
		s, ok := d.raw(v, "text")
		if path, file := strings.CutPrefix(s, "file:"); ok && file {
			s, ok = d.firstLine(v, path)
		}
		if ok {
			*to = s
		}
	}
}

// firstLine reads a secret from its file.
func (d *decoder) firstLine(v value, path string) (string, bool) {
	s, err := FirstLine(d.beside(path))
	if err != nil {
		d.reject(v, "%s; write the secret into the first line of a file that this user may read, as in file:/etc/bifrons/password", err)
		return "", false
	}
	return s, true
}

// FirstLine reads a secret: the first line of a file.
func FirstLine(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("no secret in %s: %w", tick(path), cause(err))
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", fmt.Errorf("no secret in %s: its first line is empty", tick(path))
	}
	return line, nil
}

// cause is what the system says, without the name of the file.
func cause(err error) error {
	if p, ok := err.(*os.PathError); ok {
		return p.Err
	}
	return err
}
