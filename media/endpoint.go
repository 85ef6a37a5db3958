package media

import (
	"context"
	"time"

	"github.com/bifrons/bifrons/media/codec"
)

// The commands in this file make a port an endpoint: Bifrons itself speaks to its party and listens. They use the formats of
// the port's last Remote. All but the telephone events (Tone, Digit) need them.
//
// Nothing here blocks. Files, synthetic speech and recordings are handled beside the relay threads. A port that is joined
// may be played to, and recorded: while a player or a room speaks to a party, that party does not hear the far one; sequence
// numbers and timestamps go on without a break.

// Item is one piece of what is played. Exactly one of File, Prompt, Text, Tone and Silence is set.
type Item struct {
	// File is the path of a WAV, .amr or .awb file.
	File string `json:"file,omitempty"`
	// Prompt is a name in the prompt library, such as "goodbye", in the Language: of the prompts directory, else of those
	// that are built in.
	Prompt string `json:"prompt,omitempty"`
	// Text is spoken: by a speech port in Voice and Language, or, if As is set, put together from prompts.
	Text string `json:"text,omitempty"`
	// As is what Text is: "number", "digits", "money" (with Currency), "date" (2026-01-31), "time" (15:04), "spell".
	As string `json:"as,omitempty"`
	// Currency is the ISO 4217 code of "money"; none is EUR.
	Currency string `json:"currency,omitempty"`
	// Tone is a name of the tone table ("dial", "ring", "busy", "congestion", "waiting", "sit", "beep") in Country, or keys as
	// in-band tones ("dtmf:12#"), or frequencies and cadence ("425/480,0/480"): see package tone.
	Tone string `json:"tone,omitempty"`
	// Country is the ISO 3166 code whose tones are played; none is that of the configuration.
	Country string `json:"country,omitempty"`
	// Silence is that much of it.
	Silence time.Duration `json:"silence,omitempty"`
	// Length ends a Tone; 0 lets one whose cadence repeats go on until it is stopped.
	Length time.Duration `json:"length,omitempty"`
	// Language is a tag such as "en" or "de-AT"; none is that of the configuration. Voice is a name of the speech port's.
	Language string `json:"language,omitempty"`
	Voice    string `json:"voice,omitempty"`
	// Fallback is played if this item cannot be had: no such file, or no speech in time. Without one the player ends with
	// PlayFailed.
	Fallback *Item `json:"fallback,omitempty"`
}

// Play plays items to a port's party, in the first of the port's formats. It takes the place of a player that is there, which
// ends as stopped. The first packet goes out when the first item is ready; one that is not ready in time is waited for.
//
// While the party may not be sent to (a hold) the player stands still; a Remote with other formats makes it go on in the new
// one where it was.
type Play struct {
	Port PortID `json:"port"`
	// ID is given back in the Played event.
	ID    uint32 `json:"id"`
	Items []Item `json:"items"`
	// Repeat is how often the items are played again, -1 for ever.
	Repeat int `json:"repeat,omitempty"`
	// Gap is silence between repetitions.
	Gap time.Duration `json:"gap,omitempty"`
	// Offset is where to begin, counted from the start of the first item of the first time round.
	Offset time.Duration `json:"offset,omitempty"`
	// Volume is added to the level, in dB, -40 to 20. What is stored as AMR keeps its own.
	Volume int8 `json:"volume,omitempty"`
}

// Stop ends a port's player. It does nothing if ID is not that of the player, unless it is 0.
type Stop struct {
	Port PortID `json:"port"`
	ID   uint32 `json:"id,omitempty"`
}

// Listen tells whether keys are also looked for in what the party says (in-band DTMF). They are Digit events as those of
// RFC 4733 are. A format that is not decoded (AMR) is not searched.
type Listen struct {
	Port   PortID `json:"port"`
	InBand bool   `json:"inband"`
}

// Voices is which speech is recorded.
type Voices uint8

// What the port's party says and what it hears, added up; the two as left and right channel; or what the party says alone.
const (
	VoicesMixed Voices = iota
	VoicesStereo
	VoicesParty
)

// Record writes speech to a file. A port has one recorder; another Record ends the one before.
type Record struct {
	Port PortID `json:"port"`
	// ID is given back in the Recorded event.
	ID uint32 `json:"id"`
	// Path is the file, which must not exist. The name decides: .wav, or .amr and .awb for the frames of a party that speaks
	// AMR or AMR-WB, as they come (VoicesParty); without any of these the one that fits the party's format is added.
	Path   string `json:"path"`
	Voices Voices `json:"voices,omitempty"`
	// Beep plays the tone "beep" first.
	Beep bool `json:"beep,omitempty"`
	// Max ends the recording after that much; 0 is an hour.
	Max time.Duration `json:"max,omitempty"`
	// Silence ends the recording when the party has said nothing for that long; 0 does not.
	Silence time.Duration `json:"silence,omitempty"`
}

// Pause leaves out what is said until it is lifted by another one.
type Pause struct {
	Port PortID `json:"port"`
	ID   uint32 `json:"id"`
	On   bool   `json:"on"`
}

// StopRecord ends a port's recorder. It does nothing if ID is not that of the recorder, unless it is 0.
type StopRecord struct {
	Port PortID `json:"port"`
	ID   uint32 `json:"id,omitempty"`
}

// Prompts is where a relay's players get what they play.
type Prompts interface {
	// Clip returns an item as payloads of a format. It is called beside the relay threads and may wait, as long as the
	// context allows.
	Clip(ctx context.Context, item Item, f codec.Format, volume int8) (*codec.Clip, error)
	// Speaks tells why not everything can be played in a format, nil if it can: codec.ErrPartly if something can.
	Speaks(f codec.Format) error
}
