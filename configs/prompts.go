package configs

import "github.com/bifrons/bifrons/media/prompt"

// prompts reads where players get what they play.
func (d *decoder) prompts(v value, c *prompt.Config) {
	d.fields(v, []field{
		{"directory", d.path(&c.Directory)},
		{"language", d.text(&c.Language)},
		{"country", d.text(&c.Country)},
		{"cache", read(d, &c.Cache, "a size such as 64MB", size)},
		{"longest", read(d, &c.Longest, "a duration such as 15m", duration)},
		{"encoder", d.text(&c.Encoder)},
		{"wait", read(d, &c.Wait, "a duration such as 5s", duration)},
		{"store", d.text(&c.Store)},
		{"store_size", read(d, &c.StoreSize, "a size such as 256MB", size)},
		{"speech", func(v value) { d.speech(v, &c.Speech) }},
	})
}

func (d *decoder) speech(v value, ports *[]prompt.Port) {
	*ports = nil
	d.items(v, func(v value) {
		var p prompt.Port
		d.fields(v, []field{
			{"name", d.text(&p.Name)},
			{"command", readList(d, &p.Command, "a program with its arguments, as a list", word)},
			{"url", d.text(&p.URL)},
			{"languages", readList(d, &p.Languages, "a language such as en, or a list of them", word)},
			{"voice", d.text(&p.Voice)},
		})
		*ports = append(*ports, p)
	})
}
