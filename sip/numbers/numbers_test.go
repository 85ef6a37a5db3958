package numbers_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/bifrons/bifrons/sip"
	"github.com/bifrons/bifrons/sip/numbers"
)

func TestRules(t *testing.T) {
	t.Parallel()
	re := regexp.MustCompile
	for _, c := range []struct {
		name     string
		rules    numbers.Rules
		in, want string
	}{
		{"nothing", nil, "030-123", "030-123"},
		{"separators", numbers.Rules{{}}, "+49 (30) 123-456.7", "+49301234567"},
		{"digits go", numbers.Rules{{Strip: 2}}, "0049301234567", "49301234567"},
		{"more than there are", numbers.Rules{{Strip: 99}}, "123", "123"},
		{"a text goes", numbers.Rules{{StripText: "+49", Prefix: "0"}}, "+49301234567", "0301234567"},
		{"another text stays", numbers.Rules{{StripText: "+49", Prefix: "0"}}, "+43112345", "+43112345"},
		{"a prefix", numbers.Rules{{Prefix: "*31#"}}, "0301234567", "*31#0301234567"},
		{"a name is no number", numbers.Rules{{Prefix: "0", Region: "DE"}}, "alice", "alice"},
		{"unless it is matched", numbers.Rules{{Match: re("^ali(.*)$"), Replaces: true, Replace: "${1}-x"}}, "alice", "ce-x"},
		{"an expression", numbers.Rules{{Match: re("^0([1-9].*)$"), Replaces: true, Replace: "+49$1"}}, "0301234567", "+49301234567"},
		{"that does not match", numbers.Rules{{Match: re("^0([1-9].*)$"), Replaces: true, Replace: "+49$1", Prefix: "9"}}, "110", "110"},
		{"by group names", numbers.Rules{{Match: re(`^\+49(?P<area>\d\d)(?P<rest>\d+)$`), Replaces: true, Replace: "0${area}${rest}"}}, "+49301234567", "0301234567"},
		{"to nothing", numbers.Rules{{Match: re(".*"), Replaces: true}}, "123", "123"},
		{"one after the other", numbers.Rules{{Region: "DE"}, {StripText: "+49", Prefix: "0"}}, "0049 30 1234567", "0301234567"},
		{"E.164 of a national number", numbers.Rules{{Region: "DE"}}, "0301234567", "+49301234567"},
		{"of an international one", numbers.Rules{{Region: "DE"}}, "0043112345678", "+43112345678"},
		{"as it is", numbers.Rules{{Region: "DE"}}, "+49301234567", "+49301234567"},
		{"by another region's rules", numbers.Rules{{Region: "US"}}, "(212) 555-2368", "+12125552368"},
		{"with the way out of that country", numbers.Rules{{Region: "US"}}, "01149301234567", "+49301234567"},
		{"Italy keeps its zero", numbers.Rules{{Region: "IT"}}, "0612345678", "+390612345678"},
		{"emergency", numbers.Rules{{Region: "DE"}}, "112", "112"},
		{"a short code", numbers.Rules{{Region: "DE"}}, "115", "115"},
		{"an extension", numbers.Rules{{Region: "DE"}}, "4711", "4711"},
		{"a feature code", numbers.Rules{{Region: "DE"}}, "*21*0301234567#", "*21*0301234567#"},
		{"no region", numbers.Rules{{Region: "ZZ"}}, "0301234567", "0301234567"},
		{"endless", numbers.Rules{{Region: "DE"}}, strings.Repeat("1", 1000), strings.Repeat("1", 1000)},
	} {
		if got := c.rules.Apply(c.in); got != c.want {
			t.Errorf("%s: %s becomes %s, want %s", c.name, c.in, got, c.want)
		}
	}
}

func TestURI(t *testing.T) {
	t.Parallel()
	german := numbers.Rules{{Region: "DE"}}
	local := numbers.Rules{{Region: "DE"}, {StripText: "+49", Prefix: "0"}}
	for _, c := range []struct {
		in    string
		rules numbers.Rules
		form  numbers.Form
		want  string
	}{
		{"sip:+49301234567@a.example:5070;user=phone?Subject=x", local, numbers.AsCame, "sip:0301234567@a.example:5070;user=phone?Subject=x"},
		{"sip:%2b49301234567@a.example", local, numbers.AsCame, "sip:0301234567@a.example"},
		{"sip:+49301234567;phone-context=+49@a.example", local, numbers.AsCame, "sip:0301234567;phone-context=+49@a.example"},
		{"sip:0301234567;isub=1;phone-context=+49;postd=22@a.example;user=phone", german, numbers.AsCame, "sip:+49301234567;isub=1;postd=22@a.example;user=phone"},
		{"sip:%30%3301234567@a.example", german, numbers.AsCame, "sip:+49301234567@a.example"},
		{"tel:0301234567;Phone-Context=a.example", german, numbers.AsCame, "tel:+49301234567"},
		{"tel:112;phone-context=+49", german, numbers.AsCame, "tel:112;phone-context=+49"},
		{"sip:alice:secret@a.example", local, numbers.Tel, "sip:alice:secret@a.example"},
		{"sip:a.example", local, numbers.Tel, "sip:a.example"},
		{"tel:+49-30-1234567", local, numbers.AsCame, "tel:0301234567"},
		{"tel:+49-30-1234567;isub=1", local, numbers.SIP, "sip:0301234567;isub=1@b.example;user=phone"},
		{"tel:7042;phone-context=a.example", nil, numbers.SIP, "sip:7042;phone-context=a.example@b.example;user=phone"},
		{"sip:+49301234567@a.example;user=phone", nil, numbers.Tel, "tel:+49301234567"},
		{"sip:+49301234567@a.example;user=phone", nil, numbers.SIP, "sip:+49301234567@a.example;user=phone"},
		{"sip:1@a.example", numbers.Rules{{Prefix: "*31#"}}, numbers.AsCame, "sip:*31%231@a.example"},
		{"urn:service:sos", local, numbers.SIP, "urn:service:sos"},
		{"nonsense", local, numbers.SIP, "nonsense"},
	} {
		if got := string(numbers.URI([]byte(c.in), c.rules, c.form, "b.example")); got != c.want {
			t.Errorf("%s becomes %s, want %s", c.in, got, c.want)
		}
	}
}

func TestTemplate(t *testing.T) {
	t.Parallel()
	re := regexp.MustCompile(`^(\d)(?P<rest>.*)$`)
	for s, want := range map[string]string{"+49$1": "", "$1${rest}": "", "$$": "", "$rest": "", "": "", "0": "", "$0": "",
		"$10": "write ${1}0", "$1x": "write ${1}x", "$3": "names no group", "${nobody}": "names no group", "${1": "no closing brace", "a b$1": "characters",
		"<$1>": "characters", "$": "names no group"} {
		err := numbers.Template(re, s)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", s, err, want)
		}
	}
	for s, want := range map[string]string{"DE": "", "de": "write DE", "XX": "ISO 3166", "Germany": "ISO 3166", "": "ISO 3166"} {
		if err := numbers.Region(s); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("region %q: %v, want %q", s, err, want)
		}
	}
}

// FuzzURI: whatever came, what goes out is a URI if that was one, and of bounded length.
func FuzzURI(f *testing.F) {
	f.Add("sip:+49(30)123@a.example", uint8(1))
	f.Add("tel:7042;phone-context=a.example", uint8(2))
	rules := numbers.Rules{{Region: "DE"}, {Match: regexp.MustCompile("^(.)"), Replaces: true, Replace: "${1}0"}, {Strip: 1, Prefix: "*31#"}}
	f.Fuzz(func(t *testing.T, s string, form uint8) {
		_, before := sip.ParseURI([]byte(s))
		out := numbers.URI([]byte(s), rules, numbers.Form(form%3), "b.example")
		if u, err := sip.ParseURI(out); before == nil && (err != nil || u.IsSIP() && len(u.Host) == 0) {
			t.Errorf("%q becomes %q: %v", s, out, err)
		}
		if len(out) > 3*len(s)+64 {
			t.Errorf("%d bytes become %d", len(s), len(out))
		}
	})
}

func BenchmarkE164(b *testing.B) {
	for b.Loop() {
		if numbers.E164("0301234567", "DE") != "+49301234567" {
			b.Fatal("not rewritten")
		}
	}
}
