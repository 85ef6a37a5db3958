package media

import "github.com/bifrons/bifrons/media/codec"

// Speaks tells why Bifrons cannot be the end of speech in a format, nil if it can, codec.ErrPartly if not everything can be said in it. A
// relay without prompts has nothing to say in a format whose speech it does not make itself.
func (r *Relay) Speaks(f codec.Format) error {
	if r.cfg.Prompts == nil {
		return f.Decodable()
	}
	return r.cfg.Prompts.Speaks(f)
}
