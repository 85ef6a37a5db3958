package ims

import (
	"testing"

	"github.com/bifrons/bifrons/b2bua"
)

// TestDivert: what was there stays as written, the old target is added where nobody has put it, and the new one knows where it comes from.
func TestDivert(t *testing.T) {
	const bob, new = "sip:bob@home.example", "sip:dora@far.example"
	for _, c := range []struct {
		name, uri  string
		headers    []string
		to         string
		want       string
		wantURI    string
		diversions int
		diverter   string
	}{
		{"the first", bob, nil, new, "<sip:bob@home.example>;index=1, <sip:dora@far.example;cause=486>;index=1.1;mp=1", new + ";cause=486", 1, bob},
		{"after two diversions", bob + ";cause=408", []string{
			"History-Info: <sip:a@home.example?Privacy=history>;index=1, <sip:c@home.example;cause=302?Reason=SIP%3Bcause%3D302>;index=1.1;mp=1",
			"History-Info: <sip:bob@home.example;cause=408>;index=1.1.1;mp=1.1;x=\"a,b\""}, new,
			"<sip:a@home.example?Privacy=history>;index=1, <sip:c@home.example;cause=302?Reason=SIP%3Bcause%3D302>;index=1.1;mp=1, " +
				`<sip:bob@home.example;cause=408>;index=1.1.1;mp=1.1;x="a,b", <sip:dora@far.example;cause=486>;index=1.1.1.1;mp=1.1.1`, new + ";cause=486", 3, bob + ";cause=408"},
		{"the old target is missing", bob, []string{"History-Info: <sip:a@home.example>;index=1"}, new,
			"<sip:a@home.example>;index=1, <sip:bob@home.example>;index=1.0.1;np=1, <sip:dora@far.example;cause=486>;index=1.0.1.1;mp=1.0.1", new + ";cause=486", 1, bob},
		{"the old target in another form", "sip:+4930@home.example;user=phone", []string{"History-Info: <tel:+49-30>;index=1"}, new,
			"<tel:+49-30>;index=1, <sip:dora@far.example;cause=486>;index=1.1;mp=1", new + ";cause=486", 1, "tel:+49-30"},
		{"broken entries, no index", bob, []string{"History-Info: garbage, <sip:x", "History-Info: <sip:a@home.example>, <sip:bob@home.example>"}, new,
			"<sip:a@home.example>;index=1, <sip:bob@home.example>;index=1.1, <sip:dora@far.example;cause=486>;index=1.1.1;mp=1.1", new + ";cause=486", 1, bob},
		{"to a number", bob, nil, "tel:+49-(30)5;phone-context=x", "<sip:bob@home.example>;index=1, <sip:+49305@home.example;user=phone;cause=486>;index=1.1;mp=1", "sip:+49305@home.example;user=phone;cause=486", 1, bob},
		{"from a number to a number", "tel:+4930", nil, "tel:+49305", "<tel:+4930>;index=1, <tel:+49305>;index=1.1;mp=1", "tel:+49305", 1, "tel:+4930"},
		{"a translation is none", bob, []string{"History-Info: <sip:a@home.example>;index=1, <sip:bob@home.example;cause=380>;index=1.1;mp=1"}, new,
			"<sip:a@home.example>;index=1, <sip:bob@home.example;cause=380>;index=1.1;mp=1, <sip:dora@far.example;cause=486>;index=1.1.1;mp=1.1", new + ";cause=486", 1, "sip:bob@home.example;cause=380"},
		{"with headers", bob, nil, new + "?Subject=x", "<sip:bob@home.example>;index=1, <sip:dora@far.example;cause=486>;index=1.1;mp=1", new + ";cause=486", 1, bob},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &b2bua.Draft{Request: b2bua.Text{Message: request(t, c.uri, c.headers...)}, RequestURI: c.uri}
			h := Divert(d, c.to, DivertedBusy)
			if h.String() != c.want || d.Header("History-Info") != c.want || d.RequestURI != c.wantURI {
				t.Errorf("%s\n%s\nwant %s\n%s", d.RequestURI, h, c.wantURI, c.want)
			}
			if h.Diversions() != c.diversions || h.diverter() != c.diverter {
				t.Errorf("%d diversions, the last by %s", h.Diversions(), h.diverter())
			}
		})
	}
}
