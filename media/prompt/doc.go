// Package prompt is the library of what is played: it reads files, makes tones and speech, and turns them into payload of a
// codec, once for all players.
//
// Library is the media.Prompts of a node. What it gives out is a codec.Clip, shared and never changed, so a file may vanish
// while it is played. Clips live in memory up to a bound; speech and AMR, which are dear, also on disk. A clip that several
// players want at once is made once, by a goroutine that ends when it is made or its time is over; Close waits for them.
package prompt
