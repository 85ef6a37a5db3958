// Package wav reads and writes RIFF WAVE files of speech: 16-bit and 8-bit PCM, A-law and µ-law, one or two channels.
//
// Parse reads bytes, however wrong they are; a Writer writes a file that can be played at any time, also after a crash.
package wav
