package script

import "strings"

// Verb is a line that a walk may have. Arg is an example of what stands behind its word, in [] when it may be left out.
type Verb struct{ Word, Arg, Doc string }

func (v Verb) needs() bool { return v.Arg != "" && !strings.HasPrefix(v.Arg, "[") }

// Verbs lists the lines of a walk, as docs/ivr.md does: what prepares the call, what the caller does, what happens, what is expected.
func Verbs() []Verb {
	return []Verb{
		{"at", "2026-12-24 11:59", "when the call begins, in the menu's zone; else Wednesday 2026-11-25 10:00"},
		{"caller", "030123", "who calls; else 100"},
		{"name", "\"Anna\"", "the caller's name; else none"},
		{"called", "200", "who is called; else 200"},
		{"languages", "de-AT, fr", "the caller's languages, best first"},
		{"param", "pin=1234", "a parameter of the menu, as `params` of the configuration gives it"},
		{"uri-param", "play=a.wav", "a parameter of the Request-URI"},
		{"subscribes", "", "the caller does not call, but subscribes to his messages: the walk begins at `on_subscribe`"},
		{"broken", "a.wav", "from here on prompts with this text cannot be played"},
		{"press", "1234#", "the caller presses keys; also ahead of the question"},
		{"wait", "", "time passes until the question is given up"},
		{"hangup", "", "the caller hangs up; a recording ends by the next line `record`"},
		{"record", "12s", "the caller has spoken so long; `record nothing`: not a word"},
		{"answered", "", "the callee answers"},
		{"busy", "", "the callee is busy (486)"},
		{"no answer", "", "nobody answers (408)"},
		{"refused", "603", "the callee refuses with this status"},
		{"talked", "[3m]", "the two have talked so long, and the callee hangs up"},
		{"found", "[JSON]", "a look-up or hook brings this JSON, or nothing; a message summary is taken; a recording is moved or deleted"},
		{"missing", "", "a look-up finds nothing"},
		{"fails", "[why]", "a look-up, hook, summary, recording or room fails"},
		{"exited", "", "the caller leaves the room"},
		{"hear", "\"for sales\"", "the text, or the name of a prompt, is heard; in order, what comes between may be left out, upper and lower case are alike"},
		{"dials", "301", "this is called"},
		{"records", "", "the caller is being recorded"},
		{"asks", "\"file rooms.csv\"", "this is asked: `SOURCE WHAT KEY` of a look-up, `METHOD URL BODY` of a hook"},
		{"notifies", "\"sip:200@example.com 1/0\"", "this phone is told of new and old messages"},
		{"moves", "\"a.wav 200/old/\"", "this recording is moved there"},
		{"deletes", "a.wav", "this recording is deleted"},
		{"enters", "hall", "this room is entered"},
		{"node", "main", "the walk is at this node, `SUB.NODE` in a sub"},
		{"check", "n == 3", "this expression holds"},
		{"ends", "[busy]", "the call has ended, with this word or status of `hangup`"},
		{"leaves", "", "the menu is left by `leave`"},
	}
}
