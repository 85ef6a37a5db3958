package flow

import (
	"slices"
	"strings"
)

// Kind is what a node does. Its text is the key that makes it so.
type Kind string

// The kinds of nodes.
const (
	Menu           Kind = "menu"
	Collect        Kind = "collect"
	Record         Kind = "record"
	Dial           Kind = "dial"
	OpeningHours   Kind = "hours"
	LookupKind     Kind = "lookup"
	Set            Kind = "set"
	If             Kind = "if"
	Goto           Kind = "goto"
	SubKind        Kind = "sub"
	Hook           Kind = "hook"
	Conference     Kind = "conference"
	MessageSummary Kind = "message_waiting"
	Answer         Kind = "answer"
	Leave          Kind = "leave"
	Hangup         Kind = "hangup"
	Delete         Kind = "delete"
	Move           Kind = "move"
	Play           Kind = "play"
	SayKind        Kind = "say"
)

// kindRule says what a kind of node is for, and which keys it may have besides title, play and say.
type kindRule struct {
	kind Kind
	keys string
	doc  string
}

// kindRules lists all kinds. A node is of the first kind whose key it has: play and say come last, for other nodes have
// prompts as well.
func kindRules() []kindRule {
	const asks = "barge_in timeout retries no_input no_match failed type_ahead"
	return []kindRule{
		{Menu, asks + " between", "plays a prompt and goes where a key says"},
		{Collect, asks + " between min max terminator validate next", "plays a prompt and takes digits into a variable"},
		{Record, "barge_in to max_length min_length silence beep terminator retries no_input failed next", "plays a prompt and records what the caller says"},
		{Dial, "barge_in timeout side next_hop order whisper accept busy no_answer failed next", "calls somebody and connects the two"},
		{OpeningHours, "barge_in open closed holiday", "goes on by the time of day"},
		{LookupKind, "barge_in into timeout retries wait not_found failed next", "asks a source of data"},
		{Set, "barge_in next", "gives variables new values"},
		{If, "barge_in then else", "goes on by a condition"},
		{Goto, "barge_in", "goes to another node"},
		{SubKind, "barge_in with take next", "walks through a sub and comes back"},
		{Hook, "barge_in method headers body into timeout retries wait failed next", "tells somebody over HTTP, and takes the answer into a variable"},
		{Conference, "barge_in exit failed next", "puts the caller into a room with others"},
		{MessageSummary, "barge_in failed next", "tells a phone of messages in its mailbox (RFC 3842)"},
		{Answer, "barge_in next", "answers a call that was in early media"},
		{Leave, "barge_in", "leaves the menu: the call goes on in the chain"},
		{Hangup, "barge_in reason", "ends the call"},
		{Delete, "barge_in failed next", "deletes a recording"},
		{Move, "barge_in to into failed next", "moves a recording"},
		{Play, "barge_in repeat gap limit failed next", "plays a prompt"},
		{SayKind, "barge_in repeat gap limit failed next", "reads a text"},
	}
}

// Kinds lists the kinds of nodes.
func Kinds() (out []string) {
	for _, r := range kindRules() {
		out = append(out, string(r.kind))
	}
	return out
}

// KeysOf lists the keys a kind of node may have, its own first.
func KeysOf(k Kind) []string {
	for _, r := range kindRules() {
		if r.kind == k {
			rest := append([]string{"title", "play", "say"}, strings.Fields(r.keys)...)
			slices.Sort(rest[3:])
			return append([]string{string(k)}, slices.DeleteFunc(rest, func(key string) bool { return key == string(k) })...)
		}
	}
	return nil
}

// DocOf says in a few words what a kind of node does.
func DocOf(k Kind) string {
	for _, r := range kindRules() {
		if r.kind == k {
			return r.doc
		}
	}
	return ""
}

// Waits tells whether a node waits for somebody: a loop through it cannot spin.
func (k Kind) Waits() bool {
	return k == Menu || k == Collect || k == Record || k == Dial || k == Conference
}

// Heard tells whether a node needs the caller's ear or voice.
func (k Kind) Heard() bool { return k.Waits() || k == Play || k == SayKind }
