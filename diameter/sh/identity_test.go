package sh

import "testing"

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		"sip:Bob@HOME.example;user=phone":                      "sip:Bob@home.example",
		"SIP:bob@home.example:5060;x?Subject=a":                "sip:bob@home.example:5060",
		"sip:%62o%62@home.example":                             "sip:bob@home.example",
		"sip:b%c3%a9b%40x%3b@home.example":                     "sip:b%C3%A9b%40x%3B@home.example",
		"sip:a?b@home.example?x=y":                             "sip:a?b@home.example",
		"sip:+4930;phone-context=home.example@home.example;lr": "sip:+4930;phone-context=home.example@home.example",
		"sip:bob%4@home.example":                               "sip:bob%4@home.example",
		"sip:bob%zz@home.example":                              "sip:bob%zz@home.example",
		"sip:HOME.example":                                     "sip:home.example",
		"tel:+49-(30).12;phone-context=x":                      "tel:+493012",
		"TEL:%2b4930":                                          "tel:%2B4930",
		"no scheme":                                            "no scheme",
	} {
		if got := Canonical(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
