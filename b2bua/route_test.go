package b2bua

import (
	"regexp"
	"testing"
)

// TestMatchRouteUser: however a number is written, it takes the same route.
func TestMatchRouteUser(t *testing.T) {
	routes := []Route{{User: regexp.MustCompile(`^(0900|\+49900|alice$)`)}}
	for uri, want := range map[string]int{
		"sip:0900123@a.example":                0,
		"sip:%30900123@a.example":              0,
		"sip:%309%30%30123@a.example":          0,
		"sip:+49900123@a.example":              0,
		"sip:%2B49900123@a.example":            0,
		"sip:%61lice@a.example":                0,
		"sip:0-900-123@a.example;user=phone":   0,
		"sip:(0900)123@a.example;user=phone":   0,
		"sip:+49.900.123@a.example;user=phone": 0,
		"tel:+49-900-123":                      0,
		"tel:0900123;phone-context=+49":        0,
		"tel:+49(900)123;isub=1":               0,
		"sip:0-900-123@a.example":              -1, // a name: who knows what it means there
		"sip:al-ice@a.example;user=phone":      -1,
		"sip:%25%33%300900123@a.example":       -1, // escapes are read once
		"sip:bob@a.example":                    -1,
		"urn:service:sos":                      -1,
		"sip:a.example":                        -1,
		"sip:10900123@a.example;user=phone":    -1,
	} {
		if got := MatchRoute(routes, "", &Draft{RequestURI: uri}, nil); got != want {
			t.Errorf("%s takes route %d, want %d", uri, got, want)
		}
	}
}
