package ivr

import (
	"strings"

	"github.com/bifrons/bifrons/sip/registrar"
)

// maxParams bounds how many parameters of a Request-URI a menu sees.
const maxParams = 32

// params reads the parameters of a URI; a flag has the value "true". Escapes are resolved.
func params(text []byte) map[string]string {
	out := map[string]string{}
	for _, p := range strings.Split(string(text), ";") {
		name, value, is := strings.Cut(strings.TrimSpace(p), "=")
		if name == "" || len(out) >= maxParams {
			continue
		}
		if !is {
			value = "true"
		}
		out[strings.ToLower(unescape(name))] = unescape(value)
	}
	return out
}

func unescape(s string) string { return registrar.Unescape(s) }
