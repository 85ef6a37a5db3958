package main

import (
	"log/slog"
	"testing"

	"github.com/bifrons/bifrons/configs"
	"github.com/bifrons/bifrons/ivr"
	"github.com/bifrons/bifrons/ivr/flow"
	"github.com/bifrons/bifrons/media/prompt"
)

// TestCompanySpeaks: every text of the built-in menu is a built-in prompt as well, so that it is heard where no program speaks.
func TestCompanySpeaks(t *testing.T) {
	text, err := configs.SampleMenu("company")
	if err != nil {
		t.Fatal(err)
	}
	f, err := flow.Parse("company.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	library, err := prompt.New(prompt.DefaultConfig(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer library.Close()
	for _, language := range []string{"en", "de"} {
		texts := ivr.Texts(f, language)
		if len(texts) < 15 {
			t.Errorf("%d texts in %s", len(texts), language)
		}
		for _, x := range texts {
			if name := ivr.Slug(x); !library.Has(name, language) {
				t.Errorf("%s: %q is no prompt %s; add it to media/prompt/languages/%s.words and run make.sh", language, x, name, language)
			}
		}
	}
}
