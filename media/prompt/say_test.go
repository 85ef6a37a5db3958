package prompt

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/media/codec"
)

func rules(t testing.TB, language string) grammar {
	t.Helper()
	data, err := languages.ReadFile("languages/" + language + ".say")
	if err != nil {
		t.Fatal(err)
	}
	g, err := parseGrammar(string(data))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestSay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ as, text, currency, en, de string }{
		{"number", "0", "", "zero", "null"},
		{"number", "1", "", "one", "eins"},
		{"number", "21", "", "twenty one", "ein und zwanzig"},
		{"number", "30", "", "thirty", "dreissig"},
		{"number", "100", "", "one hundred", "ein hundert"},
		{"number", "101", "", "one hundred one", "ein hundert eins"},
		{"number", "1001", "", "one thousand one", "ein tausend eins"},
		{"number", "101000", "", "one hundred one thousand", "ein hundert ein tausend"},
		{"number", "1000000", "", "one million", "eine million"},
		{"number", "2345678", "", "two million three hundred forty five thousand six hundred seventy eight",
			"zwei millionen drei hundert fuenf und vierzig tausend sechs hundert acht und siebzig"},
		{"number", "-7", "", "minus seven", "minus sieben"},
		{"number", "-3.14", "", "minus three point one four", "minus drei komma eins vier"},
		{"digits", "0160-4711", "", "zero one six zero four seven one one", "null eins sechs null vier sieben eins eins"},
		{"digits", "*21#", "", "star two one hash", "stern zwei eins raute"},
		{"money", "1", "", "one euro", "ein euro"},
		{"money", "1.01", "", "one euro and one cent", "ein euro eins"},
		{"money", "1001", "", "one thousand one euros", "ein tausend ein euro"},
		{"money", "1000001", "", "one million one euros", "eine million ein euro"},
		{"number", "1000001", "", "one million one", "eine million eins"},
		{"money", "21.05", "EUR", "twenty one euros and five cents", "ein und zwanzig euro fuenf"},
		{"money", "0.50", "GBP", "fifty pence", "fuenfzig pence"},
		{"money", "0.01", "usd", "one cent", "ein cent"},
		{"money", "0", "CHF", "zero francs", "null franken"},
		{"date", "2026-11-26", "", "thursday november twenty sixth twenty twenty six", "donnerstag sechs und zwanzigster november zwei tausend sechs und zwanzig"},
		{"date", "1999-01-31", "", "sunday january thirty first nineteen ninety nine", "sonntag ein und dreissigster januar neunzehn hundert neun und neunzig"},
		{"date", "1905-03-01", "", "wednesday march first nineteen oh five", "mittwoch erster maerz neunzehn hundert fuenf"},
		{"date", "2004-02-29", "", "sunday february twenty ninth two thousand four", "sonntag neun und zwanzigster februar zwei tausend vier"},
		{"date", "1900-01-01", "", "monday january first nineteen hundred", "montag erster januar neunzehn hundert"},
		{"time", "00:00", "", "twelve am", "null uhr"},
		{"time", "13:05", "", "one oh five pm", "dreizehn uhr fuenf"},
		{"time", "01:30", "", "one thirty am", "ein uhr dreissig"},
		{"time", "12:59", "", "twelve fifty nine pm", "zwoelf uhr neun und fuenfzig"},
		{"date", "01-01", "", "january first", "erster januar"},
		{"date", "12-31", "", "december thirty first", "ein und dreissigster dezember"},
		{"date", "02-29", "", "february twenty ninth", "neun und zwanzigster februar"},
		{"time", "21:00", "", "nine pm", "ein und zwanzig uhr"},
		{"time", "00:05", "", "twelve oh five am", "null uhr fuenf"},
		{"number", "1000001", "", "one million one", "eine million eins"},
		{"money", "1001", "", "one thousand one euros", "ein tausend ein euro"},
		{"money", "1000001.01", "", "one million one euros and one cent", "eine million ein euro eins"},
		{"money", "-0.50", "", "minus fifty cents", "minus fuenfzig cent"},
		{"spell", "Bi-7@x.de", "", "b i dash seven at x dot d e", "b i strich sieben at x punkt d e"},
		{"spell", "Größe", "", "g r o s e", "g r oe ss e"},
		{"spell", "O'Renée!", "", "o r e n e e", "o r e n e e"},
	} {
		for language, want := range map[string]string{"en": c.en, "de": c.de} {
			got, err := words(rules(t, language), c.as, c.text, c.currency)
			if err != nil || strings.Join(got, " ") != want {
				t.Errorf("%s %s in %s: %q, %v, want %q", c.as, c.text, language, strings.Join(got, " "), err, want)
			}
		}
	}
	for _, c := range []struct{ as, text, currency string }{
		{"number", "", ""}, {"number", "1e9", ""}, {"number", "1.", ""}, {"number", "99999999999999999999", ""}, {"digits", "1a", ""},
		{"money", "1.234", ""}, {"money", "1", "XXX"}, {"date", "31.1.2026", ""}, {"date", "2026-02-30", ""}, {"date", "02-30", ""}, {"spell", "я", ""}, {"time", "25:00", ""}, {"song", "la", ""},
	} {
		if got, err := words(rules(t, "en"), c.as, c.text, c.currency); !errors.Is(err, ErrSay) {
			t.Errorf("%s %q: %q, %v", c.as, c.text, got, err)
		}
	}
}

// TestEveryWordIsThere says all rules once in both languages and in speech.
func TestEveryWordIsThere(t *testing.T) {
	t.Parallel()
	l := open(t, func(c *Config) { c.Directory, c.Encoder = "", "none" })
	for _, language := range []string{"en", "de"} {
		for set, list := range rules(t, language) {
			for _, r := range list {
				for _, w := range r.words {
					w = strings.Trim(w, "[]")
					if w == "" || strings.ContainsAny(w, "<>=%") {
						continue
					}
					if _, ok := l.built.find(language, w, pcmu); !ok {
						t.Errorf("%s, %s: no prompt %q", language, set, w)
					}
				}
			}
		}
		for _, f := range []codec.Format{pcmu, amr, amrwb} {
			c := clipOf(t, l, media.Item{Text: "-1234.5", As: "number", Language: language}, f)
			if d := c.Length / int64(f.ClockRate()); d < 2 || d > 9 {
				t.Errorf("-1234.5 in %s and %s takes %d s", language, f.Codec, d)
			}
		}
	}
}

// TestOwnGrammar adds a language in the prompts directory.
func TestOwnGrammar(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tlh.say"), []byte("digit:\n0 pagh\n1 wa\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	save(t, filepath.Join(dir, "tlh", "wa.wav"), 8000, make([]int16, 800))
	l := open(t, func(c *Config) { c.Directory = dir })
	if c := clipOf(t, l, media.Item{Text: "11", As: "digits", Language: "tlh"}, pcmu); c.Length != 1600 {
		t.Errorf("%d ticks", c.Length)
	}
	if _, err := l.Clip(t.Context(), media.Item{Text: "10", As: "digits", Language: "tlh"}, pcmu, 0); !errors.Is(err, errMissing) {
		t.Errorf("a word without a prompt: %v", err)
	}
	if _, err := l.Clip(t.Context(), media.Item{Text: "1", As: "digits", Language: "xx"}, pcmu, 0); !errors.Is(err, ErrSay) {
		t.Errorf("a language without a grammar: %v", err)
	}
}

// FuzzGrammar says that no grammar and no text is endless.
func FuzzGrammar(f *testing.F) {
	data, err := languages.ReadFile("languages/en.say")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(data), "date", "2026-01-02")
	f.Add("number:\n0 << >> =number=\n", "number", "5")
	f.Add("number:\n0 << <<\n5/1 >> <number<\n", "number", "-5.5")
	f.Fuzz(func(t *testing.T, text, as, value string) {
		g, err := parseGrammar(text)
		if err != nil {
			return
		}
		if got, err := words(g, as, value, ""); err == nil && len(got) > 100*maxWords {
			t.Errorf("%d words", len(got))
		}
	})
}
